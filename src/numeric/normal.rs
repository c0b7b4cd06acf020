//! The normal distribution: how many standard errors a confidence interval reaches.

use statrs::function::erf::erf_inv;

/// The deviation z that a standard normal variable stays within, −z to z, with probability `level`: √2·erf⁻¹(level).
pub fn two_sided(level: f64) -> f64 {
    std::f64::consts::SQRT_2 * erf_inv(level)
}

#[cfg(test)]
mod tests {
    use super::two_sided;

    #[test]
    fn agrees_with_the_tables() {
        // R: qnorm(c(0.75, 0.95, 0.975, 0.995, 0.9995)).
        let table = [
            (0.5, 0.674_489_750_196_081_7),
            (0.9, 1.644_853_626_951_473),
            (0.95, 1.959_963_984_540_054),
            (0.99, 2.575_829_303_548_9),
            (0.999, 3.290_526_731_491_895),
        ];
        for (level, expected) in table {
            // statrs' inverse is a rational approximation of about ten digits.
            assert!((two_sided(level) - expected).abs() < 1e-9, "{level}: {}", two_sided(level));
        }
    }
}
