//! Clusters of rows that are explained alike (“supervised clustering”, Lundberg et al. 2018).

mod settings;
mod tree;

use arrow_array::{ArrayRef, UInt64Array};
use arrow_select::take::take;

use super::{Derivation, DeriveError};
use crate::table::{self, Table};
use tree::Tree;

pub use settings::Settings;

/// The summary's rows, a seeded sample of at most a thousand, so that memory does not grow with the data.
pub struct Clusters {
    count: usize,
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
    pub fn new(settings: &Settings) -> Self {
        Self { count: settings.count.get() }
    }

    fn table(&self, summary: &Table) -> Option<Table> {
        let ids = summary.rows.column_by_name("row_id")?;
        let (mut labels, mut lines) = (Vec::new(), Vec::new());
        for group in groups(summary) {
            let tree = Tree::of(&group.rows);
            let clusters = tree.cut(self.count);
            for (place, row) in tree.order.iter().enumerate() {
                let total: f64 = group.rows[*row].iter().sum();
                labels.push((group.method, group.output, clusters[place] as i64, place as i64, total));
                lines.push((group.lines.start + row) as u64);
            }
        }
        let ids: ArrayRef = take(ids, &UInt64Array::from(lines), None).ok()?;
        Some(Table::new(
            "clusters",
            vec![
                ("method", table::texts(labels.iter().map(|label| label.0))),
                ("output", table::texts(labels.iter().map(|label| label.1))),
                ("row_id", ids),
                ("cluster", table::integers(labels.iter().map(|label| label.2))),
                ("order", table::integers(labels.iter().map(|label| label.3))),
                ("total", table::numbers(labels.iter().map(|label| label.4))),
            ],
        ))
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
    type Partial = ();

    fn name(&self) -> &'static str {
        "clusters"
    }

    fn start(&self) {}

    fn merge(&self, _earlier: &mut (), _later: ()) {}

    fn finish(&self, _partial: (), earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let summary = earlier.iter().find(|table| table.name == "summary");
        let refuse = || DeriveError { derivation: "clusters", message: "there is no summary of rows; switch derive.summary on".into() };
        summary.and_then(|summary| self.table(summary)).map(|table| vec![table]).ok_or_else(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two methods' rows of two features.
    fn summary(rows: &[[f64; 2]]) -> Table {
        let line = |method, feature: usize| rows.iter().enumerate().map(move |(id, row)| (method, feature, 100 + id as i64, row[feature]));
        let lines: Vec<_> = ["a", "b"].into_iter().flat_map(|method| (0..2).flat_map(move |feature| line(method, feature))).collect();
        Table::new(
            "summary",
            vec![
                ("method", table::texts(lines.iter().map(|line| line.0))),
                ("output", table::texts(lines.iter().map(|_| "p"))),
                ("feature", table::texts(lines.iter().map(|line| ["x", "y"][line.1]))),
                ("row_id", table::integers(lines.iter().map(|line| line.2))),
                ("attribution", table::numbers(lines.iter().map(|line| line.3))),
            ],
        )
    }

    fn clusters(rows: &[[f64; 2]], count: usize) -> Table {
        let settings = Settings { count: std::num::NonZeroUsize::new(count).unwrap() };
        Clusters::new(&settings).finish((), &[summary(rows)]).unwrap().remove(0)
    }

    #[test]
    fn rows_explained_alike_are_together_in_the_order_of_their_totals() {
        let rows = [[5.0, 1.0], [-3.0, 0.0], [5.1, 1.0], [0.0, 0.1], [-3.1, 0.0], [0.1, 0.0]];
        let table = clusters(&rows, 3);
        assert_eq!(table.len(), 12);
        assert_eq!(table.integers("row_id").values()[..6], [104, 101, 103, 105, 100, 102]);
        assert_eq!(table.integers("cluster").values()[..6], [0, 0, 1, 1, 2, 2]);
        assert_eq!(table.integers("order").values()[6..], [0, 1, 2, 3, 4, 5]);
        assert_eq!(table.numbers("total").value(0), -3.1);
        assert!(clusters(&rows, 1).integers("cluster").values().iter().all(|cluster| *cluster == 0));
        // More clusters than rows: one each.
        assert_eq!(clusters(&rows, 50).integers("cluster").values()[..6], [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn few_and_equal_rows_have_clusters_too() {
        assert_eq!(clusters(&[], 3).len(), 0);
        assert_eq!(clusters(&[[1.0, 2.0]], 3).integers("cluster").values(), &[0, 0]);
        assert_eq!(clusters(&[[1.0, 2.0]; 5], 2).len(), 10);
    }
}
