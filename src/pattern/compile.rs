//! One tree compiled for one game: tables, a sweep, or leaves with their own background patterns.

use super::boxes::Boxes;
use super::cost::{Cost, pays};
use super::game;
use super::group::{GroupLeaf, Limits, group};
use super::kernel::InstructionSet;
use super::program::Program;
use super::shape::{Shape, leaf_values};
use super::sparse::{Background, WideLeaf};
use super::stack::CompiledGroup;
use super::sweep::Sweep;
use super::table::build;
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
    /// No tables: sweeps, or joint patterns leaf by leaf.
    Walk,
}

impl Route {
    /// How large groups may become.
    pub(super) fn limits(self) -> Limits {
        match self {
            Route::Cheapest => Limits { bits: 8, features: 8, alone: 8 },
            Route::Walk => Limits { bits: 0, features: 0, alone: 0 },
        }
    }
}

/// A tree compiled for one game.
#[derive(Debug)]
pub(super) struct CompiledTree {
    pub margins: Margins,
    /// Groups of leaves with tables.
    pub groups: Vec<CompiledGroup>,
    /// What has no tables.
    pub walk: Option<TreeWalk>,
    /// What the tree adds to the base values: `(output, share)`.
    pub base: Vec<(usize, f64)>,
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

/// Compiles a tree for path-dependent values.
pub(super) fn path_dependent(shape: &Shape, tree: &Tree, options: Options) -> CompiledTree {
    let boxes = Boxes::new(tree);
    let mut program = Program::new(&boxes, &shape.cuts, &shape.layout);
    let values = |leaf| leaf_values(tree, leaf);
    let base = path_dependent_base(&boxes);
    let grouping = group(&boxes, options.route.limits());
    let margins = Margins::new(&boxes, program.clone(), grouping.all());
    let (tables, sweep) = (Cost::tables(&grouping.groups, tree.leaf_width()), Cost::sweep(&boxes));
    if !grouping.left_out.is_empty() || !pays(&tables, &sweep, &shape.forest, options.rows) {
        let sweep = Some(Sweep::new(&boxes, &mut program, &shape.rules, &values));
        return CompiledTree { margins, groups: Vec::new(), walk: Some(TreeWalk { program, sweep, wide: Vec::new() }), base };
    }
    let groups = grouping.groups.into_iter().map(|group| {
        let lookup = program.lookup(&boxes, &group);
        let contributions = |leaf: &GroupLeaf, table: &mut Vec<f64>| {
            let ratios: Vec<f64> = leaf.conditions.iter().map(|condition| condition.ratio).collect();
            game::path_dependent(&ratios, &shape.rules, table);
        };
        let panels = build(&group, &shape.feature_columns(), &values, contributions);
        CompiledGroup { lookup, panels }
    });
    CompiledTree { margins, groups: groups.collect(), walk: None, base }
}

/// Σ over leaves of value · Π cover ratios.
fn path_dependent_base(boxes: &Boxes<'_>) -> Vec<(usize, f64)> {
    let mut base = Vec::new();
    for (node, kind) in boxes.tree.nodes.iter().enumerate() {
        let NodeKind::Leaf(leaf) = kind.kind else { continue };
        let reach: f64 = boxes.conditions(node).iter().filter_map(|edge| boxes.edges[*edge].as_ref()).map(|edge| edge.ratio).product();
        base.extend(leaf_values(boxes.tree, leaf).into_iter().map(|(output, value)| (output, value * reach)));
    }
    base
}
