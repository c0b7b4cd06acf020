//! What is drawn of a table: rows one by one, those with extreme sums of attributions, SP-LIME's picks; distinct values.

use std::collections::HashMap;

use arrow_array::Array;

use super::ranking::Ranking;
use crate::table::{Table, cell_text};

/// A row's attributions by feature.
pub(super) struct Chosen<'a> {
    pub id: String,
    pub attributions: HashMap<&'a str, f64>,
    /// Values as text, of those that are not missing.
    pub values: HashMap<&'a str, &'a str>,
    /// Sum of all attributions.
    pub total: f64,
}

/// Which rows are drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Choice {
    /// So many of the lowest, of the middle and of the highest sums.
    Extremes { ends: usize, middle: usize },
    /// Those of these ids, in this order.
    Named(Vec<String>),
}

/// The summary's rows of the ranking's method and output that are chosen; extremes come with the lowest first.
pub(super) fn chosen<'a>(summary: &'a Table, ranking: &Ranking, choice: &Choice) -> Vec<Chosen<'a>> {
    let [methods, outputs, features, texts] = ["method", "output", "feature", "value"].map(|column| summary.texts(column));
    let Some(ids) = summary.rows.column_by_name("row_id") else { return Vec::new() };
    let (mut rows, mut place, mut last): (Vec<Chosen>, usize, Option<&str>) = (Vec::new(), 0, None);
    let wanted = |row: &usize| methods.value(*row) == ranking.method && ranking.output.is_none_or(|(name, _)| outputs.value(*row) == name);
    for row in (0..summary.len()).filter(wanted) {
        let feature = features.value(row);
        place = if last == Some(feature) { place + 1 } else { 0 };
        last = Some(feature);
        if place == rows.len() {
            rows.push(Chosen { id: cell_text(ids, row), attributions: HashMap::new(), values: HashMap::new(), total: 0.0 });
        }
        let attribution = summary.numbers("attribution").value(row);
        rows[place].attributions.insert(feature, attribution);
        rows[place].values.extend(texts.is_valid(row).then(|| (feature, texts.value(row))));
        rows[place].total += attribution;
    }
    match choice {
        Choice::Extremes { ends, middle } => {
            rows.sort_by(|a, b| a.total.total_cmp(&b.total));
            let (count, first) = (rows.len(), (rows.len() / 2).saturating_sub(middle / 2));
            let keep = |place: usize| place < *ends || place + ends >= count || (first..first + middle).contains(&place);
            rows.into_iter().enumerate().filter(|(place, _)| keep(*place)).map(|(_, row)| row).collect()
        }
        Choice::Named(names) => {
            let mut found: Vec<(usize, Chosen)> =
                rows.into_iter().filter_map(|row| Some((names.iter().position(|name| *name == row.id)?, row))).collect();
            found.sort_by_key(|row| row.0);
            found.into_iter().map(|row| row.1).collect()
        }
    }
}

/// The rows that SP-LIME picked from the ranking's method and output, the first pick first.
pub(super) fn picks(sp_lime: Option<&Table>, ranking: &Ranking) -> Vec<String> {
    let Some(table) = sp_lime else { return Vec::new() };
    let (sources, outputs) = (table.texts("source"), table.texts("output"));
    let Some(ids) = table.rows.column_by_name("row_id") else { return Vec::new() };
    let own = |row: &usize| sources.value(*row) == ranking.method && ranking.output.is_none_or(|(name, _)| outputs.value(*row) == name);
    let mut picks: Vec<String> = Vec::new();
    for id in (0..table.len()).filter(own).map(|row| cell_text(ids, row)) {
        if !picks.contains(&id) {
            picks.push(id);
        }
    }
    picks
}

/// The different texts of a column in some lines, in their order.
pub(super) fn distinct(table: &Table, column: &str, is_meant: &dyn Fn(usize) -> bool, most: usize) -> Vec<String> {
    let mut found = Vec::new();
    let Some(array) = table.rows.column_by_name(column) else { return found };
    for text in (0..table.len()).filter(|&line| is_meant(line)).map(|line| cell_text(array, line)) {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found.truncate(most);
    found
}
