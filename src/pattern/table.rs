//! Pattern tables: for every index of a group, the summed contributions of its leaves, one cache line for eight columns.

use super::group::{Group, GroupLeaf};

/// Columns in a line.
pub(super) const LANES: usize = 8;

/// Eight columns' contributions under one index.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub(super) struct Line(pub [f64; LANES]);

/// Eight columns: which they are, and the tables that add to them.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// Output columns; unused lanes go to the spare column behind the last.
    pub columns: [u32; LANES],
    /// A group's lines, one an index, a power of two of them.
    pub tables: Vec<Vec<Line>>,
}

impl Panel {
    /// Bytes of the tables.
    pub(super) fn bytes(&self) -> usize {
        self.tables.iter().map(|lines| size_of_val(&lines[..])).sum()
    }
}

/// A leaf's values for the outputs that its tree adds to: `(output, scaled value)`.
type Values = Vec<(usize, f64)>;
/// The values of a leaf, by its number.
pub(super) type LeafValues<'a> = &'a dyn Fn(usize) -> Values;

/// What a table's columns are.
pub(super) struct Columns<'a> {
    /// Columns an output.
    pub width: usize,
    /// Outputs; a spare column for unused lanes follows the last one's.
    pub outputs: usize,
    /// The columns, within an output, of a leaf's contributions.
    pub of: &'a dyn Fn(&GroupLeaf) -> Vec<u32>,
}

/// Builds a group's panels, of one table each. `contributions` writes a leaf's contributions at value 1, `pattern · width + number` with the leaf's
/// columns in their order.
pub(super) fn build(
    group: &Group,
    columns: &Columns<'_>,
    values: LeafValues<'_>,
    mut contributions: impl FnMut(&GroupLeaf, &mut Vec<f64>),
) -> Vec<Panel> {
    let leaves: Vec<(Vec<u32>, Values)> = group.leaves.iter().map(|leaf| ((columns.of)(leaf), values(leaf.leaf))).collect();
    let first = |output: usize| (output * columns.width) as u32;
    let spare = first(columns.outputs);
    let mut known: Vec<u32> = Vec::new();
    for (columns, values) in &leaves {
        values.iter().for_each(|(output, _)| known.extend(columns.iter().map(|column| first(*output) + column)));
    }
    known.sort_unstable();
    known.dedup();
    let indices = 1 << group.bits.len();
    let mut panels: Vec<Panel> = known
        .chunks(LANES)
        .map(|columns| {
            let columns = std::array::from_fn(|lane| columns.get(lane).copied().unwrap_or(spare));
            Panel { columns, tables: vec![vec![Line([0.0; LANES]); indices]] }
        })
        .collect();
    let mut table = Vec::new();
    for (leaf, (columns, values)) in group.leaves.iter().zip(&leaves) {
        contributions(leaf, &mut table);
        for (output, value) in values {
            let places: Vec<usize> = columns.iter().map(|column| known.partition_point(|known| *known < first(*output) + column)).collect();
            add_leaf(&mut panels, &places, leaf, &table, *value);
        }
    }
    panels
}

/// Adds `value` times a leaf's contributions to the lines of its columns.
fn add_leaf(panels: &mut [Panel], places: &[usize], leaf: &GroupLeaf, table: &[f64], value: f64) {
    let patterns = leaf.patterns(panels.first().map_or(0, |panel| panel.tables[0].len()));
    for (place, number) in places.iter().zip(0..) {
        let (lines, lane) = (&mut panels[place / LANES].tables[0], place % LANES);
        for (line, pattern) in lines.iter_mut().zip(&patterns) {
            line.0[lane] += value * table[usize::from(*pattern) * places.len() + number];
        }
    }
}
