//! Ward's hierarchy of rows, its leaves in order, and its cut into clusters.

use kodama::{Method, linkage};
use rayon::prelude::*;

/// A hierarchy of rows.
pub(super) struct Tree {
    /// The rows in the order of the leaves.
    pub order: Vec<usize>,
    /// Merges, the nearest first: the two sides' clusters, rows being the first ones.
    merges: Vec<[usize; 2]>,
}

impl Tree {
    /// The hierarchy of rows of equal length by Ward's (1963) criterion; at each merge the side with the smaller mean total comes first.
    pub fn of(rows: &[Vec<f64>]) -> Self {
        let n = rows.len();
        let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
        let mut distances: Vec<f64> =
            (0..n).into_par_iter().flat_map_iter(|a| (a + 1..n).map(move |b| distance(&rows[a], &rows[b]))).collect();
        let merges: Vec<[usize; 2]> = match n {
            0 | 1 => Vec::new(),
            _ => linkage(&mut distances, n, Method::Ward).steps().iter().map(|step| [step.cluster1, step.cluster2]).collect(),
        };
        // Sum of totals, rows, and leaves in order of every cluster.
        let mut clusters: Vec<(f64, f64, Vec<usize>)> =
            rows.iter().enumerate().map(|(row, values)| (values.iter().sum(), 1.0, vec![row])).collect();
        for merge in &merges {
            let [a, b] = merge.map(|side| std::mem::take(&mut clusters[side]));
            let (first, second) = if a.0 / a.1 <= b.0 / b.1 { (a, b) } else { (b, a) };
            clusters.push((first.0 + second.0, first.1 + second.1, [first.2, second.2].concat()));
        }
        Self { order: clusters.pop().map_or_else(Vec::new, |cluster| cluster.2), merges }
    }

    /// The cluster of each leaf, in their order, with at most `count` clusters numbered in that order: the last merges are undone.
    pub fn cut(&self, count: usize) -> Vec<usize> {
        let n = self.order.len();
        let mut cluster: Vec<usize> = (0..n + self.merges.len()).collect();
        let kept = (self.merges.len() + 1).saturating_sub(count);
        for (step, merge) in self.merges.iter().enumerate().take(kept).rev() {
            merge.iter().for_each(|side| cluster[*side] = cluster[n + step]);
        }
        let mut seen: Vec<usize> = Vec::new();
        let number = |row: &usize| match seen.iter().position(|known| *known == cluster[*row]) {
            Some(number) => number,
            None => {
                seen.push(cluster[*row]);
                seen.len() - 1
            }
        };
        self.order.iter().map(number).collect()
    }
}
