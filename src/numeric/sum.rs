//! Long sums that are fast and always add in the same order.

/// Sums kept side by side: four vector registers of an AVX2 machine hold them.
const LANES: usize = 8;

/// Σ term(a_i, b_i), as eight interleaved sums that are added at the end: the compiler may use vectors, and rounding errors grow an eighth as fast.
pub fn paired_sum(a: &[f64], b: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    let (a_lanes, a_rest) = a.as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for lane in 0..LANES {
            sums[lane] += term(a[lane], b[lane]);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| term(*a, *b)).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::paired_sum;

    #[test]
    fn every_pair_counts_once() {
        for n in 0..40_u32 {
            let values: Vec<f64> = (1..=n).map(f64::from).collect();
            let squares = f64::from(n * (n + 1) * (2 * n + 1) / 6);
            assert_eq!(paired_sum(&values, &values, |a, b| a * b), squares);
        }
    }
}
