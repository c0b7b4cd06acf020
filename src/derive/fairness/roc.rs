//! Area under the ROC curve, and how far it may be off.

use crate::numeric::moments::Moments;
use crate::numeric::value_counts::ValueCounts;

/// P(value of a row of the second class > that of one of the first), ties for half, and its standard error (DeLong et al. 1988), for classes of these
/// effective numbers of rows.
pub(super) fn auc(zeros: &ValueCounts, ones: &ValueCounts, effective: [f64; 2]) -> (f64, f64) {
    let pairs = zeros.paired(ones);
    let total = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    // A placement is the share of the other class that a row outranks.
    let (mut below, mut placements) = ((0.0, 0.0), Vec::with_capacity(pairs.len()));
    for (zero, one) in pairs {
        let of_one = (below.0 + zero / 2.0) / total.0;
        let of_zero = 1.0 - (below.1 + one / 2.0) / total.1;
        placements.push(((of_zero, zero), (of_one, one)));
        below = (below.0 + zero, below.1 + one);
    }
    let of_zeros: (Vec<f64>, Vec<f64>) = placements.iter().map(|placement| placement.0).unzip();
    let of_ones: (Vec<f64>, Vec<f64>) = placements.iter().map(|placement| placement.1).unzip();
    let (zeros, ones) = (Moments::of(&of_zeros.0, &of_zeros.1), Moments::of(&of_ones.0, &of_ones.1));
    let [n, m] = effective;
    let variance = zeros.deviations / zeros.weight / (n - 1.0) + ones.deviations / ones.weight / (m - 1.0);
    (ones.mean, variance.sqrt())
}
