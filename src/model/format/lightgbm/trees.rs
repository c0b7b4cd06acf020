//! A file's tree as the builder's nodes.

use super::document::{FileNode, FileSplit, FileTree, MissingType};
use crate::model::builder::{ForestError, RawNode, RawTree};
use crate::model::error::ReadError;
use crate::model::forest::{Feature, Missing, Rule, TreeOutput, ZERO};

/// The tree `index` of the file, adding to `output`.
///
/// # Errors
/// If a split's missing values go another way than one meaning of missing for the whole feature allows.
pub(super) fn raw_tree(tree: FileTree, index: usize, output: usize, features: &[Feature]) -> Result<RawTree, ReadError> {
    let is_linear = tree.is_linear();
    let nodes = tree.nodes.into_iter().enumerate().map(|(node, kind)| match kind {
        FileNode::Leaf { value, count, linear: Some(linear) } if is_linear => Ok(RawNode::LinearLeaf { linear, value, cover: count }),
        FileNode::Leaf { value, count, linear } => {
            Ok(RawNode::Leaf { values: vec![linear.map_or(value, |linear| linear.constant)], cover: count })
        }
        FileNode::Split(split) => {
            let refused = |message| ForestError { tree: Some(index), node: Some(node), message }.to_string();
            raw_split(split, features).map_err(|message| ReadError::Unsupported(refused(message)))
        }
    });
    Ok(RawTree { nodes: nodes.collect::<Result<_, ReadError>>()?, output: TreeOutput::One(output), scale: 1.0 })
}

fn raw_split(split: FileSplit, features: &[Feature]) -> Result<RawNode, String> {
    let FileSplit { feature, rule, missing, default_left, left, right, count } = split;
    let (rule, missing_left) = match rule {
        Rule::LessOrEqual(threshold) => {
            let zero_left = threshold >= 0.0;
            let known = features.get(feature);
            let missing_left = match missing {
                // NaN is read as zero.
                MissingType::None => zero_left,
                MissingType::Nan if default_left != zero_left && known.is_some_and(|feature| feature.missing == Missing::ZeroOrNan) => {
                    return Err(
                        "NaN and 0 go different ways, but other splits on this feature send them the same way (zero_as_missing was \
                                switched between rounds of training); train with one setting"
                            .into(),
                    );
                }
                _ => default_left,
            };
            (Rule::LessOrEqual(beside_zero(threshold)), missing_left)
        }
        // NaN is in no set.
        rule => (rule, false),
    };
    Ok(RawNode::Split { feature, rule, missing_left, left, right, cover: count })
}

/// A threshold that decides as LightGBM does: it turns values of magnitude up to [`ZERO`] into 0 before they meet the threshold.
fn beside_zero(threshold: f64) -> f64 {
    match threshold {
        threshold if (0.0..=ZERO).contains(&threshold) => ZERO,
        threshold if (-ZERO..0.0).contains(&threshold) => (-ZERO).next_down(),
        threshold => threshold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_count_as_zero_go_where_zero_goes() {
        for threshold in [-1e-34, -ZERO, -1e-40, -0.0, 0.0, 5e-324, ZERO, 1e-34] {
            for x in [-1e-34, (-ZERO).next_down(), -ZERO, -1e-40, 0.0, ZERO, ZERO.next_up(), 1e-34] {
                let seen: f64 = if x.abs() > ZERO { x } else { 0.0 };
                assert_eq!(x <= beside_zero(threshold), seen <= threshold, "{x:e} {threshold:e}");
            }
        }
    }

    #[test]
    fn one_meaning_of_missing_serves_splits_that_differ_or_they_are_refused() {
        let split = |missing, default_left, threshold| FileSplit {
            feature: 0,
            rule: Rule::LessOrEqual(threshold),
            missing,
            default_left,
            left: 1,
            right: 2,
            count: 3.0,
        };
        let left = |kind, split| {
            let features = [Feature { missing: kind, ..Feature::numeric("x") }];
            raw_split(split, &features).map(|node| matches!(node, RawNode::Split { missing_left: true, .. }))
        };
        // NaN is zero at this split, and goes where zero goes, whatever the default direction.
        for kind in [Missing::Nan, Missing::NanIsZero, Missing::ZeroOrNan] {
            assert_eq!(left(kind, split(MissingType::None, true, -1.0)), Ok(false));
            assert_eq!(left(kind, split(MissingType::None, false, 1.0)), Ok(true));
        }
        assert_eq!(left(Missing::Nan, split(MissingType::Nan, true, -1.0)), Ok(true));
        assert_eq!(left(Missing::ZeroOrNan, split(MissingType::Zero, true, -1.0)), Ok(true));
        // Zero is missing elsewhere: here it must go the way that NaN goes.
        assert_eq!(left(Missing::ZeroOrNan, split(MissingType::Nan, true, 1.0)), Ok(true));
        assert!(left(Missing::ZeroOrNan, split(MissingType::Nan, true, -1.0)).is_err());
    }
}
