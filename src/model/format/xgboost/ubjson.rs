//! Universal Binary JSON, as XGBoost writes it: big-endian numbers, optimised containers, counts checked before use.
//!
//! The format: <https://ubjson.org>, draft 12. XGBoost writes arrays as `[$type#count` where all elements are of one type.

use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, MapAccess, SeqAccess, Visitor};

/// Containers inside containers that are followed; XGBoost's own nest eight deep.
const DEPTH_LIMIT: usize = 64;

/// What is wrong, and where.
#[derive(Debug, PartialEq)]
pub(super) struct UbjsonError {
    message: String,
    offset: Option<usize>,
}

impl fmt::Display for UbjsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{} at byte {offset}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for UbjsonError {}

impl de::Error for UbjsonError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), offset: None }
    }
}

type Decoded<T> = Result<T, UbjsonError>;

/// Decodes a whole file.
pub(super) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Decoded<T> {
    let mut decoder = Decoder { bytes, at: 0, depth: 0 };
    let decoded = decoder.value().and_then(T::deserialize);
    // An error raised by the type that is filled knows no place: it is where reading stopped.
    let decoded = decoded.map_err(|error| UbjsonError { offset: error.offset.or(Some(decoder.at)), ..error })?;
    if decoder.at < bytes.len() { decoder.fail("the model ends here, but the file goes on") } else { Ok(decoded) }
}

/// Where reading has come to.
struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Decoder<'a> {
    fn fail<T>(&self, message: impl Into<String>) -> Decoded<T> {
        Err(UbjsonError { message: message.into(), offset: Some(self.at) })
    }

    fn take(&mut self, length: usize) -> Decoded<&'a [u8]> {
        let Some((taken, _)) = self.bytes.get(self.at..).and_then(|rest| rest.split_at_checked(length)) else {
            let left = self.bytes.len() - self.at;
            return self.fail(format!("{length} bytes are declared, but the file has {left} more: it is cut short or damaged"));
        };
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let taken = self.take(N)?;
        taken.try_into().or_else(|_| self.fail("the file is cut short"))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next type marker; no-ops are skipped.
    fn marker(&mut self) -> Decoded<u8> {
        loop {
            let [marker] = self.array()?;
            if marker != b'N' {
                return Ok(marker);
            }
        }
    }

    fn value(&mut self) -> Decoded<Value<'_, 'a>> {
        let marker = self.marker()?;
        Ok(Value { decoder: self, marker })
    }

    fn integer(&mut self, marker: u8) -> Decoded<i64> {
        Ok(match marker {
            b'i' => i8::from_be_bytes(self.array()?).into(),
            b'U' => u8::from_be_bytes(self.array()?).into(),
            b'I' => i16::from_be_bytes(self.array()?).into(),
            b'l' => i32::from_be_bytes(self.array()?).into(),
            b'L' => i64::from_be_bytes(self.array()?),
            other => return self.fail(format!("type {} stands where an integer is expected", show(other))),
        })
    }

    fn length(&mut self) -> Decoded<usize> {
        let marker = self.marker()?;
        let length = self.integer(marker)?;
        usize::try_from(length).or_else(|_| self.fail(format!("length {length} is negative")))
    }

    fn text(&mut self) -> Decoded<&'a str> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).or_else(|_| self.fail("text is not UTF-8"))
    }

    /// What stands between a container's opening and its elements; elements of `size` bytes at least must fit into the rest.
    fn shape(&mut self) -> Decoded<Shape> {
        let element = if self.peek() == Some(b'$') {
            self.at += 1;
            Some(self.marker()?)
        } else {
            None
        };
        let mut left = None;
        if self.peek() == Some(b'#') {
            self.at += 1;
            let count = self.length()?;
            let size = match element {
                Some(b'Z' | b'T' | b'F') => return self.fail("a container of elements without content"),
                Some(b'I') => 2,
                Some(b'l' | b'd') => 4,
                Some(b'L' | b'D') => 8,
                _ => 1,
            };
            let rest = self.bytes.len() - self.at;
            if count > rest / size {
                return self.fail(format!("{count} elements are declared, but the file has {rest} more bytes: it is cut short or damaged"));
            }
            left = Some(count);
        } else if element.is_some() {
            return self.fail("a container has an element type but no count");
        }
        Ok(Shape { element, left })
    }

    /// Runs `inside` within one more container.
    fn nested<T>(&mut self, inside: impl FnOnce(&mut Self, Shape) -> Decoded<T>) -> Decoded<T> {
        if self.depth == DEPTH_LIMIT {
            return self.fail(format!("containers nest deeper than {DEPTH_LIMIT}"));
        }
        self.depth += 1;
        let shape = self.shape()?;
        let result = inside(self, shape);
        self.depth -= 1;
        result
    }
}

fn show(marker: u8) -> String {
    format!("`{}`", char::from(marker).escape_default())
}

/// Element type of a container, if all have one, and elements left, if counted.
struct Shape {
    element: Option<u8>,
    left: Option<usize>,
}

/// A value whose type marker has been read.
struct Value<'d, 'de> {
    decoder: &'d mut Decoder<'de>,
    marker: u8,
}

impl<'de> de::Deserializer<'de> for Value<'_, 'de> {
    type Error = UbjsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
        let Self { decoder, marker } = self;
        match marker {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'i' | b'U' | b'I' | b'l' | b'L' => visitor.visit_i64(decoder.integer(marker)?),
            b'd' => visitor.visit_f32(f32::from_be_bytes(decoder.array()?)),
            b'D' => visitor.visit_f64(f64::from_be_bytes(decoder.array()?)),
            b'C' => visitor.visit_char(u8::from_be_bytes(decoder.array()?).into()),
            b'S' => visitor.visit_borrowed_str(decoder.text()?),
            b'[' => decoder.nested(|decoder, shape| visitor.visit_seq(Elements { decoder, shape, close: b']' })),
            b'{' => decoder.nested(|decoder, shape| visitor.visit_map(Elements { decoder, shape, close: b'}' })),
            other => decoder.fail(format!("type {} is not one of UBJSON's that XGBoost writes", show(other))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
        if self.marker == b'Z' { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The elements of a container, which ends at `close` unless it is counted.
struct Elements<'d, 'de> {
    decoder: &'d mut Decoder<'de>,
    shape: Shape,
    close: u8,
}

impl<'de> Elements<'_, 'de> {
    /// Whether another element follows.
    fn advance(&mut self) -> bool {
        match &mut self.shape.left {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None if self.decoder.peek() == Some(self.close) => {
                self.decoder.at += 1;
                self.shape.left = Some(0);
                false
            }
            None => true,
        }
    }

    fn element<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Decoded<T::Value> {
        let marker = match self.shape.element {
            Some(marker) => marker,
            None => self.decoder.marker()?,
        };
        seed.deserialize(Value { decoder: self.decoder, marker })
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = UbjsonError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Decoded<Option<T::Value>> {
        if self.advance() { self.element(seed).map(Some) } else { Ok(None) }
    }

    fn size_hint(&self) -> Option<usize> {
        self.shape.left
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = UbjsonError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Decoded<Option<K::Value>> {
        if !self.advance() {
            return Ok(None);
        }
        seed.deserialize(BorrowedStrDeserializer::new(self.decoder.text()?)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Decoded<T::Value> {
        self.element(seed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value as Json, json};

    use super::*;

    fn fails<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> String {
        decode::<T>(bytes).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn every_type_is_read_big_endian() {
        let values: [(&[u8], Json); 12] = [
            (b"Z", Json::Null),
            (b"T", json!(true)),
            (b"NNF", json!(false)),
            (b"i\xff", json!(-1)),
            (b"U\xff", json!(255)),
            (b"I\x01\x02", json!(258)),
            (b"l\xff\xff\xff\xfe", json!(-2)),
            (b"L\x00\x00\x00\x01\x00\x00\x00\x00", json!(4_294_967_296_u64)),
            (b"d\x3f\xc0\x00\x00", json!(1.5)),
            (b"D\xc0\x04\x00\x00\x00\x00\x00\x00", json!(-2.5)),
            (b"Ca", json!("a")),
            (b"Si\x02\xc3\xa9", json!("é")),
        ];
        for (bytes, value) in values {
            assert_eq!(decode::<Json>(bytes), Ok(value));
        }
    }

    #[test]
    fn containers_may_be_open_counted_or_typed() {
        for bytes in [&b"[i\x01i\x02]"[..], b"[#i\x02i\x01i\x02", b"[$i#i\x02\x01\x02"] {
            assert_eq!(decode::<Vec<u8>>(bytes), Ok(vec![1, 2]));
        }
        for bytes in [&b"{i\x01ai\x07}"[..], b"{#i\x01i\x01ai\x07", b"{$i#i\x01i\x01a\x07"] {
            assert_eq!(decode::<BTreeMap<String, u8>>(bytes), Ok(BTreeMap::from([("a".into(), 7)])));
        }
        assert_eq!(decode::<Json>(b"[[]{}[#i\x00{#i\x00]"), Ok(json!([[], {}, [], {}])));
    }

    #[test]
    fn counts_are_checked_before_anything_is_read_or_stored() {
        let cut = "elements are declared, but the file has 2 more bytes: it is cut short or damaged";
        assert_eq!(fails::<Vec<f32>>(b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00"), format!("{} {cut} at byte 13", i64::MAX));
        assert_eq!(fails::<Vec<f32>>(b"[#U\x03i\x01"), format!("3 {cut} at byte 4"));
        assert!(fails::<String>(b"SL\x7f\xff\xff\xff\xff\xff\xff\xffab").contains("bytes are declared, but the file has 2 more"));
        assert_eq!(fails::<String>(b"Si\xff"), "length -1 is negative at byte 3");
        assert_eq!(fails::<Json>(b"[$Z#l\x7f\xff\xff\xff"), "a container of elements without content at byte 9");
    }

    #[test]
    fn errors_name_the_byte() {
        assert_eq!(fails::<Json>(b"[i\x01"), "1 bytes are declared, but the file has 0 more: it is cut short or damaged at byte 3");
        assert_eq!(fails::<Json>(b"[x]"), "type `x` is not one of UBJSON's that XGBoost writes at byte 2");
        assert_eq!(fails::<Json>(b"[$i\x01]"), "a container has an element type but no count at byte 3");
        assert_eq!(fails::<Json>(b"Si\x01\xff"), "text is not UTF-8 at byte 4");
        assert_eq!(fails::<Json>(b"{T"), "type `T` stands where an integer is expected at byte 2");
        assert_eq!(fails::<Json>(b"i\x01i"), "the model ends here, but the file goes on at byte 2");
        assert_eq!(fails::<Vec<u8>>(b"[i\x01Si\x01a]"), "invalid type: string \"a\", expected u8 at byte 7");
        assert_eq!(fails::<Json>(&[b'['; 100]), "containers nest deeper than 64 at byte 65");
        assert_eq!(fails::<de::IgnoredAny>(&[b'['; 100_000]), "containers nest deeper than 64 at byte 65");
    }
}
