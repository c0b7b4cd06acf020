//! Attribution gaps: which features make the mean prediction of a group differ from its reference's.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::groups::Labels;
use super::permutation::{TwoGroups, q_values};
use super::{GROUPS, INSUFFICIENT, OK, Review};
use crate::attribution::AttributionSchema;
use crate::derive::bootstrap::{BucketSums, Replicates};
use crate::derive::{Context, Derivation, DeriveError, Explained};
use crate::numeric::quantile::sorted_quantile;
use crate::numeric::seed;
use crate::table::{self, Table};

/// Rows that permutation tests are made on, at most: a seeded sample where there are more.
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
#[derive(Clone, Debug, Default)]
pub struct Sums {
    rows: u64,
    /// Each attribute's groups.
    groups: Vec<BTreeMap<String, Group>>,
    sample: Vec<SampledRow>,
}

/// A group's rows, and sums over them: a column a feature, then the prediction.
#[derive(Clone, Debug)]
struct Group {
    rows: u64,
    weight: f64,
    sums: BucketSums,
}

#[derive(Clone, Debug)]
struct SampledRow {
    hash: u64,
    index: u64,
    weight: f64,
    /// Its group under each attribute.
    groups: Vec<String>,
    /// Attributions, then the prediction.
    values: Vec<f64>,
}

/// One line of the table.
struct Line<'a> {
    method: &'a str,
    attribute: &'a str,
    group: &'a str,
    reference: &'a str,
    feature: &'a str,
    rows: u64,
    /// Difference, its interval, gap and residual, where there are rows enough.
    numbers: Option<[f64; 5]>,
    p_value: Option<f64>,
    q_value: Option<f64>,
}

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

    /// Attributions to the deciding output, a column a feature, then the predictions.
    fn columns<'b>(&self, chunk: Explained<'b>) -> Vec<&'b [f64]> {
        let (batch, output) = (chunk.attributions, self.review.output);
        let features = (0..batch.schema.features.len()).map(|feature| batch.column(output, feature));
        features.chain([&batch.prediction[output * batch.rows..][..batch.rows]]).collect()
    }

    fn sample(&self, sums: &mut Sums, labels: &[Labels], columns: &[&[f64]], chunk: Explained<'_>) {
        let hashed = |row: usize| (seed::derive(self.seed(), "fairness sample", chunk.rows.first_row + row as u64), row);
        let mut candidates: Vec<(u64, usize)> = (0..chunk.rows.rows()).map(hashed).collect();
        if candidates.len() > SAMPLE {
            candidates.select_nth_unstable(SAMPLE);
            candidates.truncate(SAMPLE);
        }
        sums.sample.extend(candidates.into_iter().map(|(hash, row)| SampledRow {
            hash,
            index: chunk.rows.first_row + row as u64,
            weight: chunk.rows.weight_of(row),
            groups: labels.iter().map(|labels| labels.names[labels.of_row[row]].clone()).collect(),
            values: columns.iter().map(|column| column[row]).collect(),
        }));
    }

    /// The lines of one group beside its reference, features in the method's order.
    fn lines<'a>(&self, about: &Line<'a>, schema: &'a AttributionSchema, pair: Option<(&Replicates, &Replicates)>) -> Vec<Line<'a>> {
        let difference = |column: usize| pair.map(|(own, other)| own.means[column] - other.means[column]);
        let gap = difference(schema.features.len());
        let explained: f64 = (0..schema.features.len()).filter_map(difference).sum();
        let line = |(column, feature): (usize, &'a String)| {
            let numbers = pair.zip(gap).map(|((own, other), gap)| {
                let (low, high) = interval(own, other, column, self.review.settings.intervals);
                [own.means[column] - other.means[column], low, high, gap, gap - explained]
            });
            Line { feature, numbers, p_value: None, q_value: None, ..*about }
        };
        schema.features.iter().enumerate().map(line).collect()
    }

    /// p-values of one group's features, on the sample.
    fn p_values(&self, sample: &[SampledRow], attribute: usize, line: &Line<'_>) -> Option<Vec<f64>> {
        let mut rows = TwoGroups::default();
        for row in sample.iter().filter(|row| [line.group, line.reference].contains(&row.groups[attribute].as_str())) {
            rows.values.push(row.values[..row.values.len() - 1].to_vec());
            rows.weights.push(row.weight);
            rows.first.push(row.groups[attribute] == line.group);
        }
        rows.p_values(self.seed(), &format!("fairness {} {} {}", line.method, line.attribute, line.group))
    }

    fn method<'a>(
        &self,
        names: &'a [String],
        schema: &'a AttributionSchema,
        sums: &'a mut Sums,
        references: &'a [String],
    ) -> Vec<Line<'a>> {
        sums.sample.sort_by_key(|row| row.index);
        let mut lines = Vec::new();
        for (attribute, (groups, reference)) in sums.groups.iter().zip(references).enumerate() {
            let least = self.review.settings.min_group;
            let replicates: BTreeMap<&String, Replicates> = groups
                .iter()
                .filter(|(_, group)| group.rows >= least && group.weight > 0.0)
                .filter_map(|(name, group)| Some((name, group.sums.clone().replicates()?)))
                .collect();
            for (name, group) in groups.iter().filter(|(name, _)| *name != reference) {
                let about = Line {
                    method: schema.method,
                    attribute: &names[attribute],
                    group: name,
                    reference,
                    feature: "",
                    rows: group.rows,
                    numbers: None,
                    p_value: None,
                    q_value: None,
                };
                let pair = replicates.get(name).zip(replicates.get(reference));
                let mut found = self.lines(&about, schema, pair);
                if let Some(p_values) = pair.and_then(|_| self.p_values(&sums.sample, attribute, &about)) {
                    found.iter_mut().zip(p_values).for_each(|(line, p)| line.p_value = Some(p));
                }
                lines.extend(found);
            }
        }
        let q_values = q_values(&lines.iter().map(|line| line.p_value).collect::<Vec<_>>());
        lines.iter_mut().zip(q_values).for_each(|(line, q)| line.q_value = q);
        lines
    }
}

/// The percentile interval of a difference of two means over the same draws.
fn interval(own: &Replicates, other: &Replicates, column: usize, level: f64) -> (f64, f64) {
    let pairs = own.replicates[column].iter().zip(&other.replicates[column]);
    let mut differences: Vec<f64> = pairs.map(|(own, other)| own - other).collect();
    differences.sort_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    (sorted_quantile(&differences, tail), sorted_quantile(&differences, 1.0 - tail))
}

impl Derivation for FairnessAttributions {
    type Partial = Partial;

    fn name(&self) -> &'static str {
        "fairness_attributions"
    }

    fn start(&self) -> Partial {
        let sums = Sums { groups: vec![BTreeMap::new(); self.review.grouping.names().len()], ..Sums::default() };
        vec![sums; self.context.methods.len()]
    }

    fn absorb(&self, partial: &mut Partial, chunk: Explained<'_>) {
        let Some(all) = partial.get_mut(chunk.method).filter(|_| Self::is_additive(&chunk.attributions.schema)) else { return };
        let mut sums = Sums { groups: vec![BTreeMap::new(); all.groups.len()], ..Sums::default() };
        let columns = self.columns(chunk);
        let labels = self.review.grouping.labels(chunk.rows);
        let weights: Vec<f64> = (0..chunk.rows.rows()).map(|row| chunk.rows.weight_of(row)).collect();
        for (labels, groups) in labels.iter().zip(&mut sums.groups) {
            for (number, name) in labels.names.iter().enumerate().take(GROUPS) {
                let mut group = Group::new(self.seed(), columns.len());
                let own = labels.weights_of(number, &weights);
                let slots = group.sums.add_rows(chunk.rows.first_row, &own);
                let mut weighted = vec![0.0; own.len()];
                for (index, column) in columns.iter().enumerate() {
                    weighted.iter_mut().zip(column.iter().zip(&own)).for_each(|(product, (value, weight))| *product = weight * value);
                    group.sums.add(&slots, index, &weighted);
                }
                group.rows = labels.of_row.iter().filter(|of_row| **of_row == number).count() as u64;
                group.weight = own.iter().sum();
                groups.insert(name.clone(), group);
            }
        }
        sums.rows += chunk.rows.rows() as u64;
        self.sample(&mut sums, &labels, &columns, chunk);
        all.merge(self.seed(), sums);
    }

    fn merge(&self, earlier: &mut Partial, later: Partial) {
        earlier.iter_mut().zip(later).for_each(|(earlier, later)| earlier.merge(self.seed(), later));
    }

    fn finish(&self, mut partial: Partial, _earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let names = self.review.grouping.names();
        let references: Vec<Vec<String>> = partial
            .iter()
            .map(|sums| {
                let weights = |groups: &BTreeMap<String, Group>| groups.iter().map(|(name, group)| (name.clone(), group.weight)).collect();
                let all = sums.groups.iter().enumerate();
                all.map(|(attribute, groups)| self.review.reference(attribute, weights(groups))).collect()
            })
            .collect();
        let methods = self.context.methods.iter().zip(partial.iter_mut().zip(&references));
        let additive = methods.filter(|(schema, _)| Self::is_additive(schema));
        let lines: Vec<Line> = additive.flat_map(|(schema, (sums, references))| self.method(&names, schema, sums, references)).collect();
        Ok(vec![table(&self.context.subject.outputs[self.review.output], self.review.settings.intervals, &lines)])
    }
}

impl Group {
    fn new(seed: u64, columns: usize) -> Self {
        Self { rows: 0, weight: 0.0, sums: BucketSums::new(seed, columns) }
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
            for (name, later) in more.into_iter().take(GROUPS.saturating_sub(groups.len())) {
                let mut group = Group { sums: BucketSums::new(seed, later.sums.columns()), ..later };
                group.sums.skip(self.rows);
                group.sums.merge(later.sums);
                groups.insert(name, group);
            }
        }
        self.rows += later.rows;
        self.sample.extend(later.sample);
        if self.sample.len() > SAMPLE {
            self.sample.select_nth_unstable_by_key(SAMPLE, |row| (row.hash, row.index));
            self.sample.truncate(SAMPLE);
        }
    }
}

fn table(output: &str, level: f64, lines: &[Line<'_>]) -> Table {
    let number = |place: usize| table::optional_numbers(lines.iter().map(|line| line.numbers.map(|numbers| numbers[place])));
    let status = |line: &Line<'_>| if line.numbers.is_some() { OK } else { INSUFFICIENT };
    Table::new(
        "fairness_attributions",
        vec![
            ("method", table::texts(lines.iter().map(|line| line.method))),
            ("output", table::texts(lines.iter().map(|_| output))),
            ("attribute", table::texts(lines.iter().map(|line| line.attribute))),
            ("group", table::texts(lines.iter().map(|line| line.group))),
            ("reference", table::texts(lines.iter().map(|line| line.reference))),
            ("feature", table::texts(lines.iter().map(|line| line.feature))),
            ("difference", number(0)),
            ("ci_low", number(1)),
            ("ci_high", number(2)),
            ("p_value", table::optional_numbers(lines.iter().map(|line| line.p_value))),
            ("q_value", table::optional_numbers(lines.iter().map(|line| line.q_value))),
            ("gap", number(3)),
            ("residual", number(4)),
            ("rows", table::integers(lines.iter().map(|line| line.rows as i64))),
            ("level", table::numbers(lines.iter().map(|_| level))),
            ("status", table::texts(lines.iter().map(status))),
        ],
    )
}
