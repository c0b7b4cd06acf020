//! What a training objective makes of margins.

use crate::model::error::ReadError;
use crate::model::link::Link;

/// The link of an objective as the file words it, a name and its parameters; margins are divided by `rounds` first.
///
/// # Errors
/// If the objective is not known or its sigmoid parameter is not a positive number.
pub(super) fn link(objective: &str, rounds: usize) -> Result<Link, ReadError> {
    let mut words = objective.split_whitespace();
    let name = words.next().unwrap_or("custom");
    let square_root = words.clone().any(|word| word == "sqrt");
    let (link, steepness) = match name {
        "binary" | "multiclassova" => (&Link::Logistic, sigmoid(objective)?),
        "cross_entropy" | "xentropy" => (&Link::Logistic, 1.0),
        "cross_entropy_lambda" | "xentlambda" => (&Link::Softplus, 1.0),
        "multiclass" => (&Link::Softmax, 1.0),
        "poisson" | "gamma" | "tweedie" => (&Link::Exp, 1.0),
        "regression" | "regression_l1" | "quantile" | "fair" | "mape" if square_root => (&Link::SignedSquare, 1.0),
        "regression" | "regression_l1" | "quantile" | "fair" | "mape" | "huber" | "lambdarank" | "rank_xendcg" | "custom" => {
            (&Link::Identity, 1.0)
        }
        other => {
            return Err(ReadError::Unsupported(format!(
                "objective `{other}` is not known, so neither is what it makes of margins; LightGBM up to 4.7 has no such objective"
            )));
        }
    };
    let factor = steepness / rounds as f64;
    Ok(if factor == 1.0 { *link } else { Link::Scaled(factor, link) })
}

/// The number after `sigmoid:`.
fn sigmoid(objective: &str) -> Result<f64, ReadError> {
    let word = objective.split_whitespace().find_map(|word| word.strip_prefix("sigmoid:"));
    let steepness = word.and_then(|word| word.parse().ok()).filter(|steepness: &f64| steepness.is_finite() && *steepness > 0.0);
    steepness.ok_or_else(|| ReadError::Malformed(format!("objective `{objective}` has no `sigmoid:` with a positive number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_averages_scale_the_margins() {
        assert_eq!(link("binary sigmoid:1", 1), Ok(Link::Logistic));
        assert_eq!(link("multiclassova num_class:3 sigmoid:0.5", 2), Ok(Link::Scaled(0.25, &Link::Logistic)));
        assert_eq!(link("regression sqrt", 1), Ok(Link::SignedSquare));
        // Huber loss ignores the square root.
        assert_eq!(link("huber sqrt", 1), Ok(Link::Identity));
    }

    #[test]
    fn unknown_objectives_and_sigmoids_are_refused() {
        assert!(matches!(link("regression_l7", 1), Err(ReadError::Unsupported(_))));
        for objective in ["binary", "binary sigmoid:0", "binary sigmoid:x", "multiclassova sigmoid:inf"] {
            assert!(matches!(link(objective, 1), Err(ReadError::Malformed(_))), "{objective}");
        }
    }
}
