//! How densely values lie around each of them: the width of a beeswarm.

use crate::numeric::quantile::sorted_quantile;

/// Grid points over the values' range.
const GRID: usize = 512;

/// Gaussian kernel density at each value, relative to the largest over the values: in (0, 1], and 1 where all values are equal.
///
/// Values are shared out linearly between the two nearest of [`GRID`] points (Wand 1994). The bandwidth is Silverman's rule of thumb (1986,
/// eq. 3.31), 0.9·min(s, IQR/1.34)·n^−1/5, and at least two grid steps; at most the range, where squares overflow. A value that is not finite
/// has density 0.
pub(super) fn densities(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (sorted.first().copied(), sorted.last().copied()) else { return vec![0.0; values.len()] };
    let step = (high - low) / (GRID - 1) as f64;
    if step == 0.0 || !step.is_finite() {
        return values.iter().map(|value| if value.is_finite() { 1.0 } else { 0.0 }).collect();
    }
    let place = |value: f64| {
        let place = ((value - low) / step).clamp(0.0, (GRID - 1) as f64);
        let left = (place as usize).min(GRID - 2);
        (left, place - left as f64)
    };
    let mut mass = vec![0.0; GRID];
    for &value in &sorted {
        let (left, share) = place(value);
        mass[left] += 1.0 - share;
        mass[left + 1] += share;
    }
    let smooth = smooth(&mass, (bandwidth(&sorted) / step).max(2.0).min(GRID as f64));
    let at = |value: &f64| {
        let (left, share) = place(*value);
        if value.is_finite() { smooth[left] * (1.0 - share) + smooth[left + 1] * share } else { 0.0 }
    };
    let raw: Vec<f64> = values.iter().map(at).collect();
    let top = raw.iter().copied().fold(0.0, f64::max);
    raw.into_iter().map(|density| density / top).collect()
}

fn bandwidth(sorted: &[f64]) -> f64 {
    let n = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / n;
    let deviation = (sorted.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n).sqrt();
    let middle = (sorted_quantile(sorted, 0.75) - sorted_quantile(sorted, 0.25)) / 1.34;
    0.9 * (if middle > 0.0 { deviation.min(middle) } else { deviation }) * n.powf(-0.2)
}

/// Convolution with a Gaussian of `width` grid steps, cut at four of them.
fn smooth(mass: &[f64], width: f64) -> Vec<f64> {
    let reach = (4.0 * width).ceil() as usize;
    let kernel: Vec<f64> = (0..=reach).map(|k| (-0.5 * (k as f64 / width).powi(2)).exp()).collect();
    let at = |point: usize| {
        let (first, last) = (point.saturating_sub(reach), (point + reach).min(mass.len() - 1));
        (first..=last).map(|other| mass[other] * kernel[other.abs_diff(point)]).sum()
    };
    (0..mass.len()).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_whose_squares_overflow_have_densities() {
        for large in [1e200, 1e300] {
            let found = densities(&[-large, 0.0, 0.5 * large, large]);
            assert!(found.iter().all(|density| *density > 0.0 && *density <= 1.0), "{found:?}");
        }
    }

    #[test]
    fn agrees_with_the_sum_over_all_pairs() {
        // Two bumps of unlike height, made of quantiles of the logistic distribution.
        let bump = |n: u32, at: f64| (1..n).map(move |i| at + (f64::from(i) / f64::from(n - i)).ln() / 3.0);
        let values: Vec<f64> = bump(300, -2.0).chain(bump(700, 3.0)).collect();
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let width = bandwidth(&sorted);
        let direct: Vec<f64> = values.iter().map(|x| values.iter().map(|y| (-0.5 * ((x - y) / width).powi(2)).exp()).sum()).collect();
        let top = direct.iter().copied().fold(0.0, f64::max);
        for (got, expected) in densities(&values).into_iter().zip(direct) {
            assert!((got - expected / top).abs() < 0.005, "{got} {}", expected / top);
        }
    }

    #[test]
    fn degenerate_values_have_densities_too() {
        assert_eq!(densities(&[]), Vec::<f64>::new());
        assert_eq!(densities(&[0.0; 3]), vec![1.0; 3]);
        assert_eq!(densities(&[5.0]), vec![1.0]);
        assert_eq!(densities(&[f64::NAN, 1.0, f64::INFINITY]), vec![0.0, 1.0, 0.0]);
        // Two values lie alike whatever the scale.
        assert_eq!(densities(&[1e-300, 2e-300]), vec![1.0; 2]);
        assert_eq!(densities(&[-1e300, 1e300]), vec![1.0; 2]);
        // Many equal values, a few far ones.
        let got = densities(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(got[0], 1.0);
        assert!((got[9] - 1.0 / 9.0).abs() < 0.05);
    }
}
