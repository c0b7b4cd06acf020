//! What explaining costs, from the shape of the trees: which way a tree is computed, and what a run will take.
//!
//! The constants are nanoseconds of one core (AMD EPYC of 2024, AVX-512), fitted to the synthetic forests of `benches/attribution` and the models of
//! `benches/peers`. Other cores scale them all; which way is cheaper depends on their ratios alone.

use std::sync::Arc;

use rayon::prelude::*;

use super::boxes::Boxes;
use super::compile::{Options, Route};
use super::group::{Group, group, group_all};
use super::table::{LANES, Line};
use crate::model::{Forest, Tree};

/// One node, and one line, while tables are built; one line more where a background is weighed; one line of one leaf of a table of pairs.
const OUTLINE: f64 = 900.0;
const BUILD: f64 = 60.0;
const WEIGH: f64 = 80.0;
const BUILD_PAIR: f64 = 35.0;
/// One row's line of one table of a forest of eight features, and of twice as many more: the more there are, the fewer tables share a stack.
const LOOK_UP: f64 = 0.7;
const APART: f64 = 0.35;
/// One row's value of one feature, while it is ranked.
const RANK: f64 = 4.0;
/// One row's line of a table of pairs, whose outputs fill no cache.
const PAIR: f64 = 5.0;
/// One row at one node for one quadrature node of a sweep.
const SWEEP: f64 = 0.16;
/// One row's start of one tree's sweep.
const ENTER: f64 = 0.8;
/// One node, while a sweep is compiled.
const COMPILE: f64 = 400.0;
/// One row's margin of one tree.
const MARGIN: f64 = 0.7;
/// One background row, counted in one group.
const COUNT: f64 = 0.5;
/// One row at a leaf that has its own background patterns.
const PATTERN: f64 = 40.0;
/// One row at such a leaf, and a background row: only patterns that differ meet.
const MEETING: f64 = 0.065;
/// Rows whose patterns are remembered together.
const REMEMBERED: f64 = 16_384.0;

/// Bytes of tables that a forest may have.
pub(super) const TABLE_BYTES: usize = 768 << 20;

/// What one way of computing trees costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Nanoseconds before the first row.
    pub build: f64,
    /// Nanoseconds a row.
    pub row: f64,
    /// Bytes of tables.
    pub bytes: usize,
}

impl Cost {
    /// Nanoseconds of all rows.
    pub fn total(&self, rows: u64) -> f64 {
        self.build + self.row * rows as f64
    }

    fn and(self, other: Self) -> Self {
        Self { build: self.build + other.build, row: self.row + other.row, bytes: self.bytes + other.bytes }
    }

    /// Of path-dependent values, as [`Attributor::path_dependent_with`](super::Attributor::path_dependent_with) computes them.
    pub fn path_dependent(forest: &Arc<Forest>, options: Options) -> Self {
        let ways = |tree| {
            let boxes = Boxes::new(tree);
            Ways::new(&boxes, groups(&boxes, options).as_deref(), forest.features.len())
        };
        let ways: Vec<Ways> = forest.trees.par_iter().map(ways).collect();
        let costs = ways.iter().zip(choose(&ways, options)).map(|(ways, way)| ways.cost(way));
        costs.fold(Self::ranks(forest), Self::and)
    }

    fn ranks(forest: &Forest) -> Self {
        Self { row: RANK * forest.features.len() as f64, ..Self::default() }
    }

    /// Of interventional values against `background` rows.
    pub fn interventional(forest: &Arc<Forest>, background: u64) -> Self {
        let cost = |tree: &Tree| {
            let boxes = Boxes::new(tree);
            let grouping = group(&boxes, Route::Cheapest.limits());
            let (wide, counted) = (grouping.left_out.len() as f64, grouping.groups.len() as f64);
            let tables = Self::tables(&boxes, &grouping.groups, forest.features.len());
            let weigh = WEIGH * (tables.bytes / size_of::<Line>()) as f64;
            let count = background as f64 * (COUNT * counted + PATTERN * wide);
            let patterns = grouping.left_out.iter().map(|node| 2_f64.powi(boxes.conditions(*node).len() as i32));
            let meeting: f64 = patterns.map(|count| MEETING * count.min(background as f64) * (count / REMEMBERED).min(1.0)).sum();
            Self { build: tables.build + weigh + count, row: tables.row + PATTERN * wide + meeting, ..tables }
        };
        forest.trees.par_iter().map(cost).reduce(Self::default, Self::and).and(Self::ranks(forest))
    }

    /// Of interaction values of either game.
    pub fn interactions(forest: &Arc<Forest>) -> Self {
        let cost = |tree: &Tree| {
            let groups = group(&Boxes::new(tree), Route::Cheapest.limits()).groups;
            let cells = |group: &Group| pair_panels(group, tree.leaf_width());
            let panels = |group: &Group| (1_usize << group.bits.len(), cells(group), group.leaves.len());
            let of_group = |(lines, panels, leaves): (usize, usize, usize)| Self {
                build: BUILD_PAIR * (lines * leaves * panels) as f64,
                row: PAIR * panels as f64,
                bytes: lines * panels * size_of::<Line>(),
            };
            groups.iter().map(|group| of_group(panels(group))).fold(Self::default(), Self::and)
        };
        let all = forest.trees.par_iter().map(cost).reduce(Self::default, Self::and);
        Self { bytes: all.bytes.min(TABLE_BYTES), ..all }
    }

    /// Of a tree by tables, in a forest of `features` features.
    fn tables(boxes: &Boxes<'_>, groups: &[Group], features: usize) -> Self {
        let width = boxes.tree.leaf_width();
        let look_up = LOOK_UP + APART * (features.max(LANES) as f64 / LANES as f64).log2();
        let of_group = |group: &Group| {
            let (lines, panels) = (1_usize << group.bits.len(), (group.features().len() * width).div_ceil(LANES));
            Self { build: BUILD * (lines * panels) as f64, row: look_up * panels as f64, bytes: lines * panels * size_of::<Line>() }
        };
        groups.iter().map(of_group).fold(Self::outline(boxes), Self::and)
    }

    /// What a tree's tables cost beside themselves.
    fn outline(boxes: &Boxes<'_>) -> Self {
        Self { build: OUTLINE * (boxes.tree.nodes.len() * boxes.tree.leaf_width()) as f64, row: MARGIN, bytes: 0 }
    }

    /// Of a tree by a sweep: its nodes for each node of the quadrature.
    pub(super) fn sweep(boxes: &Boxes<'_>) -> Self {
        let steps = boxes.tree.nodes.len() * boxes.tree.leaf_width();
        let quadrature = boxes.widest().div_ceil(2).max(1);
        Self { build: COMPILE * steps as f64, row: MARGIN + ENTER + SWEEP * (steps * quadrature) as f64, bytes: 0 }
    }
}

/// Panels of the cells of all pairs of a group's features.
fn pair_panels(group: &Group, width: usize) -> usize {
    let features = group.features().len();
    (features * (features + 1) / 2 * width).div_ceil(LANES)
}

/// A tree's groups, if they hold all of its leaves; of a tree whose tables cannot be worth building for the rows ahead, none.
pub(super) fn groups(boxes: &Boxes<'_>, options: Options) -> Option<Vec<Group>> {
    let may_pay = options.route != Route::Cheapest || Cost::outline(boxes).total(options.rows) <= Cost::sweep(boxes).total(options.rows);
    may_pay.then(|| group_all(boxes, options.route.limits())).flatten()
}

/// How a tree is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Tables,
    Sweep,
}

/// What a tree costs either way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways {
    /// None where some leaves have too many features for tables.
    tables: Option<Cost>,
    sweep: Cost,
}

impl Ways {
    /// Of a tree and its groups, if they hold all leaves, in a forest of `features` features.
    pub(super) fn new(boxes: &Boxes<'_>, groups: Option<&[Group]>, features: usize) -> Self {
        let tables = groups.map(|groups| Cost::tables(boxes, groups, features));
        Self { tables, sweep: Cost::sweep(boxes) }
    }

    fn cost(&self, way: Way) -> Cost {
        if way == Way::Tables { self.tables.unwrap_or(self.sweep) } else { self.sweep }
    }
}

/// The way of each tree: tables where they are worth building for the rows ahead. If they do not fit into [`TABLE_BYTES`] together, those that
/// save least a byte are left out.
pub(super) fn choose(ways: &[Ways], options: Options) -> Vec<Way> {
    let mut worth: Vec<(usize, f64, usize)> = Vec::new();
    worth.extend(ways.iter().enumerate().filter_map(|(tree, ways)| {
        let tables = ways.tables?;
        let saving = ways.sweep.total(options.rows) - tables.total(options.rows);
        (saving >= 0.0 || options.route == Route::Tables).then_some((tree, saving, tables.bytes))
    }));
    let a_byte = |(_, saving, bytes): &(usize, f64, usize)| saving / (*bytes).max(1) as f64;
    worth.sort_by(|a, b| a_byte(b).total_cmp(&a_byte(a)));
    let (mut chosen, mut room) = (vec![Way::Sweep; ways.len()], TABLE_BYTES);
    for (tree, _, bytes) in worth {
        if let Some(left) = room.checked_sub(bytes) {
            (chosen[tree], room) = (Way::Tables, left);
        }
    }
    chosen
}
