//! Attributions by group: which features make mean predictions differ, what matters in each group, and what gives membership away.

mod gaps;
mod importance;
mod logistic;
mod proxy;

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::group::Group;
use super::groups::Labels;
use super::{GROUPS, Review};
use crate::attribution::AttributionSchema;
use crate::dataset::RowBatch;
use crate::derive::bootstrap::{BucketSums, Replicates};
use crate::derive::sample::BottomK;
use crate::derive::{Context, Derivation, DeriveError, Explained};
use crate::table::Table;

/// Rows that permutation tests and proxy checks are made on, at most: a seeded sample where there are more.
const SAMPLE: usize = 4096;

/// Σ_j (mean φ_j | group − mean φ_j | reference) = gap in mean prediction, feature by feature, for the output that decides.
///
/// By additivity the differences add up to the gap; the residual says how exactly. Methods whose values do not add up (LIME) are left out.
pub struct FairnessAttributions {
    review: Arc<Review>,
    context: Arc<Context>,
}

/// Sums over some rows, a method each.
pub type Partial = Vec<Sums>;

/// One method's sums over some rows.
#[derive(Clone, Debug)]
pub struct Sums {
    rows: u64,
    /// Each attribute's groups, over all rows, then over those of each label where asked.
    groups: Vec<BTreeMap<Group, Counted>>,
    sample: BottomK<SampledRow>,
}

/// A group's rows, and sums over them: a column a feature, then the prediction, then over all rows the size of each feature's attribution.
#[derive(Clone, Debug)]
struct Counted {
    rows: f64,
    weight: f64,
    sums: BucketSums,
}

#[derive(Clone, Debug)]
struct SampledRow {
    weight: f64,
    label: Option<f64>,
    /// Its groups under each attribute, with its shares in them.
    groups: Vec<Vec<(Group, f64)>>,
    /// Attributions, then the prediction.
    values: Vec<f64>,
}

/// What a line is about.
#[derive(Clone)]
struct About<'a> {
    method: &'a str,
    attribute: &'a str,
    group: &'a Group,
    reference: &'a Group,
    /// The label of the rows that it is about; all rows where there is none.
    label: Option<i64>,
    rows: f64,
}

/// The lines of one method.
#[derive(Default)]
struct Lines<'a> {
    gaps: Vec<gaps::Line<'a>>,
    importance: Vec<importance::Line<'a>>,
    proxy: Vec<proxy::Line<'a>>,
}

impl Review {
    /// What the sums over one chunk take in bytes, of a method that explains so many features: as much for a group's only row as for many.
    pub fn group_bytes(&self, rows: &RowBatch, features: usize) -> u64 {
        let of_labels = if self.settings.by_label { 2 * BucketSums::bytes(features + 1) } else { 0 };
        self.group_count(rows) * (BucketSums::bytes(2 * features + 1) + of_labels)
    }
}

/// Says whether a line's numbers are given.
type Status<L> = fn(&L) -> &'static str;

impl FairnessAttributions {
    /// Of a review, of the methods that `context` announces.
    pub fn new(review: &Arc<Review>, context: &Arc<Context>) -> Self {
        Self { review: Arc::clone(review), context: Arc::clone(context) }
    }

    fn is_additive(schema: &AttributionSchema) -> bool {
        schema.method != "lime"
    }

    fn seed(&self) -> u64 {
        self.context.subject.seed
    }

    /// Labels to look at apart; first all rows.
    fn slices(&self) -> &'static [Option<i64>] {
        if self.review.settings.by_label { &[None, Some(0), Some(1)] } else { &[None] }
    }

    fn empty(&self) -> Sums {
        let groups = vec![BTreeMap::new(); self.review.grouping.names().len() * self.slices().len()];
        Sums { rows: 0, groups, sample: BottomK::new(SAMPLE) }
    }

    /// Attributions to the deciding output, a column a feature, then the predictions.
    fn columns<'b>(&self, chunk: Explained<'b>) -> Vec<&'b [f64]> {
        let (batch, output) = (chunk.attributions, self.review.output);
        let features = (0..batch.schema.features.len()).map(|feature| batch.column(output, feature));
        features.chain([&batch.prediction[output * batch.rows..][..batch.rows]]).collect()
    }

    fn sample(&self, sums: &mut Sums, labels: &[Labels], columns: &[&[f64]], chunk: Explained<'_>) {
        let groups: Vec<Vec<Vec<(Group, f64)>>> = labels.iter().map(|labels| labels.of_rows().collect()).collect();
        sums.sample.absorb((self.seed(), "fairness sample"), chunk.rows.first_row, chunk.rows.rows(), |row| SampledRow {
            weight: chunk.rows.weight_of(row),
            label: self.review.label_of(chunk.rows, row),
            groups: groups.iter().map(|of_rows| of_rows[row].clone()).collect(),
            values: columns.iter().map(|column| column[row]).collect(),
        });
    }

    /// Sums over the rows of one group, of which `shares` are in it.
    fn counted(&self, first_row: u64, weights: &[f64], shares: &[f64], columns: &[&[f64]]) -> Counted {
        let own: Vec<f64> = weights.iter().zip(shares).map(|(weight, share)| weight * share).collect();
        let mut sums = BucketSums::new(self.seed(), columns.len());
        let slots = sums.add_rows(first_row, &own);
        let mut weighted = vec![0.0; own.len()];
        for (index, column) in columns.iter().enumerate() {
            weighted.iter_mut().zip(column.iter().zip(&own)).for_each(|(product, (value, weight))| *product = weight * value);
            sums.add(&slots, index, &weighted);
        }
        Counted { rows: shares.iter().sum(), weight: own.iter().sum(), sums }
    }

    fn method<'a>(&self, names: &'a [String], schema: &'a AttributionSchema, sums: &'a Sums, references: &'a [Group]) -> Lines<'a> {
        let sample = sums.sample.clone().into_rows();
        let (settings, mut lines) = (&self.review.settings, Lines::default());
        let places =
            names.iter().enumerate().flat_map(|(attribute, name)| self.slices().iter().map(move |label| (attribute, name, *label)));
        for ((attribute, name, label), groups) in places.zip(&sums.groups) {
            let enough = |group: &Counted| group.rows >= settings.min_group as f64 && group.weight > 0.0;
            let known: Vec<(&Group, &Counted)> = groups.iter().filter(|(_, group)| enough(group)).collect();
            let replicates: BTreeMap<&Group, Replicates> =
                known.into_par_iter().filter_map(|(group, counted)| Some((group, counted.sums.clone().replicates()?))).collect();
            let reference = &references[attribute];
            for (group, counted) in groups.iter().filter(|(group, _)| *group != reference) {
                let about = About { method: schema.method, attribute: name, group, reference, label, rows: counted.rows };
                let (pair, rows) = (replicates.get(group).zip(replicates.get(reference)), proxy::two_groups(&sample, attribute, &about));
                lines.gaps.extend(gaps::lines(&about, &schema.features, pair, (&rows, settings.intervals, self.seed())));
                if label.is_none() && !group.is_missing() {
                    lines.proxy.extend(proxy::lines(
                        &about,
                        &schema.features,
                        &rows,
                        (settings.min_group, settings.intervals, self.seed()),
                    ));
                }
            }
            if label.is_none() {
                let about = (schema.method, name.as_str(), schema.features.as_slice());
                lines.importance.extend(importance::lines(about, groups, &replicates, settings.intervals));
            }
        }
        gaps::correct(&mut lines.gaps);
        lines
    }
}

impl Derivation for FairnessAttributions {
    type Partial = Partial;

    fn name(&self) -> &'static str {
        "fairness_attributions"
    }

    fn start(&self) -> Partial {
        vec![self.empty(); self.context.methods.len()]
    }

    fn absorb(&self, partial: &mut Partial, chunk: Explained<'_>) {
        let Some(all) = partial.get_mut(chunk.method).filter(|_| Self::is_additive(&chunk.attributions.schema)) else { return };
        let mut sums = self.empty();
        let columns = self.columns(chunk);
        let sizes: Vec<Vec<f64>> =
            columns.iter().rev().skip(1).rev().map(|column| column.iter().map(|value| value.abs()).collect()).collect();
        let with_sizes: Vec<&[f64]> = columns.iter().copied().chain(sizes.iter().map(Vec::as_slice)).collect();
        let labels = self.review.grouping.labels(chunk.rows);
        let weights: Vec<f64> = (0..chunk.rows.rows()).map(|row| chunk.rows.weight_of(row)).collect();
        let label_of: Vec<Option<f64>> = (0..chunk.rows.rows()).map(|row| self.review.label_of(chunk.rows, row)).collect();
        for (attribute, labels) in labels.iter().enumerate() {
            let members = labels.groups.iter().zip(labels.members()).filter(|(_, members)| !members.is_empty());
            for (group, members) in members.filter(|_| !labels.is_crowded()) {
                for (slice, label) in self.slices().iter().enumerate() {
                    let mut shares = vec![0.0; weights.len()];
                    let meant = members.iter().filter(|(row, _)| label.is_none_or(|label| label_of[*row] == Some(label as f64)));
                    meant.for_each(|(row, share)| shares[*row] += share);
                    let columns = if label.is_none() { &with_sizes } else { &columns };
                    let counted = self.counted(chunk.rows.first_row, &weights, &shares, columns);
                    sums.groups[attribute * self.slices().len() + slice].insert(group.clone(), counted);
                }
            }
        }
        sums.rows += chunk.rows.rows() as u64;
        self.sample(&mut sums, &labels, &columns, chunk);
        all.merge(self.seed(), sums);
    }

    fn merge(&self, earlier: &mut Partial, later: Partial) {
        earlier.iter_mut().zip(later).for_each(|(earlier, later)| earlier.merge(self.seed(), later));
    }

    fn finish(&self, mut partial: Partial, earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let (names, crowded) = (self.review.grouping.names(), self.review.crowded(earlier));
        let none = Counted { rows: 0.0, weight: 0.0, sums: BucketSums::new(self.seed(), 0) };
        for (groups, name) in partial.iter_mut().flat_map(|sums| sums.groups.chunks_mut(self.slices().len()).zip(&names)) {
            let crowded = groups.iter_mut().filter(|_| crowded.contains(name));
            crowded.for_each(|groups| *groups = BTreeMap::from([(Group::crowd(), none.clone())]));
        }
        let weights = |groups: &'_ BTreeMap<Group, Counted>, attribute| {
            self.review.reference(attribute, groups.iter().map(|(group, counted)| (group, counted.weight)))
        };
        let references = |sums: &Sums| -> Vec<Group> {
            sums.groups.iter().step_by(self.slices().len()).enumerate().map(|(attribute, groups)| weights(groups, attribute)).collect()
        };
        let references: Vec<Vec<Group>> = partial.iter().map(references).collect();
        let methods = self.context.methods.iter().zip(partial.iter().zip(&references));
        let mut all = Lines::default();
        for (schema, (sums, references)) in methods.filter(|(schema, _)| Self::is_additive(schema)) {
            let lines = self.method(&names, schema, sums, references);
            all.gaps.extend(lines.gaps);
            all.importance.extend(lines.importance);
            all.proxy.extend(lines.proxy);
        }
        let (output, level) = (&self.context.subject.outputs[self.review.output], self.review.settings.intervals);
        Ok(vec![
            gaps::table(output, level, &all.gaps),
            importance::table(output, level, &all.importance),
            proxy::table(output, level, &all.proxy),
        ])
    }
}

impl Sums {
    fn merge(&mut self, seed: u64, later: Self) {
        for (groups, mut more) in self.groups.iter_mut().zip(later.groups) {
            for (name, group) in groups.iter_mut() {
                match more.remove(name) {
                    Some(later) => {
                        group.rows += later.rows;
                        group.weight += later.weight;
                        group.sums.merge(later.sums);
                    }
                    None => group.sums.skip(later.rows),
                }
            }
            for (name, later) in more {
                let mut group = Counted { sums: BucketSums::new(seed, later.sums.columns()), ..later };
                group.sums.skip(self.rows);
                group.sums.merge(later.sums);
                groups.insert(name, group);
            }
            // `finish` knows which attributes have too many groups.
            if groups.len() > GROUPS {
                groups.clear();
            }
        }
        self.rows += later.rows;
        self.sample.merge(later.sample);
    }
}
