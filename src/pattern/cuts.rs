//! Feature values quantised to ranks among a forest's own thresholds, so that every later comparison is between small integers.

use std::collections::BTreeMap;

use crate::dataset::FeatureBlock;
use crate::model::{CategorySet, Forest, NodeKind, Rule, Split, Width, category_code};

/// Rank of a missing value where missing goes right: above every cut.
const MISSING_RIGHT: u16 = u16::MAX;

/// How one feature's values become ranks.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Axis {
    /// No split tests the feature.
    Unused,
    /// Sorted distinct cuts as order keys; a value's rank is the number of cuts at or below it.
    Numeric(Vec<u64>),
    /// Class of each category code; codes that every split treats alike share a class, and class 0 is in no split's set.
    Categorical {
        /// Known codes, ascending, with their classes.
        class_of: Vec<(u32, u16)>,
        /// Number of classes.
        classes: usize,
    },
}

/// The question of one split, in ranks.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// Yes where rank ≤ `cut`.
    AtMost(u16),
    /// Yes where the class is one of these.
    Classes(Vec<u16>),
}

/// All axes of a forest.
#[derive(Clone, Debug)]
pub(super) struct Cuts {
    axes: Vec<Axis>,
    compare: Width,
}

/// A forest with more distinct thresholds on one feature than ranks can hold.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("feature `{feature}` has {count} distinct thresholds or category classes; at most {} can be handled", u16::MAX - 1)]
pub struct TooManyCuts {
    /// Feature name.
    pub feature: String,
    /// Distinct thresholds or classes.
    pub count: usize,
}

impl Cuts {
    /// Collects the cuts of all splits of `forest`.
    pub(super) fn new(forest: &Forest) -> Result<Self, TooManyCuts> {
        let mut keys: Vec<Vec<u64>> = vec![Vec::new(); forest.features.len()];
        let mut sets: Vec<Vec<&CategorySet>> = vec![Vec::new(); forest.features.len()];
        for node in forest.trees.iter().flat_map(|tree| &tree.nodes) {
            let NodeKind::Split(split) = &node.kind else { continue };
            match &split.rule {
                Rule::In(set) => sets[split.feature].push(set),
                rule => keys[split.feature].extend(cut_key(rule)),
            }
        }
        let mut axes = Vec::with_capacity(keys.len());
        for ((mut keys, sets), feature) in keys.into_iter().zip(sets).zip(&forest.features) {
            keys.sort_unstable();
            keys.dedup();
            let (axis, count) = if !sets.is_empty() {
                let (class_of, classes) = classes(&sets);
                (Axis::Categorical { class_of: class_of.into_iter().map(|(code, class)| (code, class as u16)).collect(), classes }, classes)
            } else if keys.is_empty() {
                (Axis::Unused, 0)
            } else {
                let count = keys.len();
                (Axis::Numeric(keys), count)
            };
            if count >= usize::from(u16::MAX) {
                return Err(TooManyCuts { feature: feature.name.clone(), count });
            }
            axes.push(axis);
        }
        Ok(Self { axes, compare: forest.compare })
    }

    /// The split's question in ranks.
    pub(super) fn test(&self, split: &Split) -> Test {
        match (&split.rule, &self.axes[split.feature]) {
            (Rule::In(set), Axis::Categorical { class_of, .. }) => {
                let mut classes: Vec<u16> = set.codes().map(|code| class(f64::from(code), class_of)).collect();
                classes.sort_unstable();
                classes.dedup();
                Test::Classes(classes)
            }
            (rule, Axis::Numeric(keys)) => {
                let key = cut_key(rule).unwrap_or(u64::MAX);
                Test::AtMost(keys.partition_point(|cut| *cut < key) as u16)
            }
            _ => Test::Classes(Vec::new()),
        }
    }

    /// Number of features.
    pub(super) fn features(&self) -> usize {
        self.axes.len()
    }

    /// The axis of a feature.
    pub(super) fn axis(&self, feature: usize) -> &Axis {
        &self.axes[feature]
    }

    /// Ranks of one feature for `out.len()` rows from `first`; missing values get rank `MISSING_RIGHT`.
    pub(super) fn ranks(&self, forest: &Forest, block: &FeatureBlock, feature: usize, first: usize, out: &mut [u16]) {
        let values = &block.column(feature)[first..first + out.len()];
        let known = &forest.features[feature];
        for (rank, value) in out.iter_mut().zip(values) {
            *rank = match (known.read(*value), &self.axes[feature]) {
                (None, _) => MISSING_RIGHT,
                (Some(_), Axis::Unused) => 0,
                (Some(x), Axis::Numeric(keys)) => {
                    let key = order_key(self.compare.round(x));
                    keys.partition_point(|cut| *cut <= key) as u16
                }
                (Some(x), Axis::Categorical { class_of, .. }) => class(self.compare.round(x), class_of),
            };
        }
    }
}

/// Class of a category; what no set holds is of class 0.
fn class(x: f64, class_of: &[(u32, u16)]) -> u16 {
    let known = category_code(x).and_then(|code| class_of.binary_search_by_key(&code, |entry| entry.0).ok());
    known.map_or(0, |at| class_of[at].1)
}

/// Groups category codes by their membership in all sets, refining the classes set by set; returns the number of classes too.
fn classes(sets: &[&CategorySet]) -> (Vec<(u32, usize)>, usize) {
    let mut class_of: BTreeMap<u32, usize> = sets.iter().flat_map(|set| set.codes()).map(|code| (code, 0)).collect();
    let mut count = 1;
    for set in sets {
        let mut refined = BTreeMap::new();
        for code in set.codes() {
            let Some(class) = class_of.get_mut(&code) else { continue };
            *class = *refined.entry(*class).or_insert_with(|| {
                count += 1;
                count - 1
            });
        }
    }
    // Refinement leaves empty classes behind: number the others in order, class 0 first.
    let mut numbers = BTreeMap::from([(0, 0)]);
    class_of.values().for_each(|class| _ = numbers.insert(*class, 0));
    numbers.values_mut().enumerate().for_each(|(number, class)| *class = number);
    (class_of.into_iter().map(|(code, class)| (code, numbers[&class])).collect(), numbers.len())
}

/// Key `c` with: the rule says yes to `x` exactly where `order_key(x) < c`.
fn cut_key(rule: &Rule) -> Option<u64> {
    match rule {
        Rule::Less(threshold) => Some(order_key(*threshold)),
        Rule::LessOrEqual(threshold) => Some(order_key(*threshold) + 1),
        Rule::In(_) => None,
    }
}

/// Bits of `x` in an order-preserving form: `a < b` exactly where `key(a) < key(b)`; −0 and 0 are one.
fn order_key(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// The number whose [`order_key`] is `key`.
pub(super) fn from_key(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_the_numbers_do() {
        let ladder = [f64::NEG_INFINITY, f64::MIN, -1.0, -1e-300, 0.0, 1e-300, 1.0, f64::MAX, f64::INFINITY];
        for (i, a) in ladder.iter().enumerate() {
            for (j, b) in ladder.iter().enumerate() {
                assert_eq!(order_key(*a).cmp(&order_key(*b)), i.cmp(&j), "{a} {b}");
            }
        }
        ladder.iter().for_each(|x| assert_eq!(from_key(order_key(*x)), *x));
        assert_eq!(order_key(-0.0), order_key(0.0));
        assert!(order_key(f64::INFINITY) < cut_key(&Rule::LessOrEqual(f64::INFINITY)).unwrap());
    }
}
