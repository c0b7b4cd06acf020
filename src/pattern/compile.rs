//! Trees compiled for one game: tables, a sweep, or leaves with their own background patterns.

use rayon::prelude::*;

use super::boxes::Boxes;
use super::cost::{self, Way, Ways};
use super::game::{self, PathDependent, Rules};
use super::group::{Group, GroupLeaf, Limits};
use super::kernel::InstructionSet;
use super::program::{Lookup, Program};
use super::shape::{Shape, leaf_values};
use super::sparse::{Background, WideLeaf};
use super::sweep::Sweep;
use super::table::{ByColumn, Columns, Scratch, Target, add_leaves};
use super::walk::Margins;
use crate::model::{NodeKind, Tree};

/// How a forest is compiled: the default is the fastest, other choices are for tests and measurements.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which way the trees are computed.
    pub route: Route,
    /// Which instructions the inner loops use.
    pub instructions: InstructionSet,
    /// Rows that will be explained: for few of them, tables are not worth building.
    pub rows: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { route: Route::Cheapest, instructions: InstructionSet::fastest(), rows: u64::MAX }
    }
}

/// Which way a forest's trees are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// The cheapest way for each tree.
    #[default]
    Cheapest,
    /// Tables for every tree whose leaves allow them.
    Tables,
    /// No tables: sweeps, or joint patterns leaf by leaf.
    Walk,
}

impl Route {
    /// How large groups may become.
    pub(super) fn limits(self) -> Limits {
        match self {
            Route::Cheapest | Route::Tables => Limits { bits: 8, features: 8, alone: 8 },
            Route::Walk => Limits { bits: 0, features: 0, alone: 0 },
        }
    }
}

/// A tree compiled for one game.
#[derive(Debug)]
pub(super) struct CompiledTree {
    pub margins: Margins,
    /// Groups of leaves that get tables.
    pub groups: Vec<GroupGame>,
    /// What gets no tables.
    pub walk: Option<TreeWalk>,
    /// What the tree adds to the base values: `(output, share)`.
    pub base: Vec<(usize, f64)>,
}

/// A group of leaves with the game on them.
#[derive(Debug)]
pub(super) struct GroupGame {
    pub group: Group,
    pub lookup: Lookup,
    /// Interventional: the background's share under each index. Path-dependent: nothing, the cover ratios are the leaves'.
    pub background: Option<Vec<f64>>,
}

impl GroupGame {
    /// Adds the leaves to the group's tables.
    pub(super) fn add(&self, columns: &Columns<'_>, tree: &Tree, rules: &Rules, targets: &mut [Target<'_>], scratch: &mut Scratch) {
        match &self.background {
            None => add_leaves(&self.group, columns, tree, targets, scratch, &mut PathDependent::new(rules)),
            Some(shares) => {
                let mut contributions = ByColumn::new(
                    #[inline(always)]
                    |leaf: &GroupLeaf, table: &mut Vec<f64>| game::interventional(&leaf.histogram(shares), rules, table),
                );
                add_leaves(&self.group, columns, tree, targets, scratch, &mut contributions);
            }
        }
    }
}

/// Leaves that are computed without tables.
#[derive(Debug)]
pub(super) struct TreeWalk {
    pub program: Program,
    pub sweep: Option<Sweep>,
    pub wide: Vec<WideTable>,
}

/// A leaf outside all groups, with its background.
#[derive(Debug)]
pub(super) struct WideTable {
    pub leaf: WideLeaf,
    pub background: Background,
    /// Outputs and scaled values.
    pub values: Vec<(usize, f64)>,
}

/// Compiles a forest's trees for path-dependent values.
pub(super) fn path_dependent(shape: &Shape, options: Options) -> Vec<CompiledTree> {
    let forest = &shape.forest;
    let outline = |tree| {
        let boxes = Boxes::new(tree);
        let groups = cost::groups(&boxes, options);
        (boxes, groups)
    };
    let outlines: Vec<(Boxes<'_>, Option<Vec<Group>>)> = forest.trees.par_iter().map(outline).collect();
    let ways: Vec<Ways> = outlines.par_iter().map(|(boxes, groups)| Ways::new(boxes, groups.as_deref(), forest.features.len())).collect();
    let chosen = cost::choose(&ways, options);
    let compile = |((boxes, groups), way): ((Boxes<'_>, Option<Vec<Group>>), Way)| {
        let base = path_dependent_base(&boxes);
        let mut program = Program::new(&boxes, &shape.cuts, &shape.layout);
        let whole = match groups.as_deref() {
            Some([group]) => Some(group),
            _ => None,
        };
        let margins = Margins::new(&boxes, program.clone(), whole);
        if way == Way::Sweep {
            let sweep = Some(Sweep::new(&boxes, &mut program, &shape.rules, shape.kernels.order));
            return CompiledTree { margins, groups: Vec::new(), walk: Some(TreeWalk { program, sweep, wide: Vec::new() }), base };
        }
        let groups = groups.into_iter().flatten().map(|group| {
            let lookup = program.lookup(&boxes, &group);
            GroupGame { group, lookup, background: None }
        });
        CompiledTree { margins, groups: groups.collect(), walk: None, base }
    };
    outlines.into_par_iter().zip(chosen).map(compile).collect()
}

/// Σ over leaves of value · Π cover ratios.
fn path_dependent_base(boxes: &Boxes<'_>) -> Vec<(usize, f64)> {
    let mut base = Vec::new();
    for (node, share) in boxes.tree.nodes.iter().zip(boxes.shares()) {
        let NodeKind::Leaf(leaf) = node.kind else { continue };
        base.extend(leaf_values(boxes.tree, leaf).map(|(output, value)| (output, value * share)));
    }
    base
}
