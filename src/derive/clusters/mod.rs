//! Clusters of rows that are explained alike (“supervised clustering”, Lundberg et al. 2018).

mod condense;
mod settings;
mod tree;

use std::sync::Arc;

use arrow_array::{ArrayRef, UInt64Array};
use arrow_select::take::take;
use rayon::prelude::*;

use super::{Context, Derivation, DeriveError, Explained};
use crate::table::{self, Table};
use condense::Points;
use tree::Tree;

pub use settings::Settings;

/// Points that stand for all rows of a method and output; up to so many rows stand for themselves.
const POINTS: usize = 2000;

/// All rows, condensed to at most [`POINTS`] points as they stream by; the points' hierarchy by Ward's criterion is cut into clusters.
///
/// The summary's rows, which are a sample, are given the cluster of the nearest point.
pub struct Clusters {
    count: usize,
    context: Arc<Context>,
}

/// Of each method and output the points so far.
pub type Partial = Vec<Vec<Points>>;

/// One method's and output's clusters.
struct Clustered<'a> {
    method: &'a str,
    output: &'a str,
    features: &'a [String],
    /// Rows and mean attributions of each cluster.
    means: Vec<(f64, Vec<f64>)>,
    /// The summary's rows in order: line of its first feature, cluster, and total of attributions.
    rows: Vec<(usize, usize, f64)>,
}

/// The rows of one method and output in the summary.
struct Group<'a> {
    method: &'a str,
    output: &'a str,
    /// Lines of the summary's first feature: one a row.
    lines: std::ops::Range<usize>,
    /// Attributions, row after row.
    rows: Vec<Vec<f64>>,
}

impl Clusters {
    /// At most so many as the settings say.
    pub fn new(settings: &Settings, context: &Arc<Context>) -> Self {
        Self { count: settings.count.get(), context: Arc::clone(context) }
    }

    fn cluster<'a>(&'a self, method: usize, output: usize, points: &Points, sample: Option<Group<'_>>) -> Clustered<'a> {
        let schema = &self.context.methods[method];
        let tree = Tree::of(points);
        let clusters = tree.cut(self.count);
        let mut means = vec![(0.0, vec![0.0; schema.features.len()]); clusters.iter().max().map_or(0, |last| last + 1)];
        let mut place_of = vec![0; points.len()];
        for (place, (point, cluster)) in tree.order.iter().zip(&clusters).enumerate() {
            place_of[*point] = place;
            let (rows, sums) = &mut means[*cluster];
            *rows += points.rows(*point);
            sums.iter_mut().zip(points.mean(*point)).for_each(|(sum, mean)| *sum += points.rows(*point) * mean);
        }
        means.iter_mut().for_each(|(rows, sums)| sums.iter_mut().for_each(|sum| *sum /= *rows));
        let place = |row: &Vec<f64>| points.nearest(row).map_or(0, |point| place_of[point]);
        let Group { lines, rows, .. } = sample.unwrap_or_default();
        let placed = lines.zip(rows.par_iter().map(|row| (place(row), row.iter().sum::<f64>())).collect::<Vec<_>>());
        let mut placed: Vec<(usize, (usize, f64))> = placed.collect();
        placed.sort_by(|(_, a), (_, b)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let rows = placed.into_iter().map(|(line, (place, total))| (line, clusters.get(place).copied().unwrap_or(0), total)).collect();
        Clustered { method: schema.method, output: &schema.outputs[output], features: &schema.features, means, rows }
    }
}

impl Default for Group<'_> {
    fn default() -> Self {
        Self { method: "", output: "", lines: 0..0, rows: Vec::new() }
    }
}

/// The summary's lines come method by method, output by output, feature by feature, and row by row.
fn groups(summary: &Table) -> Vec<Group<'_>> {
    let [methods, outputs, features] = ["method", "output", "feature"].map(|column| summary.texts(column));
    let attributions = summary.numbers("attribution");
    let mut groups: Vec<Group> = Vec::new();
    let mut place = 0;
    for line in 0..summary.len() {
        let (method, output) = (methods.value(line), outputs.value(line));
        if groups.last().is_none_or(|group| group.method != method || group.output != output) {
            groups.push(Group { method, output, lines: line..line, rows: Vec::new() });
        }
        let Some(group) = groups.last_mut() else { continue };
        if features.value(line) == features.value(group.lines.start) && line == group.lines.end {
            group.lines.end += 1;
            group.rows.push(Vec::new());
        }
        place = if line > 0 && features.value(line) == features.value(line - 1) && line != group.lines.start { place + 1 } else { 0 };
        group.rows[place].push(attributions.value(line));
    }
    groups
}

impl Derivation for Clusters {
    type Partial = Partial;

    fn name(&self) -> &'static str {
        "clusters"
    }

    fn start(&self) -> Partial {
        self.context.methods.iter().map(|schema| vec![Points::new(schema.features.len()); schema.outputs.len()]).collect()
    }

    fn absorb(&self, partial: &mut Partial, chunk: Explained<'_>) {
        let (rows, values) = (chunk.attributions.rows, &chunk.attributions.values);
        let Some(outputs) = partial.get_mut(chunk.method) else { return };
        for (output, points) in outputs.iter_mut().enumerate() {
            let features = chunk.attributions.schema.features.len();
            let of = |row: usize| (0..features).map(move |feature| values[(output * features + feature) * rows + row]);
            (0..rows).for_each(|row| points.push(of(row)));
            *points = std::mem::replace(points, Points::new(features)).condensed(POINTS);
        }
    }

    fn merge(&self, earlier: &mut Partial, later: Partial) {
        for (earlier, later) in earlier.iter_mut().flatten().zip(later.into_iter().flatten()) {
            let mut both = std::mem::replace(earlier, Points::new(0));
            both.append(later);
            *earlier = both.condensed(POINTS);
        }
    }

    fn finish(&self, partial: Partial, earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let refuse = || DeriveError { derivation: "clusters", message: "there is no summary of rows; switch derive.summary on".into() };
        let summary = earlier.iter().find(|table| table.name == "summary").ok_or_else(refuse)?;
        let (ids, groups) = (summary.rows.column_by_name("row_id").ok_or_else(refuse)?, groups(summary));
        let mut all = Vec::new();
        for (method, outputs) in partial.iter().enumerate() {
            for (output, points) in outputs.iter().enumerate() {
                let schema = &self.context.methods[method];
                let of = |group: &&Group| group.method == schema.method && group.output == schema.outputs[output];
                let sample =
                    groups.iter().find(of).map(|group| Group { lines: group.lines.clone(), rows: group.rows.clone(), ..Group::default() });
                all.push(self.cluster(method, output, points, sample));
            }
        }
        let lines: UInt64Array = all.iter().flat_map(|clustered| &clustered.rows).map(|row| row.0 as u64).collect();
        let ids = take(ids, &lines, None).map_err(|error| DeriveError { derivation: "clusters", message: error.to_string() })?;
        Ok(vec![rows_table(&all, ids), means_table(&all)])
    }
}

/// The table `clusters`: the summary's rows in the order of the hierarchy.
fn rows_table(all: &[Clustered<'_>], ids: ArrayRef) -> Table {
    let lines = || all.iter().flat_map(|clustered| clustered.rows.iter().enumerate().map(move |(order, row)| (clustered, order, row)));
    Table::new(
        "clusters",
        vec![
            ("method", table::texts(lines().map(|line| line.0.method))),
            ("output", table::texts(lines().map(|line| line.0.output))),
            ("row_id", ids),
            ("cluster", table::integers(lines().map(|line| line.2.1 as i64))),
            ("order", table::integers(lines().map(|line| line.1 as i64))),
            ("total", table::numbers(lines().map(|line| line.2.2))),
        ],
    )
}

/// The table `cluster_means`: all rows' mean attributions by cluster and feature.
fn means_table(all: &[Clustered<'_>]) -> Table {
    let clusters =
        || all.iter().flat_map(|clustered| clustered.means.iter().enumerate().map(move |(number, means)| (clustered, number, means)));
    let lines =
        || clusters().flat_map(|(clustered, number, means)| (0..means.1.len()).map(move |feature| (clustered, number, means, feature)));
    Table::new(
        "cluster_means",
        vec![
            ("method", table::texts(lines().map(|line| line.0.method))),
            ("output", table::texts(lines().map(|line| line.0.output))),
            ("cluster", table::integers(lines().map(|line| line.1 as i64))),
            ("feature", table::texts(lines().map(|line| &line.0.features[line.3]))),
            ("mean", table::numbers(lines().map(|line| line.2.1[line.3]))),
            ("total", table::numbers(lines().map(|line| line.2.1.iter().sum::<f64>()))),
            ("rows", table::integers(lines().map(|line| line.2.0 as i64))),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::summary::Summary;
    use crate::derive::testing::Run;

    fn clusters(rows: &[[f64; 2]], count: usize, chunk: usize) -> Vec<Table> {
        let run = Run::new(&["x", "y"], &["p"], rows.iter().map(|row| row.to_vec()).collect());
        let summary = run.derive(&Summary::new(&run.context), 100);
        let derivation = Clusters::new(&Settings { count: std::num::NonZeroUsize::new(count).unwrap() }, &run.context);
        let mut all = derivation.start();
        for first in (0..rows.len()).step_by(chunk) {
            let mut part = derivation.start();
            run.absorb(&derivation, &mut part, first, (first + chunk).min(rows.len()));
            derivation.merge(&mut all, part);
        }
        derivation.finish(all, &[summary]).unwrap()
    }

    #[test]
    fn rows_explained_alike_are_together_in_the_order_of_their_totals() {
        let rows = [[5.0, 1.0], [-3.0, 0.0], [5.1, 1.0], [0.0, 0.1], [-3.1, 0.0], [0.1, 0.0]];
        for chunk in [1, 4, 6] {
            let [table, means] = &clusters(&rows, 3, chunk)[..] else { panic!("two tables") };
            assert_eq!(table.integers("row_id").values(), &[1004, 1001, 1003, 1005, 1000, 1002]);
            assert_eq!(table.integers("cluster").values(), &[0, 0, 1, 1, 2, 2]);
            assert_eq!(table.integers("order").values(), &[0, 1, 2, 3, 4, 5]);
            assert_eq!(table.numbers("total").value(0), -3.1);
            assert_eq!(means.numbers("mean").values(), &[-3.05, 0.0, 0.05, 0.05, 5.05, 1.0]);
            assert_eq!(means.integers("rows").values(), &[2; 6]);
        }
        assert!(clusters(&rows, 1, 6)[0].integers("cluster").values().iter().all(|cluster| *cluster == 0));
        // More clusters than rows: one each.
        assert_eq!(clusters(&rows, 50, 6)[0].integers("cluster").values(), &[0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn more_rows_than_points_keep_their_groups() {
        // Three far groups of unequal size, in no order.
        let rows: Vec<[f64; 2]> = (0..6000_u32)
            .map(|row| [[-9.0, 0.0, 0.0, 7.0][row as usize % 4] + f64::from(row * 7 % 101) / 200.0, f64::from(row % 3)])
            .collect();
        let [table, means] = &clusters(&rows, 3, 1700)[..] else { panic!("two tables") };
        assert_eq!(means.integers("rows").values(), &[1500, 1500, 3000, 3000, 1500, 1500]);
        let near = |at: usize, expected: f64| assert!((means.numbers("mean").value(at) - expected).abs() < 0.1, "{at}");
        near(0, -8.75);
        near(2, 0.25);
        near(4, 7.25);
        // The sampled rows lie in the cluster of their own group.
        for line in 0..table.len() {
            let row = (table.integers("row_id").value(line) - 1000) as usize;
            assert_eq!(table.integers("cluster").value(line), [0, 1, 1, 2][row % 4]);
        }
    }

    #[test]
    fn few_and_equal_rows_have_clusters_too() {
        assert_eq!(clusters(&[], 3, 1)[0].len(), 0);
        assert_eq!(clusters(&[[1.0, 2.0]], 3, 1)[0].integers("cluster").values(), &[0]);
        assert_eq!(clusters(&[[1.0, 2.0]; 5], 2, 2)[0].len(), 5);
    }
}
