//! Randomness only through seeds derived from (run seed, purpose, row): never from order, threads or time.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Well-mixed 64 bits from `seed`, a `purpose` label and an `item` number (a row, a replicate, …).
///
/// FNV-1a over the label, then two rounds of the SplitMix64 finaliser (Steele, Lea & Flood 2014).
pub fn derive(seed: u64, purpose: &str, item: u64) -> u64 {
    let label = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    mix(mix(seed ^ label).wrapping_add(mix(item.wrapping_add(0x9e37_79b9_7f4a_7c15))))
}

/// A generator for one `item` of one `purpose`.
pub fn generator(seed: u64, purpose: &str, item: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(derive(seed, purpose, item))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_items_do_not_collide() {
        let mut seen = std::collections::HashSet::new();
        for purpose in ["background", "bootstrap", "beeswarm"] {
            for item in 0..10_000 {
                assert!(seen.insert(derive(42, purpose, item)));
            }
        }
    }
}
