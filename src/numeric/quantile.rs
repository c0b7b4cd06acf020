//! Quantiles of sorted values.

/// The `q`-quantile of ascending values by linear interpolation (Hyndman & Fan 1996, type 7: the default of NumPy and R); NaN of none.
pub fn sorted_quantile(values: &[f64], q: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = (place.floor() as usize).min(last);
    let (low, high) = (values[below], values[(below + 1).min(last)]);
    // Beside an infinity there is nothing to interpolate.
    if low == high || place == below as f64 { low } else { low + (high - low) * (place - below as f64) }
}

#[cfg(test)]
mod tests {
    use super::sorted_quantile;

    #[test]
    fn interpolates_as_type_7() {
        // numpy.quantile([1, 2, 4, 8], [0, 0.1, 0.5, 0.9, 1]) = [1, 1.3, 3, 6.8, 8].
        for (q, expected) in [(0.0, 1.0), (0.1, 1.3), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
            assert!((sorted_quantile(&[1.0, 2.0, 4.0, 8.0], q) - expected).abs() < 1e-14);
        }
        assert_eq!(sorted_quantile(&[3.0], 0.7), 3.0);
        let infinite = [f64::NEG_INFINITY, 1.0, f64::INFINITY];
        assert_eq!([0.0, 0.5, 1.0].map(|q| sorted_quantile(&infinite, q)), infinite);
        assert!(sorted_quantile(&[], 0.5).is_nan());
    }
}
