//! Each yes-or-no question of a model as a rule on one input.

use std::collections::{BTreeMap, BTreeSet};

use super::bins::Bin;
use super::ctr::CtrValues;
use super::document::{Document, Shape, SourceNode};
use super::features::Inputs;
use crate::model::error::ReadError;
use crate::model::forest::{CategorySet, Rule};

/// A split's feature and rule, and which answer the rule's yes, to the left, stands for.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub feature: usize,
    pub rule: Rule,
    pub missing_left: bool,
    /// Whether the bit is set on the left.
    pub left_is_set: bool,
}

/// All questions that the trees ask, and the inputs they ask of.
#[derive(Debug)]
pub(super) struct Questions {
    pub inputs: Inputs,
    by_number: BTreeMap<usize, Question>,
    /// Indices of categorical features with CTRs.
    pub with_ctrs: BTreeSet<usize>,
}

impl Questions {
    /// The questions of a document; values of CTRs and sets of categories hold at most `budget` codes together.
    pub fn of(document: &Document, mut budget: usize) -> Result<Self, ReadError> {
        let bins = document.bins();
        let asked: BTreeMap<usize, Bin> = asked(document).into_iter().filter_map(|bin| Some((bin, *bins.get(bin)?))).collect();
        let used: BTreeSet<usize> =
            asked.values().filter_map(|bin| if let Bin::Ctr { ctr, .. } = bin { Some(*ctr) } else { None }).collect();
        let mut values = BTreeMap::new();
        for ctr in used {
            let found = CtrValues::of(&document.ctrs[ctr], document)?;
            spend(&mut budget, found.known.len())?;
            values.insert(ctr, found);
        }
        // The statistics of a CTR are of all categories; single ones that no split tests are not in the file.
        let with_ctrs: BTreeSet<usize> = values.values().map(|values| values.feature).collect();
        let inputs = Inputs::new(document, &categories(document, &values)?, &with_ctrs)?;
        let mut sets = CtrSets { values: &values, inputs: &inputs, sorted: BTreeMap::new(), budget };
        let mut by_number = BTreeMap::new();
        for (number, bin) in asked {
            by_number.insert(number, question(bin, document, &mut sets)?);
        }
        Ok(Self { inputs, by_number, with_ctrs })
    }

    /// The question of this number.
    pub fn get(&self, number: usize) -> Result<&Question, String> {
        self.by_number.get(&number).ok_or_else(|| format!("split {number} does not exist among the features' borders and categories"))
    }
}

/// Takes `codes` from what may yet be held, so that memory is bounded by a multiple of the file's size.
fn spend(budget: &mut usize, codes: usize) -> Result<(), ReadError> {
    *budget = budget
        .checked_sub(codes)
        .ok_or_else(|| ReadError::Unsupported("its CTRs have too many categories and borders for the size of the file".into()))?;
    Ok(())
}

/// Numbers of all questions that the trees ask.
fn asked(document: &Document) -> BTreeSet<usize> {
    let mut asked = BTreeSet::new();
    for tree in &document.trees {
        match &tree.shape {
            Shape::Oblivious(splits) => asked.extend(splits),
            Shape::Nodes(nodes) => {
                asked.extend(nodes.iter().filter_map(|node| if let SourceNode::Split { bin, .. } = node { Some(*bin) } else { None }));
            }
        }
    }
    asked
}

/// Hashes of the categories that each categorical feature's splits and CTRs know.
fn categories(document: &Document, values: &BTreeMap<usize, CtrValues>) -> Result<Vec<BTreeSet<u32>>, ReadError> {
    let mut categories = vec![BTreeSet::new(); document.categoricals.len()];
    for one_hot in &document.one_hots {
        let Some(known) = categories.get_mut(one_hot.feature) else {
            return Err(ReadError::Malformed(format!("categories of categorical feature {}, which does not exist", one_hot.feature)));
        };
        known.extend(&one_hot.hashes);
    }
    for values in values.values() {
        categories[values.feature].extend(values.known.keys());
    }
    Ok(categories)
}

fn question(bin: Bin, document: &Document, sets: &mut CtrSets<'_>) -> Result<Question, ReadError> {
    let inputs = sets.inputs;
    Ok(match bin {
        Bin::Above { float, border } => Question {
            feature: inputs.floats[float],
            rule: Rule::LessOrEqual(border.into()),
            missing_left: !document.floats[float].nan_above,
            left_is_set: false,
        },
        Bin::Equal { categorical, hash } => Question {
            feature: inputs.categoricals[categorical],
            rule: Rule::In(inputs.codes[categorical].get(&hash).copied().into_iter().collect()),
            missing_left: false,
            left_is_set: true,
        },
        Bin::Ctr { ctr, border } => {
            let unknown_is_set = sets.values[&ctr].unknown > border;
            Question {
                feature: inputs.categoricals[sets.values[&ctr].feature],
                rule: Rule::In(sets.beside_unknown(ctr, border)?),
                missing_left: false,
                left_is_set: !unknown_is_set,
            }
        }
    })
}

/// Makes the sets of categories for which a CTR's comparison differs from that of unknown categories.
struct CtrSets<'a> {
    values: &'a BTreeMap<usize, CtrValues>,
    inputs: &'a Inputs,
    /// Values of CTRs with the categories' codes, ascending.
    sorted: BTreeMap<usize, Vec<(f32, u32)>>,
    /// Codes that may yet be put into sets.
    budget: usize,
}

impl CtrSets<'_> {
    fn beside_unknown(&mut self, ctr: usize, border: f32) -> Result<CategorySet, ReadError> {
        let values = &self.values[&ctr];
        if border.is_nan() {
            return Err(ReadError::Malformed(format!("CTR {ctr} is compared with NaN")));
        }
        let codes = &self.inputs.codes[values.feature];
        let sorted = self.sorted.entry(ctr).or_insert_with(|| {
            // What is not a number is above no border.
            let least = |value: f32| if value.is_nan() { f32::NEG_INFINITY } else { value };
            let mut sorted: Vec<(f32, u32)> = values.known.iter().map(|(hash, value)| (least(*value), codes[hash])).collect();
            sorted.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            sorted
        });
        let below = sorted.partition_point(|(value, _)| *value <= border);
        let (below, above) = sorted.split_at(below);
        let beside = if values.unknown > border { below } else { above };
        spend(&mut self.budget, beside.len())?;
        Ok(beside.iter().map(|(_, code)| *code).collect())
    }
}
