//! Effects by group: partial dependence and accumulated local effects over the rows of each group alone, at the same points.

mod curves;
mod lines;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::Array;

use super::group::Group;
use super::settings::Effects;
use super::{GROUPS, Review};
use crate::attribution::Scores;
use crate::dataset::{FeatureBlock, RowBatch};
use crate::derive::effect::ranking;
use crate::derive::sample::BottomK;
use crate::derive::{Context, Derivation, DeriveError};
use crate::subject::ExplainedFeature;
use crate::table::Table;
use curves::Model;
use lines::Line;

/// Categories in order, by feature.
type Orders = BTreeMap<String, Vec<String>>;

/// `PD_{j,g}(v) = Σ_{i∈g} w_i·f(v, x_i∖j) / Σ_{i∈g} w_i`, and the accumulated local effects of `derive.ale` with sums over the rows i of the group g alone
/// (Apley & Zhu 2020), both between the same quantiles of all rows for every group.
///
/// Rows are a seeded sample of each group, all of it where there are few; features are those of the largest attribution gaps.
pub struct FairnessEffects {
    settings: Effects,
    review: Arc<Review>,
    context: Arc<Context>,
    orders: Orders,
}

/// Each attribute's groups, over some rows.
pub type Partial = Vec<BTreeMap<Group, Counted>>;

/// A group's rows, and a sample of them.
#[derive(Clone, Debug)]
pub struct Counted {
    rows: f64,
    weight: f64,
    sample: BottomK<Sampled>,
}

impl Counted {
    fn of_at_most(size: usize) -> Self {
        Self { rows: 0.0, weight: 0.0, sample: BottomK::new(size) }
    }
}

/// A row's values, its weight, and how much of it is in the group.
#[derive(Clone, Debug)]
struct Sampled {
    values: Arc<[f64]>,
    weight: f64,
    share: f64,
}

/// A group's sampled rows.
struct Part {
    rows: FeatureBlock,
    /// Weights times shares.
    weights: Vec<f64>,
    shares: Vec<f64>,
}

impl Review {
    /// What the samples of groups like those of some rows take in bytes, of a model with so many features and of so many rows in `all`.
    pub fn sample_bytes(&self, rows: &RowBatch, all: u64, features: usize) -> u64 {
        let Some(effects) = &self.settings.effects else { return 0 };
        let sampled = self.group_count(rows).saturating_mul(effects.rows.get() as u64);
        8 * features as u64 * sampled.min(all * self.grouping.names().len() as u64)
    }
}

impl FairnessEffects {
    /// Of a review; `orders` names categories in order.
    pub fn new(settings: &Effects, review: &Arc<Review>, context: &Arc<Context>, orders: &Orders) -> Self {
        Self { settings: settings.clone(), review: Arc::clone(review), context: Arc::clone(context), orders: orders.clone() }
    }

    /// The features in the order of their largest difference between a group of the attribute and its reference, by the first method of
    /// `fairness_attributions`; in the order of their importance without such.
    fn ranked<'a>(&self, features: &'a [ExplainedFeature], attribute: &str, earlier: &[Table]) -> Vec<&'a ExplainedFeature> {
        let mut ranked = ranking(features, earlier);
        let Some(gaps) = earlier.iter().find(|table| table.name == "fairness_attributions" && !table.is_empty()) else { return ranked };
        let (methods, labels, differences) = (gaps.texts("method"), gaps.integers("label"), gaps.numbers("difference"));
        let meant = |row: &usize| {
            methods.value(*row) == methods.value(0) && gaps.texts("attribute").value(*row) == attribute && labels.is_null(*row)
        };
        let rows: Vec<usize> = (0..gaps.len()).filter(meant).collect();
        let largest = |feature: &ExplainedFeature| {
            let own = rows.iter().filter(|row| gaps.texts("feature").value(**row) == feature.name);
            own.filter(|row| differences.is_valid(**row)).map(|row| differences.value(*row).abs()).fold(0.0, f64::max)
        };
        ranked.sort_by(|a, b| largest(b).total_cmp(&largest(a)));
        ranked
    }

    /// The lines of one attribute's groups.
    fn attribute(&self, name: &str, reference: &Group, groups: BTreeMap<Group, Counted>, earlier: &[Table]) -> Result<Vec<Line>, String> {
        let subject = &self.context.subject;
        let chosen = self.settings.features.columns_of(&subject.features, &self.ranked(&subject.features, name, earlier));
        let model = Model::new(subject, &chosen, self.settings.points.get(), &self.orders);
        let least = self.review.settings.min_group as f64;
        let of_group = |(group, counted): (Group, Counted)| (group, counted.rows, Part::new(counted.sample.into_rows()));
        let enough = |(_, rows, part): &(Group, f64, Part)| *rows >= least && part.weights.iter().sum::<f64>() > 0.0;
        let (known, unknown): (Vec<_>, Vec<_>) = groups.into_iter().map(of_group).partition(enough);
        let mut lines: Vec<Line> = Vec::new();
        for (group, rows, _) in &unknown {
            lines.extend(model.nothing().iter().flat_map(|curve| lines::of(curve, (name, group, reference), *rows)));
        }
        let parts: Vec<&Part> = known.iter().map(|(_, _, part)| part).collect();
        for ((group, rows, _), curves) in known.iter().zip(model.curves(subject, &parts, self.review.output)?) {
            lines.extend(curves.iter().flat_map(|curve| lines::of(curve, (name, group, reference), *rows)));
        }
        lines.sort_by(|a, b| a.group.cmp(&b.group));
        Ok(lines)
    }
}

impl Part {
    fn new(rows: Vec<Sampled>) -> Self {
        let features = rows.first().map_or(0, |row| row.values.len());
        let values = (0..features).flat_map(|feature| rows.iter().map(move |row| row.values[feature])).collect();
        Self {
            rows: FeatureBlock::new(rows.len(), values),
            weights: rows.iter().map(|row| row.weight).collect(),
            shares: rows.iter().map(|row| row.share).collect(),
        }
    }
}

impl Derivation for FairnessEffects {
    type Partial = Partial;

    fn name(&self) -> &'static str {
        "fairness_effects"
    }

    fn start(&self) -> Partial {
        vec![BTreeMap::new(); self.review.grouping.names().len()]
    }

    fn absorb_rows(&self, partial: &mut Partial, rows: &RowBatch, _scores: &Scores) {
        let values: Vec<OnceCell<Arc<[f64]>>> = vec![OnceCell::new(); rows.rows()];
        let values = |row: usize| Arc::clone(values[row].get_or_init(|| rows.features.row(row).into()));
        for (labels, groups) in self.review.grouping.labels(rows).iter().zip(partial) {
            // Too many groups are not looked at: `finish` knows which attributes have them.
            let members = labels.groups.iter().zip(labels.members()).filter(|(_, members)| !members.is_empty() && !labels.is_crowded());
            for (group, members) in members {
                let size = self.settings.rows.get();
                let counted = groups.entry(group.clone()).or_insert_with(|| Counted::of_at_most(size));
                let shares: BTreeMap<usize, f64> = members.into_iter().collect();
                counted.rows += shares.values().sum::<f64>();
                counted.weight += shares.iter().map(|(row, share)| share * rows.weight_of(*row)).sum::<f64>();
                let purpose = (self.context.subject.seed, "fairness effects");
                let sampled = |row: usize| {
                    let share = shares.get(&row).copied().unwrap_or(0.0);
                    Sampled { values: values(row), weight: share * rows.weight_of(row), share }
                };
                counted.sample.absorb_some(purpose, rows.first_row, shares.keys().copied(), sampled);
            }
        }
    }

    fn merge(&self, earlier: &mut Partial, later: Partial) {
        for (groups, more) in earlier.iter_mut().zip(later) {
            for (group, counted) in more {
                if let Some(mine) = groups.get_mut(&group) {
                    mine.rows += counted.rows;
                    mine.weight += counted.weight;
                    mine.sample.merge(counted.sample);
                } else {
                    groups.insert(group, counted);
                }
            }
            if groups.len() > GROUPS {
                groups.clear();
            }
        }
    }

    fn finish(&self, partial: Partial, earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let (names, crowded) = (self.review.grouping.names(), self.review.crowded(earlier));
        let none = || BTreeMap::from([(Group::crowd(), Counted::of_at_most(0))]);
        let mut lines = Vec::new();
        for (attribute, (name, groups)) in names.iter().zip(partial).enumerate() {
            let groups = if crowded.contains(name) { none() } else { groups };
            let reference = self.review.reference(attribute, groups.iter().map(|(group, counted)| (group, counted.weight)));
            let found = self.attribute(name, &reference, groups, earlier);
            lines.extend(found.map_err(|message| DeriveError { derivation: "fairness_effects", message })?);
        }
        Ok(vec![lines::table(&self.context.subject.outputs[self.review.output], self.review.settings.intervals, &lines)])
    }
}
