//! One tree compiled for one game: tables, a sweep, or leaves with their own background patterns.

use super::boxes::Boxes;
use super::game;
use super::group::{Group, GroupLeaf, Limits, group};
use super::kernel::InstructionSet;
use super::program::Program;
use super::shape::{Shape, leaf_values};
use super::sparse::{Background, WideLeaf};
use super::sweep::Sweep;
use super::table::{LANES, Line, Panel, build};
use super::walk::{LeafWalk, Margins};
use crate::model::{NodeKind, Tree};

/// How a forest is compiled: the default is the fastest, other choices are for tests and measurements.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which way the trees are computed.
    pub route: Route,
    /// Which instructions the inner loops use.
    pub instructions: InstructionSet,
}

impl Default for Options {
    fn default() -> Self {
        Self { route: Route::Cheapest, instructions: InstructionSet::fastest() }
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

/// A tree ready to be applied to blocks.
#[derive(Debug)]
pub(super) struct CompiledTree {
    pub program: Program,
    pub margins: Margins,
    pub groups: Vec<CompiledGroup>,
    pub sweep: Option<Sweep>,
    pub wide: Vec<WideTable>,
    /// Bytes of tables and constants.
    pub bytes: usize,
}

/// A group's index bits and its panels.
#[derive(Debug)]
pub(super) struct CompiledGroup {
    pub bits: Vec<u32>,
    pub panels: Vec<Panel>,
}

/// A leaf outside all groups, with its background.
#[derive(Debug)]
pub(super) struct WideTable {
    pub leaf: WideLeaf,
    pub background: Background,
    /// Outputs and scaled values.
    pub values: Vec<(usize, f64)>,
}

/// Bytes of tables that a forest may have; trees whose tables would exceed their share are swept, which needs none to speak of.
const TABLE_BYTES: usize = 768 << 20;

/// Bytes of the tables of some groups whose leaves hold `width` values each.
fn table_bytes(groups: &[Group], width: usize) -> usize {
    let bytes = |group: &Group| ((group.features().len() * width).div_ceil(LANES) * size_of::<Line>()) << group.bits.len();
    groups.iter().map(bytes).sum()
}

/// What a tree adds to the base values: `(output, share)`.
pub(super) type BaseShares = Vec<(usize, f64)>;

impl CompiledTree {
    pub(super) fn new(program: Program, margins: Margins, groups: Vec<CompiledGroup>, sweep: Option<Sweep>, wide: Vec<WideTable>) -> Self {
        let tables = groups.iter().flat_map(|group| &group.panels).map(|panel| size_of_val(&panel.lines[..]));
        let bytes = tables.sum::<usize>() + sweep.as_ref().map_or(0, Sweep::bytes);
        Self { program, margins, groups, sweep, wide, bytes }
    }
}

/// Compiles a tree for path-dependent values.
pub(super) fn path_dependent(shape: &Shape, tree: &Tree, route: Route) -> (CompiledTree, BaseShares) {
    let boxes = Boxes::new(tree);
    let mut program = Program::new(&boxes, &shape.cuts, &shape.layout);
    let values = |leaf| leaf_values(tree, leaf);
    let base = path_dependent_base(&boxes);
    let grouping = group(&boxes, route.limits());
    let share = TABLE_BYTES / shape.forest.trees.len().max(1);
    if !grouping.left_out.is_empty() || table_bytes(&grouping.groups, tree.leaf_width()) > share {
        let sweep = Sweep::new(&boxes, &mut program, &shape.rules, &values);
        return (CompiledTree::new(program, Margins::Walk(LeafWalk::new(&boxes)), Vec::new(), Some(sweep), Vec::new()), base);
    }
    let margins = Margins::new(&boxes, grouping.groups.iter());
    let groups = grouping.groups.into_iter().map(|group| {
        let bits = program.compile(&boxes, &group);
        let contributions = |leaf: &GroupLeaf| {
            let ratios: Vec<f64> = leaf.conditions.iter().map(|condition| condition.ratio).collect();
            game::path_dependent(&ratios, &shape.rules)
        };
        let panels = build(&group, &shape.feature_columns(), &values, group.leaves.iter().map(contributions));
        CompiledGroup { bits, panels }
    });
    let groups = groups.collect();
    (CompiledTree::new(program, margins, groups, None, Vec::new()), base)
}

/// Σ over leaves of value · Π cover ratios.
fn path_dependent_base(boxes: &Boxes<'_>) -> BaseShares {
    let mut base = Vec::new();
    for (node, kind) in boxes.tree.nodes.iter().enumerate() {
        let NodeKind::Leaf(leaf) = kind.kind else { continue };
        let reach: f64 = boxes.conditions(node).iter().filter_map(|edge| boxes.edges[*edge].as_ref()).map(|edge| edge.ratio).product();
        base.extend(leaf_values(boxes.tree, leaf).into_iter().map(|(output, value)| (output, value * reach)));
    }
    base
}
