//! Ranks, and how alike two lists are ordered.

/// Ranks from 1, of equal values their mean.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut before) = (vec![0.0; values.len()], 0);
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = before as f64 + f64::midpoint(1.0, tied.len() as f64);
        tied.iter().for_each(|&place| ranks[place] = mean);
        before += tied.len();
    }
    ranks
}

/// Spearman's correlation: Pearson's of the ranks. `None` where one list is all the same.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let middle = f64::midpoint(1.0, a.len() as f64);
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum::<f64>();
    let size = (product(&a, &a) * product(&b, &b)).sqrt();
    (size > 0.0).then(|| product(&a, &b) / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.rankdata` and `spearmanr` 1.18 of the same lists.
    #[test]
    fn ranks_and_correlations_are_those_of_scipy() {
        let (a, b) = ([1.0, 2.0, 2.0, 3.0, 0.0, 7.0], [2.0, 1.0, 4.0, 4.0, 0.0, 3.0]);
        assert_eq!(ranks(&a), [2.0, 3.5, 3.5, 5.0, 1.0, 6.0]);
        assert_eq!(ranks(&[-0.0, 0.0, -1.0]), [2.5, 2.5, 1.0]);
        assert!((spearman(&a, &b).unwrap() - 0.661_764_705_882_352_9).abs() < 1e-15);
        let found = spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0]).unwrap();
        assert!((found - 0.820_782_681_668_123_3).abs() < 1e-15);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[-3.0, -2.0, -1.0]), Some(1.0));
        assert_eq!((spearman(&a, &[5.0; 6]), spearman(&[1.0], &[1.0]), spearman(&[], &[])), (None, None, None));
    }
}
