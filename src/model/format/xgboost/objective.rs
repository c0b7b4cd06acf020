//! What a training objective makes of margins, and of the base score.

use crate::model::error::ReadError;
use crate::model::link::{LEAST_GAP, Link};

/// How the base score that the file stores becomes base margins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inverse {
    /// It is the margin.
    Identity,
    /// ln(p / (1 − p)).
    Logit,
    /// ln p.
    Log,
    /// Inverse of [`Link::Gaps`].
    Gaps,
}

/// An objective's link and its inverse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Objective {
    pub link: Link,
    inverse: Inverse,
}

impl Objective {
    /// The objective of this name, of a model with so many outputs.
    pub fn named(name: &str, outputs: usize) -> Result<Self, ReadError> {
        let (link, inverse) = match name {
            "binary:logistic" | "reg:logistic" => (Link::Logistic, Inverse::Logit),
            "multi:softprob" | "multi:softmax" => (Link::Softmax, Inverse::Identity),
            "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => (Link::Exp, Inverse::Log),
            "binary:hinge" => (Link::Step, Inverse::Identity),
            "reg:quantileerror" if outputs > 1 => (Link::Ascending, Inverse::Identity),
            "reg:expectileerror" if outputs > 1 => (Link::Gaps, Inverse::Gaps),
            "reg:squarederror"
            | "reg:linear"
            | "reg:squaredlogerror"
            | "reg:pseudohubererror"
            | "reg:absoluteerror"
            | "reg:quantileerror"
            | "reg:expectileerror"
            | "binary:logitraw"
            | "rank:ndcg"
            | "rank:pairwise"
            | "rank:map" => (Link::Identity, Inverse::Identity),
            other => {
                return Err(ReadError::Unsupported(format!(
                    "objective `{other}` is not known, so neither is what it makes of margins; XGBoost up to 3.4 has no such objective"
                )));
            }
        };
        Ok(Self { link, inverse })
    }

    /// Base margins from the base scores, one for each output, in f32 steps as XGBoost takes them.
    pub fn base_margins(self, scores: &[f32]) -> Result<Vec<f32>, ReadError> {
        let margins: Vec<f32> = match self.inverse {
            Inverse::Identity => scores.to_vec(),
            Inverse::Logit => scores.iter().map(|p| -ln(1.0 / p - 1.0)).collect(),
            Inverse::Log => scores.iter().map(|p| ln(*p)).collect(),
            Inverse::Gaps => gaps(scores),
        };
        match scores.iter().zip(&margins).find(|(_, margin)| !margin.is_finite()) {
            Some((score, _)) => Err(ReadError::Malformed(format!("base_score {score} is not one that this objective allows"))),
            None => Ok(margins),
        }
    }
}

/// The f32 nearest to ln x, on every platform.
fn ln(x: f32) -> f32 {
    f64::from(x).ln() as f32
}

/// The first score, then the m with ε + ln(1 + e^m) = the gap to the score before; gaps are at least ε.
fn gaps(scores: &[f32]) -> Vec<f32> {
    let inverse_softplus = |gap: f32| gap + ln(-(f64::from(-gap).exp_m1() as f32));
    let gap = |pair: &[f32]| inverse_softplus((pair[1] - pair[0] - LEAST_GAP).max(LEAST_GAP));
    scores.iter().take(1).copied().chain(scores.windows(2).map(gap)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_scores_pass_through_the_inverse_link() {
        let logistic = Objective::named("binary:logistic", 1).unwrap();
        assert_eq!(logistic.base_margins(&[0.5]), Ok(vec![0.0]));
        // ln(0.25 / 0.75) = −ln 3, rounded to f32.
        assert_eq!(logistic.base_margins(&[0.25]), Ok(vec![-1.098_612_3]));
        assert_eq!(Objective::named("reg:gamma", 1).unwrap().base_margins(&[1.0]), Ok(vec![0.0]));
        assert_eq!(Objective::named("multi:softprob", 2).unwrap().base_margins(&[0.5, -2.0]), Ok(vec![0.5, -2.0]));
        let expectiles = Objective::named("reg:expectileerror", 2).unwrap().base_margins(&[-1.0, 1.0]).unwrap();
        let mut scores: Vec<f64> = expectiles.iter().map(|margin| f64::from(*margin)).collect();
        Link::Gaps.apply(&mut scores);
        assert!((scores[1] - 1.0).abs() < 3e-7, "{scores:?}");
    }

    #[test]
    fn base_scores_outside_the_link_and_unknown_objectives_are_refused() {
        for (name, score) in [("binary:logistic", 1.0), ("binary:logistic", -0.5), ("count:poisson", 0.0), ("reg:squarederror", f32::NAN)] {
            assert!(matches!(Objective::named(name, 1).unwrap().base_margins(&[score]), Err(ReadError::Malformed(_))), "{name} {score}");
        }
        assert!(matches!(Objective::named("reg:unheardof", 1), Err(ReadError::Unsupported(_))));
    }
}
