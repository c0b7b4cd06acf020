//! Random damage to files, the same for the reader of every format.

use proptest::prelude::*;

/// One way to damage a file.
#[derive(Clone, Debug)]
pub enum Damage {
    /// One byte is another.
    Set(usize, u8),
    /// Bytes are left out.
    Drop(usize, usize),
    /// Bytes from elsewhere are put in.
    Insert(usize, usize, usize),
}

/// Any damage; its bytes are likely to mean something to text, JSON and UBJSON.
pub fn damage() -> impl Strategy<Value = Damage> {
    let place = 0..100_000_usize;
    let mark = prop_oneof![any::<u8>(), prop::sample::select(b"0123456789-[]{}\",:eNLldUSi$#ZT\x00\xff".to_vec())];
    prop_oneof![
        4 => (place.clone(), mark).prop_map(|(at, byte)| Damage::Set(at, byte)),
        1 => (place.clone(), 1..3_000_usize).prop_map(|(at, length)| Damage::Drop(at, length)),
        1 => (place.clone(), place, 1..200_usize).prop_map(|(at, from, length)| Damage::Insert(at, from, length)),
    ]
}

/// Damages a file's bytes; places are taken modulo its length.
pub fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    let place = |at: usize| at % bytes.len().max(1);
    let end = |at: usize, length: usize| (at + length).min(bytes.len());
    match *damage {
        Damage::Set(at, byte) => {
            let at = place(at);
            bytes[at..].iter_mut().take(1).for_each(|place| *place = byte);
        }
        Damage::Drop(at, length) => {
            let at = place(at);
            bytes.drain(at..end(at, length));
        }
        Damage::Insert(at, from, length) => {
            let (at, from) = (place(at), place(from));
            let piece = bytes[from..end(from, length)].to_vec();
            bytes.splice(at..at, piece);
        }
    }
}
