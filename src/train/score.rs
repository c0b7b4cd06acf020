//! How well a forest predicts rows that it was not fitted to.

use crate::model::Forest;
use crate::model::format::pipeline::Score;

use super::Part;

/// The metric that fits the label: AUC for two classes, accuracy for more, R² for a quantity.
pub(super) fn undefined(classes: &[f64]) -> Score {
    let metric = match classes.len() {
        0 => "r2",
        2 => "auc",
        _ => "accuracy",
    };
    Score { metric: metric.into(), value: None }
}

/// The metric's value; `None` where it is not defined on these rows.
pub(super) fn value(forest: &Forest, classes: &[f64], part: &Part) -> Option<f64> {
    let (predictions, rows) = (forest.predictions(&part.values), part.labels.len());
    match classes {
        [] => r2(&predictions, &part.labels),
        [_, second] => auc(&predictions, &part.labels.iter().map(|label| label == second).collect::<Vec<_>>()),
        _ => {
            let best = |row: usize| {
                (1..classes.len()).fold(
                    0,
                    |best, class| {
                        if predictions[class * rows + row] > predictions[best * rows + row] { class } else { best }
                    },
                )
            };
            let right = (0..rows).filter(|&row| classes[best(row)] == part.labels[row]).count();
            Some(right as f64 / rows as f64)
        }
    }
}

/// R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)²; not defined where all labels are equal.
fn r2(predictions: &[f64], labels: &[f64]) -> Option<f64> {
    let mean = labels.iter().sum::<f64>() / labels.len() as f64;
    let residual: f64 = labels.iter().zip(predictions).map(|(y, p)| (y - p) * (y - p)).sum();
    let total: f64 = labels.iter().map(|y| (y - mean) * (y - mean)).sum();
    (total > 0.0).then(|| 1.0 - residual / total)
}

/// Area under the ROC curve: the share of pairs of a positive and a negative row in which the positive one scores higher, ties counting
/// half (Mann–Whitney); not defined where there are no such pairs.
fn auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    // Twice the number of pairs won, so that it is whole.
    let (mut won, mut below, mut positives) = (0_u128, 0_u128, 0_u128);
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let here = tied.iter().filter(|&&row| positive[row]).count() as u128;
        let negative = tied.len() as u128 - here;
        won += here * (2 * below + negative);
        below += negative;
        positives += here;
    }
    (positives > 0 && below > 0).then(|| won as f64 / (2 * positives * below) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_is_the_share_of_pairs_in_order() {
        // scikit-learn's example of roc_auc_score, 3 of 4 pairs; then with a tie, 3.5 of 4.
        assert_eq!(auc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]), Some(0.75));
        assert_eq!(auc(&[0.1, 0.4, 0.4, 0.8], &[false, false, true, true]), Some(0.875));
        assert_eq!(auc(&[0.1, 0.4], &[true, true]), None);
    }

    #[test]
    fn r2_is_the_share_of_variance_explained() {
        // scikit-learn's example of r2_score: 0.9486081370449679.
        let score = r2(&[2.5, 0.0, 2.0, 8.0], &[3.0, -0.5, 2.0, 7.0]);
        assert!((score.unwrap() - 0.948_608_137_044_967_9).abs() < 1e-15);
        assert_eq!(r2(&[1.0, 2.0], &[3.0, 3.0]), None);
    }
}
