//! FlatBuffers tables, every access checked against the buffer's end.
//!
//! Format: <https://flatbuffers.dev/internals/>. What is read is counted, so that offsets which lead to one place many times cannot ask
//! for more memory than a multiple of the buffer's size.

use std::cell::Cell;

/// What is wrong with a buffer, and at which byte.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("byte {at}: {message}")]
pub(super) struct FlatbufferError {
    at: usize,
    message: String,
}

pub(super) type Read<T> = Result<T, FlatbufferError>;

/// Times the buffer's size that may be read: tables share their lists of fields.
const SHARING: usize = 16;

/// A buffer, and how much may yet be read from it.
#[derive(Debug)]
pub(super) struct Buffer<'a> {
    bytes: &'a [u8],
    left: Cell<usize>,
}

impl<'a> Buffer<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, left: Cell::new(bytes.len().saturating_mul(SHARING)) }
    }

    /// The table that the buffer begins with.
    pub fn root(&self) -> Read<Table<'_>> {
        self.table(0)
    }

    fn fail<T>(&self, at: usize, message: impl Into<String>) -> Read<T> {
        Err(FlatbufferError { at, message: message.into() })
    }

    fn take(&self, at: usize, length: usize) -> Read<&'a [u8]> {
        let end = at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let Some(bytes) = end.and_then(|end| self.bytes.get(at..end)) else {
            return self.fail(at, format!("{length} bytes are needed beyond the end of the {} that there are", self.bytes.len()));
        };
        match self.left.get().checked_sub(length) {
            Some(left) => self.left.set(left),
            None => return self.fail(at, "offsets lead to the same bytes again and again"),
        }
        Ok(bytes)
    }

    fn array<const N: usize>(&self, at: usize) -> Read<[u8; N]> {
        self.take(at, N)?.try_into().or_else(|_| self.fail(at, "cut short"))
    }

    fn offset(&self, at: usize) -> Read<usize> {
        Ok(u32::from_le_bytes(self.array(at)?) as usize)
    }

    /// The table to which the offset at `at` leads.
    fn table(&self, at: usize) -> Read<Table<'_>> {
        let start = at.saturating_add(self.offset(at)?);
        let back = i64::from(i32::from_le_bytes(self.array(start)?));
        let fields = i64::try_from(start).ok().and_then(|start| usize::try_from(start - back).ok());
        let Some(fields) = fields else { return self.fail(start, "the table's list of fields is outside of the buffer") };
        let length = u16::from_le_bytes(self.array(fields)?).into();
        Ok(Table { buffer: self, start, fields: self.take(fields, length)? })
    }

    /// The elements of `size` bytes of the vector to which the offset at `at` leads, and where they begin.
    fn vector(&self, at: usize, size: usize) -> Read<(&'a [u8], usize)> {
        let start = at.saturating_add(self.offset(at)?);
        let Some(length) = self.offset(start)?.checked_mul(size) else { return self.fail(start, "a vector beyond all memory") };
        Ok((self.take(start.saturating_add(4), length)?, start.saturating_add(4)))
    }

    /// The text to which the offset at `at` leads.
    fn text(&self, at: usize) -> Read<String> {
        let (bytes, start) = self.vector(at, 1)?;
        String::from_utf8(bytes.to_vec()).or_else(|_| self.fail(start, "text is not UTF-8"))
    }
}

/// The numbers that follow each other in some bytes.
pub(super) fn scalars<'a, T: Scalar + 'a>(bytes: &'a [u8]) -> impl Iterator<Item = T> + 'a {
    bytes.chunks_exact(T::SIZE).map(T::of)
}

/// A number of fixed size.
pub(super) trait Scalar: Sized {
    const SIZE: usize;
    /// The number in its first [`Self::SIZE`] bytes.
    fn of(bytes: &[u8]) -> Self;
}

macro_rules! scalars {
    ($($number:ty),*) => {
        $(impl Scalar for $number {
            const SIZE: usize = size_of::<$number>();
            fn of(bytes: &[u8]) -> Self {
                bytes.first_chunk().map_or_else(Default::default, |bytes| <$number>::from_le_bytes(*bytes))
            }
        })*
    };
}
scalars!(u8, u16, i32, u32, u64, f32, f64);

/// Two numbers side by side.
impl<A: Scalar, B: Scalar> Scalar for (A, B) {
    const SIZE: usize = A::SIZE + B::SIZE;
    fn of(bytes: &[u8]) -> Self {
        (A::of(bytes), B::of(bytes.get(A::SIZE..).unwrap_or_default()))
    }
}

/// A table: fields by number, each of which may be absent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    buffer: &'a Buffer<'a>,
    start: usize,
    /// Lengths of this list and of the table, then the place of each field in the table, 0 where it is absent.
    fields: &'a [u8],
}

impl<'a> Table<'a> {
    fn place(&self, field: usize) -> Option<usize> {
        let place = self.fields.get(4 + 2 * field..)?.first_chunk()?;
        Some(usize::from(u16::from_le_bytes(*place))).filter(|place| *place != 0).map(|place| self.start + place)
    }

    /// A number, if it is there.
    pub fn number<T: Scalar>(&self, field: usize) -> Read<Option<T>> {
        self.place(field).map(|at| Ok(T::of(self.buffer.take(at, T::SIZE)?))).transpose()
    }

    /// Another table, which must be there.
    pub fn table(&self, field: usize) -> Read<Table<'a>> {
        match self.place(field) {
            Some(at) => self.buffer.table(at),
            None => self.buffer.fail(self.start, format!("the table here lacks field {field}")),
        }
    }

    /// Text; empty where it is absent.
    pub fn text(&self, field: usize) -> Read<String> {
        self.place(field).map_or(Ok(String::new()), |at| self.buffer.text(at))
    }

    /// Bytes; none where they are absent.
    pub fn bytes(&self, field: usize) -> Read<&'a [u8]> {
        self.place(field).map_or(Ok(&[][..]), |at| Ok(self.buffer.vector(at, 1)?.0))
    }

    /// Numbers; none where they are absent.
    pub fn numbers<T: Scalar>(&self, field: usize) -> Read<Vec<T>> {
        let Some(at) = self.place(field) else { return Ok(Vec::new()) };
        Ok(scalars(self.buffer.vector(at, T::SIZE)?.0).collect())
    }

    /// Texts; none where they are absent.
    pub fn texts(&self, field: usize) -> Read<Vec<String>> {
        let Some(at) = self.place(field) else { return Ok(Vec::new()) };
        let (bytes, start) = self.buffer.vector(at, 4)?;
        (0..bytes.len() / 4).map(|element| self.buffer.text(start + 4 * element)).collect()
    }

    /// Tables; none where they are absent.
    pub fn tables(&self, field: usize) -> Read<Vec<Table<'a>>> {
        let Some(at) = self.place(field) else { return Ok(Vec::new()) };
        let (bytes, start) = self.buffer.vector(at, 4)?;
        (0..bytes.len() / 4).map(|element| self.buffer.table(start + 4 * element)).collect()
    }
}
