//! How alike two lists of attributions order the features.

/// Features beyond which Kendall's correlation, whose cost grows with their square, is not computed.
const KENDALL: usize = 200;

/// Kendall's τ_b: concordant less discordant pairs over the geometric mean of the pairs that either list does not tie.
pub(super) fn kendall(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() > KENDALL {
        return None;
    }
    let (mut balance, mut of_a, mut of_b) = (0_i64, 0_i64, 0_i64);
    for first in 0..a.len() {
        for second in 0..first {
            let sign = |list: &[f64]| i64::from(list[first] > list[second]) - i64::from(list[first] < list[second]);
            let (a, b) = (sign(a), sign(b));
            balance += a * b;
            of_a += a.abs();
            of_b += b.abs();
        }
    }
    let size = (of_a as f64 * of_b as f64).sqrt();
    (size > 0.0).then(|| balance as f64 / size)
}

/// The places of the `k` largest sizes; of equal ones the earlier.
pub(super) fn top(sizes: &[f64], k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|&a, &b| sizes[b].total_cmp(&sizes[a]).then(a.cmp(&b)));
    order.truncate(k);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.kendalltau` 1.18 of the same lists.
    #[test]
    fn correlations_are_those_of_scipy() {
        let (a, b) = ([1.0, 2.0, 2.0, 3.0, 0.0, 7.0], [2.0, 1.0, 4.0, 4.0, 0.0, 3.0]);
        assert!((kendall(&a, &b).unwrap() - 0.5).abs() < 1e-15);
        assert_eq!(kendall(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
        assert_eq!((kendall(&[5.0; 6], &b), kendall(&[], &[])), (None, None));
        assert_eq!(kendall(&[1.0; 201], &[1.0; 201]), None);
    }

    #[test]
    fn the_largest_come_first_and_ties_in_order() {
        assert_eq!(top(&[1.0, 3.0, 3.0, 0.5], 3), [1, 2, 0]);
        assert_eq!(top(&[1.0], 5), [0]);
    }
}
