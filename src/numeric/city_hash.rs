//! CityHash64, version 1.0: the hash by which CatBoost knows a category's text.
//!
//! Pike and Alakuijala, "CityHash" (Google, 2011). Later versions of the function give other values.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;
const K3: u64 = 0xc949_d7c7_509e_6557;

/// The 64-bit hash of `text`.
pub fn city_hash64(text: &[u8]) -> u64 {
    match text.len() {
        0..=16 => upto_16(text),
        17..=32 => upto_32(text),
        33..=64 => upto_64(text),
        _ => longer(text),
    }
}

/// The eight bytes from `at`, little-endian; every caller stays within `text`.
fn word(text: &[u8], at: usize) -> u64 {
    text[at..at + 8].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn half_word(text: &[u8], at: usize) -> u64 {
    text[at..at + 4].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn shift_mix(x: u64) -> u64 {
    x ^ x >> 47
}

fn pair(low: u64, high: u64) -> u64 {
    const MULTIPLIER: u64 = 0x9ddf_ea08_eb38_2d69;
    let a = shift_mix((low ^ high).wrapping_mul(MULTIPLIER));
    shift_mix((high ^ a).wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER)
}

fn upto_16(text: &[u8]) -> u64 {
    let length = text.len();
    match length {
        0 => K2,
        1..=3 => {
            let [first, middle, last] = [text[0], text[length / 2], text[length - 1]].map(u64::from);
            let (y, z) = (first + (middle << 8), length as u64 + (last << 2));
            shift_mix(y.wrapping_mul(K2) ^ z.wrapping_mul(K3)).wrapping_mul(K2)
        }
        4..=8 => pair(length as u64 + (half_word(text, 0) << 3), half_word(text, length - 4)),
        _ => {
            let (a, b) = (word(text, 0), word(text, length - 8));
            pair(a, b.wrapping_add(length as u64).rotate_right(length as u32)) ^ b
        }
    }
}

fn upto_32(text: &[u8]) -> u64 {
    let length = text.len();
    let a = word(text, 0).wrapping_mul(K1);
    let b = word(text, 8);
    let c = word(text, length - 8).wrapping_mul(K2);
    let d = word(text, length - 16).wrapping_mul(K0);
    pair(
        a.wrapping_sub(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d),
        a.wrapping_add((b ^ K3).rotate_right(20)).wrapping_sub(c).wrapping_add(length as u64),
    )
}

fn upto_64(text: &[u8]) -> u64 {
    let length = text.len();
    // Both halves mix alike: 32 bytes from `at`, from a start value.
    let half = |mut a: u64, at: usize| {
        let z = word(text, at + 24);
        let b = a.wrapping_add(z).rotate_right(52);
        let mut c = a.rotate_right(37);
        a = a.wrapping_add(word(text, at + 8));
        c = c.wrapping_add(a.rotate_right(7));
        a = a.wrapping_add(word(text, at + 16));
        (a.wrapping_add(z), b.wrapping_add(a.rotate_right(31)).wrapping_add(c))
    };
    let first = word(text, 0).wrapping_add(K0.wrapping_mul(word(text, length - 16).wrapping_add(length as u64)));
    let v = half(first, 0);
    let w = half(word(text, 16).wrapping_add(word(text, length - 32)), length - 32);
    let r = shift_mix(v.0.wrapping_add(w.1).wrapping_mul(K2).wrapping_add(w.0.wrapping_add(v.1).wrapping_mul(K0)));
    shift_mix(r.wrapping_mul(K0).wrapping_add(v.1)).wrapping_mul(K2)
}

fn weak_pair(text: &[u8], at: usize, a: u64, b: u64) -> (u64, u64) {
    let [w, x, y, z] = [0, 8, 16, 24].map(|offset| word(text, at + offset));
    let a = a.wrapping_add(w);
    let b = b.wrapping_add(a).wrapping_add(z).rotate_right(21);
    let c = a.wrapping_add(x).wrapping_add(y);
    (c.wrapping_add(z), b.wrapping_add(c.rotate_right(44)).wrapping_add(a))
}

fn longer(text: &[u8]) -> u64 {
    let length = text.len();
    let mut x = word(text, 0);
    let mut y = word(text, length - 16) ^ K1;
    let mut z = word(text, length - 56) ^ K0;
    let mut v = weak_pair(text, length - 64, length as u64, y);
    let mut w = weak_pair(text, length - 32, (length as u64).wrapping_mul(K1), K0);
    z = z.wrapping_add(shift_mix(v.1).wrapping_mul(K1));
    x = z.wrapping_add(x).rotate_right(39).wrapping_mul(K1);
    y = y.rotate_right(33).wrapping_mul(K1);
    for at in (0..(length - 1) & !63).step_by(64) {
        x = x.wrapping_add(y).wrapping_add(v.0).wrapping_add(word(text, at + 16)).rotate_right(37).wrapping_mul(K1) ^ w.1;
        y = y.wrapping_add(v.1).wrapping_add(word(text, at + 48)).rotate_right(42).wrapping_mul(K1) ^ v.0;
        z = (z ^ w.0).rotate_right(33);
        v = weak_pair(text, at, v.1.wrapping_mul(K1), x.wrapping_add(w.0));
        w = weak_pair(text, at + 32, z.wrapping_add(w.1), y);
        std::mem::swap(&mut x, &mut z);
    }
    pair(pair(v.0, w.0).wrapping_add(shift_mix(y).wrapping_mul(K1)).wrapping_add(z), pair(v.1, w.1).wrapping_add(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lower halves as CatBoost 1.2.10 writes them into `cat_features_hash`, for letters `i² + n mod 26` at `i < n`.
    #[test]
    fn texts_of_all_lengths_hash_as_catboost_hashes_them() {
        let hashes: [(usize, u32); 29] = [
            (0, 797_982_799),
            (1, 1_982_436_109),
            (2, 842_579_732),
            (3, 2_690_251_476),
            (4, 2_246_925_346),
            (5, 804_322_369),
            (7, 3_926_729_613),
            (8, 811_436_305),
            (9, 2_073_641_167),
            (12, 353_317_592),
            (15, 461_045_282),
            (16, 3_259_770_662),
            (17, 2_007_571_361),
            (24, 2_672_245_361),
            (31, 1_410_760_930),
            (32, 627_760_105),
            (33, 738_238_249),
            (40, 680_231_248),
            (63, 1_640_246_664),
            (64, 1_417_420_549),
            (65, 2_456_686_140),
            (100, 162_696_977),
            (127, 2_387_098_971),
            (128, 2_577_804_990),
            (129, 1_159_546_766),
            (191, 750_045_462),
            (192, 601_514_995),
            (193, 3_686_957_347),
            (300, 187_894_456),
        ];
        for (length, hash) in hashes {
            let text: Vec<u8> = (0..length).map(|i| b'a' + ((i * i + length) % 26) as u8).collect();
            assert_eq!(city_hash64(&text) as u32, hash, "length {length}");
        }
        assert_eq!(city_hash64("grün".as_bytes()) as u32, 3_055_766_120);
    }
}
