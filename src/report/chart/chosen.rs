//! What is drawn of a table: rows one by one, those with extreme sums of attributions, SP-LIME's picks; distinct values.

use std::collections::HashMap;
use std::ops::Range;

use arrow_array::Array;

use super::ranking::Ranking;
use crate::table::{Table, cell_text};

/// A row's attributions by feature.
#[derive(Default)]
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
    /// Those of these ids and sums, in this order: ids may be of several rows.
    Picked(Vec<(String, f64)>),
}

/// The summary's lines of one method and output: of each feature one a row, in the same order of the rows.
pub(super) struct Block<'a> {
    pub method: &'a str,
    pub output: &'a str,
    pub features: Vec<(&'a str, Range<usize>)>,
}

impl Block<'_> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.features.first().map_or(0, |(_, lines)| lines.len())
    }
}

/// The summary's lines, method by method and output by output.
pub(super) fn blocks(summary: &Table) -> Vec<Block<'_>> {
    let [methods, outputs, features] = ["method", "output", "feature"].map(|column| summary.texts(column));
    let mut blocks: Vec<Block> = Vec::new();
    for line in 0..summary.len() {
        let (method, output, feature) = (methods.value(line), outputs.value(line), features.value(line));
        if blocks.last().is_none_or(|block| (block.method, block.output) != (method, output)) {
            blocks.push(Block { method, output, features: Vec::new() });
        }
        let Some(block) = blocks.last_mut() else { continue };
        match block.features.last_mut() {
            Some((last, lines)) if *last == feature => lines.end = line + 1,
            _ => block.features.push((feature, line..line + 1)),
        }
    }
    blocks
}

/// The summary's rows of the ranking's method and output that are chosen; extremes come with the lowest first.
pub(super) fn chosen<'a>(summary: &'a Table, ranking: &Ranking, choice: &Choice) -> Vec<Chosen<'a>> {
    let is_own = |block: &Block| block.method == ranking.method && ranking.output.is_none_or(|(name, _)| block.output == name);
    let Some(block) = blocks(summary).into_iter().find(is_own) else { return Vec::new() };
    let mut rows = rows(summary, &block);
    match choice {
        Choice::Extremes { ends, middle } => {
            rows.sort_by(|a, b| a.total.total_cmp(&b.total));
            let (count, first) = (rows.len(), (rows.len() / 2).saturating_sub(middle / 2));
            let keep = |place: usize| place < *ends || place + ends >= count || (first..first + middle).contains(&place);
            rows.into_iter().enumerate().filter(|(place, _)| keep(*place)).map(|(_, row)| row).collect()
        }
        Choice::Picked(picks) => {
            let place = |row: &Chosen| picks.iter().position(|(id, total)| *id == row.id && total.total_cmp(&row.total).is_eq());
            let mut found: Vec<(usize, Chosen)> = rows.into_iter().filter_map(|row| Some((place(&row)?, row))).collect();
            found.sort_by_key(|row| row.0);
            found.dedup_by_key(|row| row.0);
            found.into_iter().map(|row| row.1).collect()
        }
    }
}

/// The rows of a block, in its order.
fn rows<'a>(summary: &'a Table, block: &Block<'a>) -> Vec<Chosen<'a>> {
    let (texts, attributions) = (summary.texts("value"), summary.numbers("attribution"));
    let Some(ids) = summary.rows.column_by_name("row_id") else { return Vec::new() };
    let first = block.features.first().map_or(0..0, |(_, lines)| lines.clone());
    let mut rows: Vec<Chosen> = first.map(|line| Chosen { id: cell_text(ids, line), ..Chosen::default() }).collect();
    for (feature, lines) in &block.features {
        for (row, line) in rows.iter_mut().zip(lines.clone()) {
            row.attributions.insert(feature, attributions.value(line));
            row.values.extend(texts.is_valid(line).then(|| (*feature, texts.value(line))));
            row.total += attributions.value(line);
        }
    }
    rows
}

/// The rows that SP-LIME picked from the ranking's method and output, the first pick first: their ids and sums of attributions.
pub(super) fn picks(sp_lime: Option<&Table>, ranking: &Ranking) -> Vec<(String, f64)> {
    let Some(table) = sp_lime else { return Vec::new() };
    let (sources, outputs, numbers) = (table.texts("source"), table.texts("output"), table.integers("pick"));
    let Some(ids) = table.rows.column_by_name("row_id") else { return Vec::new() };
    let own = |line: &usize| sources.value(*line) == ranking.method && ranking.output.is_none_or(|(name, _)| outputs.value(*line) == name);
    let lines: Vec<usize> = (0..table.len()).filter(own).collect();
    let of_pick = |lines: &[usize]| {
        let total = lines.iter().fold(0.0, |total, line| total + table.numbers("attribution").value(*line));
        Some((cell_text(ids, *lines.first()?), total))
    };
    lines.chunk_by(|a, b| numbers.value(*a) == numbers.value(*b)).filter_map(of_pick).collect()
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

/// What a subtitle says of so many that are not drawn, and why; nothing where all are.
pub(super) fn not_drawn(left_out: &[(usize, &str)]) -> String {
    left_out.iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!("; not drawn: {count} {why}")).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::table::{integers, numbers, optional_numbers, optional_texts, texts};

    /// A summary of two rows of the id 7 and one of the id 8, all numbers: x is 1, missing, 3; y is 10, 20, 30.
    pub fn repeated_ids() -> Table {
        let values = [Some(1.0), None, Some(3.0), Some(10.0), Some(20.0), Some(30.0)];
        Table::new(
            "summary",
            vec![
                ("method", texts(["tree_shap"; 6])),
                ("output", texts(["bad"; 6])),
                ("feature", texts(["x", "x", "x", "y", "y", "y"])),
                ("row_id", integers([7, 7, 8, 7, 7, 8])),
                ("value", optional_texts(values.map(|value| value.map(|value| value.to_string())))),
                ("value_number", optional_numbers(values)),
                ("attribution", numbers([0.5, -2.0, 0.25, 0.125, 1.0, 4.0])),
            ],
        )
    }

    #[test]
    fn of_rows_with_the_same_id_the_one_that_was_picked_is_drawn() {
        let (summary, one) = (repeated_ids(), |feature: &'static str| [feature; 2]);
        let ranking = Ranking { method: "tree_shap", output: None, outputs: 1, features: Vec::new(), rows: 3, level: None };
        let sp_lime = Table::new(
            "sp_lime",
            vec![
                ("source", texts(one("tree_shap"))),
                ("output", texts(one("bad"))),
                ("pick", integers([1, 1])),
                ("row_id", integers([7, 7])),
                ("feature", texts(["x", "y"])),
                ("attribution", numbers([-2.0, 1.0])),
            ],
        );
        let rows = chosen(&summary, &ranking, &Choice::Picked(picks(Some(&sp_lime), &ranking)));
        let told: Vec<_> = rows.iter().map(|row| (row.id.as_str(), row.attributions["x"], row.values.get("y").copied())).collect();
        assert_eq!(told, [("7", -2.0, Some("20"))]);
    }

    #[test]
    fn a_subtitle_says_what_is_not_drawn() {
        assert_eq!(not_drawn(&[(0, "of the last groups"), (2, "with too few rows")]), "; not drawn: 2 with too few rows");
        assert_eq!(not_drawn(&[(0, "of the last groups")]), "");
    }
}
