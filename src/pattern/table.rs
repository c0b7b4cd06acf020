//! Pattern tables: for every index of a group, the summed contributions of its leaves, one cache line for eight columns.
//!
//! All tables of a forest lie one after another, in the order in which rows pass them.

use std::ops::Range;

use rayon::prelude::*;

use super::group::{Group, GroupLeaf};

/// Columns in a line.
pub(super) const LANES: usize = 8;

/// Eight columns' contributions under one index.
pub(super) type Line = [f64; LANES];

/// Eight columns: which they are, and the tables that add to them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Panel {
    /// Output columns; unused lanes go to the spare column behind the last.
    pub columns: [u32; LANES],
    /// The lines of each table, one an index, a power of two of them.
    pub tables: Vec<Range<usize>>,
}

impl Panel {
    /// Bytes of the tables.
    pub(super) fn bytes(&self) -> usize {
        self.tables.iter().map(Range::len).sum::<usize>() * size_of::<Line>()
    }
}

/// The lines of all tables.
#[derive(Debug)]
pub(super) struct Tables {
    values: Vec<f64>,
    /// Where the first line starts.
    first: usize,
    lines: usize,
}

/// One table of a group while it is built.
#[derive(Debug)]
pub(super) struct Target<'t> {
    /// Output columns.
    pub columns: [u32; LANES],
    /// Zeros before the first leaf.
    pub lines: &'t mut [Line],
}

impl Tables {
    /// The tables of `groups`: those of the first panel, each with its group's number, then of the next. `fill` adds a group's leaves to its tables.
    pub(super) fn build<'p, G: Sync>(
        panels: impl Iterator<Item = (&'p Panel, &'p [usize])> + Clone,
        groups: &[G],
        fill: impl Fn(&G, &mut [Target<'_>], &mut Scratch) + Sync,
    ) -> Self {
        let mut tables = Self::zeros(panels.clone().flat_map(|(panel, _)| &panel.tables).map(Range::len).sum());
        let mut targets: Vec<Vec<Target<'_>>> = groups.iter().map(|_| Vec::new()).collect();
        let mut rest = tables.lines_mut();
        for (panel, numbers) in panels {
            for (range, group) in panel.tables.iter().zip(numbers) {
                let (lines, later) = rest.split_at_mut(range.len());
                targets[*group].push(Target { columns: panel.columns, lines });
                rest = later;
            }
        }
        groups.par_iter().zip(targets).for_each_init(Scratch::default, |scratch, (group, mut targets)| {
            // Written before it is read: reading a new page first would have the system hand it over twice.
            targets.iter_mut().for_each(|target| target.lines.fill([0.0; LANES]));
            fill(group, &mut targets, scratch);
        });
        tables
    }

    fn zeros(lines: usize) -> Self {
        let values = vec![0.0; (lines + 1) * LANES];
        // A line that straddles two of the cache's would cost two loads.
        let first = values.as_ptr().align_offset(size_of::<Line>()).min(LANES);
        Self { values, first, lines }
    }

    /// All lines.
    pub(super) fn lines(&self) -> &[Line] {
        &self.values[self.first..].as_chunks().0[..self.lines]
    }

    fn lines_mut(&mut self) -> &mut [Line] {
        &mut self.values[self.first..].as_chunks_mut().0[..self.lines]
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
    pub of: &'a (dyn Fn(&GroupLeaf) -> Vec<u32> + Sync),
}

impl Columns<'_> {
    /// The column of unused lanes.
    pub(super) fn spare(&self) -> u32 {
        self.first(self.outputs)
    }

    fn first(&self, output: usize) -> u32 {
        (output * self.width) as u32
    }

    /// The columns that a group adds to, ascending.
    pub(super) fn of_group(&self, group: &Group, values: LeafValues<'_>) -> Vec<u32> {
        let mut known: Vec<u32> = Vec::new();
        for leaf in &group.leaves {
            let columns = (self.of)(leaf);
            values(leaf.leaf).iter().for_each(|(output, _)| known.extend(columns.iter().map(|column| self.first(*output) + column)));
        }
        known.sort_unstable();
        known.dedup();
        known
    }
}

/// What building a table needs, used again and again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    contributions: Vec<f64>,
    patterns: Vec<u16>,
}

/// Adds a group's leaves to its tables. `contributions` writes a leaf's contributions at value 1, `number << D | pattern` with the leaf's
/// columns in their order, `D` its conditions.
pub(super) fn add_leaves(
    group: &Group,
    columns: &Columns<'_>,
    values: LeafValues<'_>,
    targets: &mut [Target<'_>],
    scratch: &mut Scratch,
    mut contributions: impl FnMut(&GroupLeaf, &mut Vec<f64>),
) {
    for leaf in &group.leaves {
        contributions(leaf, &mut scratch.contributions);
        leaf.patterns(1 << group.bits.len(), &mut scratch.patterns);
        let of_leaf = (columns.of)(leaf);
        for (output, value) in values(leaf.leaf) {
            let first = columns.first(output);
            for (number, column) in of_leaf.iter().enumerate() {
                let place = |target: &Target<'_>| target.columns.iter().position(|known| *known == first + column);
                let Some((target, lane)) = targets.iter_mut().find_map(|target| place(target).map(|lane| (target, lane))) else { continue };
                let cells = &scratch.contributions[number << leaf.conditions.len()..];
                for (line, pattern) in target.lines.iter_mut().zip(&scratch.patterns) {
                    line[lane] += value * cells[usize::from(*pattern)];
                }
            }
        }
    }
}
