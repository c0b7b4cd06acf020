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
    /// Sorted distinct cuts; a value's rank is the number of cuts at or below it.
    Numeric(Ladder),
    /// Class of each category code; codes that every split treats alike share a class, and class 0 is in no split's set.
    Categorical {
        /// Known codes, ascending, with their classes.
        class_of: Vec<(u32, u16)>,
        /// Number of classes.
        classes: usize,
    },
}

/// Rungs of a [`Ladder`].
const RUNGS: usize = 256;
/// Values whose ranks are looked for at the same time: each alone would wait for its last comparison.
const TOGETHER: usize = 16;

/// Sorted numbers, and every few of them for the first steps of a search.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ladder {
    /// Order keys.
    keys: Vec<u64>,
    /// Rung `r` is number `(r + 1) · step - 1`; NaN, which is at or below nothing, beyond the last.
    rungs: Box<[f64; RUNGS]>,
    step: usize,
}

impl Ladder {
    fn new(keys: Vec<u64>) -> Self {
        let step = keys.len().div_ceil(RUNGS - 1).max(1);
        let mut rungs = Box::new([f64::NAN; RUNGS]);
        rungs.iter_mut().zip(keys.iter().skip(step - 1).step_by(step)).for_each(|(rung, key)| *rung = from_key(*key));
        Self { keys, rungs, step }
    }

    /// The numbers as order keys.
    pub(super) fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// How many numbers are at or below each value.
    fn ranks(&self, values: &[f64; TOGETHER]) -> [u16; TOGETHER] {
        let mut passed = [0_usize; TOGETHER];
        for half in (0..RUNGS.ilog2()).rev().map(|bit| 1 << bit) {
            for (passed, value) in passed.iter_mut().zip(values) {
                *passed += if self.rungs[(*passed + half - 1) % RUNGS] <= *value { half } else { 0 };
            }
        }
        let mut ranks = passed.map(|passed| (passed * self.step) as u16);
        if self.step > 1 {
            for (rank, value) in ranks.iter_mut().zip(values) {
                let first = usize::from(*rank);
                let key = order_key(*value);
                *rank += self.keys[first..self.keys.len().min(first + self.step)].partition_point(|cut| *cut <= key) as u16;
            }
        }
        ranks
    }
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
                (Axis::Numeric(Ladder::new(keys)), count)
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
            (rule, Axis::Numeric(ladder)) => {
                let key = cut_key(rule).unwrap_or(u64::MAX);
                Test::AtMost(ladder.keys.partition_point(|cut| *cut < key) as u16)
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
        match &self.axes[feature] {
            Axis::Unused => {
                out.iter_mut().zip(values).for_each(|(rank, x)| *rank = if known.read(*x).is_some() { 0 } else { MISSING_RIGHT })
            }
            Axis::Numeric(ladder) => {
                for (out, values) in out.chunks_mut(TOGETHER).zip(values.chunks(TOGETHER)) {
                    let mut read = [f64::NAN; TOGETHER];
                    read.iter_mut().zip(values).for_each(|(read, x)| *read = self.compare.round(known.read(*x).unwrap_or(f64::NAN)));
                    let ranks = ladder.ranks(&read);
                    out.iter_mut()
                        .zip(ranks.iter().zip(read))
                        .for_each(|(rank, (at, x))| *rank = if x.is_nan() { MISSING_RIGHT } else { *at });
                }
            }
            Axis::Categorical { class_of, .. } => out.iter_mut().zip(values).for_each(|(rank, x)| {
                *rank = known.read(*x).map_or(MISSING_RIGHT, |x| class(self.compare.round(x), class_of));
            }),
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

    #[test]
    fn a_ladder_ranks_as_counting_does() {
        for count in [1, 2, 15, 254, 255, 256, 257, 510, 511, 1_000, 65_533] {
            // Thirds are nothing that halving would meet; the last cut is beyond infinity, as that of a rule "at most infinity".
            let mut keys: Vec<u64> = (1..count).map(|i| order_key(f64::from(i) / 3.0 - 40.0)).collect();
            keys.push(order_key(f64::INFINITY) + 1);
            let ladder = Ladder::new(keys.clone());
            let near = |key: &u64| [from_key(key - 1), from_key(*key), from_key(key + 1)];
            let some = keys[..keys.len() - 1].iter().step_by(keys.len() / 300 + 1);
            let values: Vec<f64> = some.flat_map(near).chain([0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY]).collect();
            for values in values.chunks(TOGETHER) {
                let mut padded = [0.0; TOGETHER];
                padded[..values.len()].copy_from_slice(values);
                let counted = padded.map(|x| keys.iter().filter(|key| **key <= order_key(x)).count() as u16);
                assert_eq!(ladder.ranks(&padded), counted, "{count} {padded:?}");
            }
        }
    }
}
