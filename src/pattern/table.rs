//! Pattern tables: for every index of a group, the summed contributions of its leaves, one cache line for eight columns.
//!
//! All tables of a forest lie one after another, in the order in which rows pass them.

use std::ops::Range;

use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use super::block::{CACHE_LINE, first_line};
use super::group::{Group, GroupLeaf, Patterns};
use super::shape::leaf_values;
use crate::model::Tree;

/// Columns in a line.
pub(super) const LANES: usize = 8;

/// Most indices of a group, and most patterns of a leaf of one.
const INDICES: usize = 256;

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
        let values = vec![0.0; lines * LANES + CACHE_LINE];
        let first = first_line(&values);
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

/// What a table's columns are.
pub(super) struct Columns<'a> {
    /// Columns an output.
    pub width: usize,
    /// Outputs; a spare column for unused lanes follows the last one's.
    pub outputs: usize,
    /// Adds the columns, within an output, of a leaf's contributions.
    pub of: &'a (dyn Fn(&GroupLeaf, &mut Vec<u32>) + Sync),
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
    pub(super) fn of_group(&self, group: &Group, tree: &Tree) -> Vec<u32> {
        let (mut known, mut columns) = (Vec::new(), Vec::new());
        for leaf in &group.leaves {
            columns.clear();
            (self.of)(leaf, &mut columns);
            leaf_values(tree, leaf.leaf).for_each(|(output, _)| known.extend(columns.iter().map(|column| self.first(output) + column)));
        }
        known.sort_unstable();
        known.dedup();
        known
    }
}

/// A leaf's contributions at value 1, under each of its patterns.
pub(super) trait Contributions {
    /// Turns to a leaf, of at most eight conditions.
    fn turn_to(&mut self, leaf: &GroupLeaf);

    /// To eight of the leaf's columns, given by their numbers among them; in lanes without a column anything finite.
    fn cells(&self, numbers: &[Option<usize>; LANES], cells: &mut [Line]);
}

/// Contributions that are computed column by column: `number << D | pattern`, `D` the leaf's conditions.
#[derive(Debug)]
pub(super) struct ByColumn<F> {
    write: F,
    values: Vec<f64>,
}

impl<F: FnMut(&GroupLeaf, &mut Vec<f64>)> ByColumn<F> {
    /// Of what `write` puts in place of the values before.
    pub(super) fn new(write: F) -> Self {
        Self { write, values: Vec::new() }
    }
}

impl<F: FnMut(&GroupLeaf, &mut Vec<f64>)> Contributions for ByColumn<F> {
    #[inline(always)]
    fn turn_to(&mut self, leaf: &GroupLeaf) {
        (self.write)(leaf, &mut self.values);
    }

    #[inline(always)]
    fn cells(&self, numbers: &[Option<usize>; LANES], cells: &mut [Line]) {
        let (nothing, count) = ([0.0; INDICES], cells.len());
        let lanes = numbers.map(|number| number.map_or(&nothing[..count], |number| &self.values[number * count..][..count]));
        for (pattern, cell) in cells.iter_mut().enumerate() {
            *cell = std::array::from_fn(|lane| lanes[lane][pattern]);
        }
    }
}

/// What building a table needs, used again and again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The group's columns, ascending, with table and lane.
    places: Vec<(u32, usize, usize)>,
    /// A leaf's columns within an output.
    columns: Vec<u32>,
    /// What a leaf adds to the lanes of each table.
    shares: Vec<Share>,
    cells: Vec<Line>,
}

/// A leaf's share in the lanes of a table: the numbers of its columns, and its values.
type Share = ([Option<usize>; LANES], Line);

/// Adds the leaves of a tree's group to its tables.
///
/// Compiled for the machine's widest vectors, with what is inlined of `contributions`; nothing is fused, so results are the same without.
pub(super) fn add_leaves(
    group: &Group,
    columns: &Columns<'_>,
    tree: &Tree,
    targets: &mut [Target<'_>],
    scratch: &mut Scratch,
    contributions: &mut impl Contributions,
) {
    Arch::new().dispatch(AddLeaves { group, columns, tree, targets, scratch, contributions });
}

struct AddLeaves<'a, 't, C> {
    group: &'a Group,
    columns: &'a Columns<'a>,
    tree: &'a Tree,
    targets: &'a mut [Target<'t>],
    scratch: &'a mut Scratch,
    contributions: &'a mut C,
}

impl<C: Contributions> NullaryFnOnce for AddLeaves<'_, '_, C> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let places = &mut self.scratch.places;
        places.clear();
        for (table, target) in self.targets.iter().enumerate() {
            places.extend(target.columns.iter().enumerate().map(|(lane, column)| (*column, table, lane)));
        }
        // The first table with a column: others may have it for the sake of other groups.
        places.sort_unstable();
        places.dedup_by_key(|(column, ..)| *column);
        for leaf in &self.group.leaves {
            self.contributions.turn_to(leaf);
            add_leaf(leaf, self.columns, self.tree, self.targets, self.scratch, self.contributions);
        }
    }
}

/// Adds a leaf to which the contributions have turned.
#[inline(always)]
fn add_leaf(
    leaf: &GroupLeaf,
    columns: &Columns<'_>,
    tree: &Tree,
    targets: &mut [Target<'_>],
    scratch: &mut Scratch,
    contributions: &impl Contributions,
) {
    let Scratch { places, columns: of_leaf, shares, cells } = scratch;
    of_leaf.clear();
    (columns.of)(leaf, of_leaf);
    shares.clear();
    shares.resize(targets.len(), Share::default());
    for (output, value) in leaf_values(tree, leaf.leaf) {
        let first = columns.first(output);
        for (number, column) in of_leaf.iter().enumerate() {
            let place = places.binary_search_by_key(&(first + column), |(column, ..)| *column).ok().map(|place| places[place]);
            if let Some((_, table, lane)) = place {
                (shares[table].0[lane], shares[table].1[lane]) = (Some(number), value);
            }
        }
    }
    cells.resize(1 << leaf.conditions.len(), [0.0; LANES]);
    let patterns = leaf.patterns();
    for (target, (numbers, values)) in targets.iter_mut().zip(shares).filter(|(_, (numbers, _))| numbers.iter().any(Option::is_some)) {
        contributions.cells(numbers, cells);
        add_cells(target.lines, cells, values, &patterns);
    }
}

/// `line[index] += value · cells[pattern under the index]`.
#[inline(always)]
fn add_cells(lines: &mut [Line], cells: &[Line], values: &Line, patterns: &Patterns) {
    for (index, line) in lines.iter_mut().enumerate() {
        let cell = &cells[patterns.of(index)];
        *line = std::array::from_fn(|lane| line[lane] + values[lane] * cell[lane]);
    }
}
