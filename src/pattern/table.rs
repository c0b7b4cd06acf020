//! Pattern tables: for every index of a group, the summed contributions of its leaves, one cache line for eight columns.

use super::group::{Group, GroupLeaf};

/// Columns in a line.
pub(super) const LANES: usize = 8;

/// Eight columns' contributions under one index.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub(super) struct Line(pub [f64; LANES]);

/// Eight columns of a group: which they are, and their lines, one an index.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// Output columns; unused lanes go to the spare column behind the last.
    pub columns: [u32; LANES],
    /// One line an index.
    pub lines: Vec<Line>,
}

/// A leaf's values for the outputs that its tree adds to: `(output, scaled value)`.
pub(super) type LeafValues<'a> = &'a dyn Fn(usize) -> Vec<(usize, f64)>;

/// Builds a group's panels. `contributions(leaf)` is the leaf's table `pattern · D + j` at value 1.
pub(super) fn build(
    group: &Group,
    features: usize,
    spare: u32,
    values: LeafValues<'_>,
    contributions: &dyn Fn(&GroupLeaf) -> Vec<f64>,
) -> Vec<Panel> {
    let leaf_values: Vec<Vec<(usize, f64)>> = group.leaves.iter().map(|leaf| values(leaf.leaf)).collect();
    let mut columns: Vec<u32> = Vec::new();
    for (leaf, values) in group.leaves.iter().zip(&leaf_values) {
        for (output, _) in values {
            columns.extend(leaf.conditions.iter().map(|condition| (output * features + condition.feature) as u32));
        }
    }
    columns.sort_unstable();
    columns.dedup();
    let indices = 1 << group.bits.len();
    let mut panels: Vec<Panel> = columns
        .chunks(LANES)
        .map(|columns| {
            let columns = std::array::from_fn(|lane| columns.get(lane).copied().unwrap_or(spare));
            Panel { columns, lines: vec![Line([0.0; LANES]); indices] }
        })
        .collect();
    for (leaf, values) in group.leaves.iter().zip(&leaf_values) {
        let table = contributions(leaf);
        for (output, value) in values {
            add_leaf(&mut panels, &columns, leaf, &table, (output * features) as u32, *value);
        }
    }
    panels
}

/// Adds `value` times a leaf's contributions to the lines of its columns.
fn add_leaf(panels: &mut [Panel], columns: &[u32], leaf: &GroupLeaf, table: &[f64], first_column: u32, value: f64) {
    let d = leaf.conditions.len();
    let places: Vec<usize> = leaf
        .conditions
        .iter()
        .map(|condition| columns.partition_point(|column| *column < first_column + condition.feature as u32))
        .collect();
    let indices = panels.first().map_or(0, |panel| panel.lines.len());
    for index in 0..indices {
        let row = &table[leaf.pattern(index as u32) * d..][..d];
        for (place, contribution) in places.iter().zip(row) {
            panels[place / LANES].lines[index].0[place % LANES] += value * contribution;
        }
    }
}
