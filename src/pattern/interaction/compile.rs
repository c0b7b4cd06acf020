//! A forest compiled for interaction values: tables of cells for groups of leaves, or leaf by leaf where those would be too large.

use std::sync::Arc;

use rayon::prelude::*;

use super::game;
use super::leaf::PairLeaf;
use super::{Interactions, PairGroup, PairTree};
use crate::model::{Forest, Tree};
use crate::pattern::boxes::Boxes;
use crate::pattern::compile::Options;
use crate::pattern::cost::TABLE_BYTES;
use crate::pattern::engine::PatternError;
use crate::pattern::game::Rules;
use crate::pattern::group::{Group, GroupLeaf, group};
use crate::pattern::program::{Lookup, Program};
use crate::pattern::shape::{Shape, leaf_values};
use crate::pattern::sparse::{Background, WIDEST, WideLeaf};
use crate::pattern::table::{ByColumn, Columns, LANES, Line, Panel, Tables, add_leaves};

/// A tree's leaves with what their game needs.
#[derive(Debug)]
pub(in crate::pattern) struct Part {
    pub program: Program,
    /// Groups with how their indices come about, and a game for each of their leaves.
    pub groups: Vec<(Group, Lookup, Vec<LeafGame>)>,
    /// Leaves outside all groups.
    pub wide: Vec<(WideLeaf, LeafGame)>,
}

/// The game on one leaf; its conditions are in the order of their features.
#[derive(Clone, Debug)]
pub(in crate::pattern) enum LeafGame {
    /// Path-dependent: merged cover ratios.
    Ratios(Vec<f64>),
    /// Interventional: weights of the background's patterns.
    Background(Background),
}

impl Interactions {
    /// Path-dependent interaction values; the forest's covers are known.
    ///
    /// # Errors
    /// If the forest exceeds what patterns can hold.
    pub fn path_dependent(forest: Arc<Forest>) -> Result<Self, PatternError> {
        Self::path_dependent_with(forest, Options::default())
    }

    /// As [`Interactions::path_dependent`], with a choice of how.
    ///
    /// # Errors
    /// If the forest exceeds what patterns can hold.
    pub fn path_dependent_with(forest: Arc<Forest>, options: Options) -> Result<Self, PatternError> {
        let shape = Shape::new(forest, options.instructions)?;
        for (number, tree) in shape.forest.trees.iter().enumerate() {
            let features = Boxes::new(tree).widest();
            if features > WIDEST {
                return Err(PatternError::TooWide { tree: number, features });
            }
        }
        Ok(Self::compile(shape, |shape, number| covered(shape, &shape.forest.trees[number], options)))
    }

    /// From the leaves of each tree.
    pub(in crate::pattern) fn compile(shape: Shape, part: impl Fn(&Shape, usize) -> Part + Sync) -> Self {
        let pairs = pairs(&shape.forest);
        let share = TABLE_BYTES / shape.forest.trees.len().max(1);
        let compile = |(number, tree)| PairTree::new(&pairs, tree, part(&shape, number), share);
        let compiled: Vec<(PairTree, Vec<GroupGames>)> = shape.forest.trees.par_iter().enumerate().map(compile).collect();
        let (mut trees, mut groups, mut end) = (Vec::with_capacity(compiled.len()), Vec::new(), 0);
        let of = |leaf: &GroupLeaf, columns: &mut Vec<u32>| columns.extend(cells(&pairs, &leaf.features()));
        let columns = Columns { width: pairs.len(), outputs: shape.forest.outputs.len(), of: &of };
        for (tree, (mut compiled, games)) in shape.forest.trees.iter().zip(compiled) {
            compiled.groups.extend(games.iter().map(|games| games.lay_out(&columns, tree, &mut end)));
            groups.extend(games.into_iter().map(|games| (tree, games)));
            trees.push(compiled);
        }
        let numbers: Vec<Vec<usize>> = trees
            .iter()
            .flat_map(|tree: &PairTree| &tree.groups)
            .enumerate()
            .map(|(number, group)| vec![number; group.panels.len()])
            .collect();
        let panels = trees.iter().flat_map(|tree| &tree.groups).zip(&numbers);
        let panels = panels.flat_map(|(group, numbers)| group.panels.iter().zip(numbers.chunks(1)));
        let tables = Tables::build(panels, &groups, |(tree, group), targets, scratch| {
            let mut games = group.games.iter();
            let write = |leaf: &GroupLeaf, table: &mut Vec<f64>| {
                games.next().into_iter().for_each(|game| *table = game.table(leaf.conditions.len(), &shape.rules));
            };
            add_leaves(&group.group, &columns, tree, targets, scratch, &mut ByColumn::new(write));
        });
        drop(groups);
        Self { shape, pairs, trees, tables }
    }
}

/// A group with a game for each of its leaves, on the way into tables.
#[derive(Debug)]
struct GroupGames {
    group: Group,
    lookup: Lookup,
    games: Vec<LeafGame>,
}

impl GroupGames {
    /// Panels whose tables lie behind `end`.
    fn lay_out(&self, columns: &Columns<'_>, tree: &Tree, end: &mut usize) -> PairGroup {
        let known = columns.of_group(&self.group, tree);
        let panel = |known: &[u32]| {
            let first = *end;
            *end += self.lookup.indices();
            let columns = std::array::from_fn(|lane| known.get(lane).copied().unwrap_or(columns.spare()));
            Panel { columns, tables: std::iter::once(first..*end).collect() }
        };
        let panels = known.chunks(LANES).map(panel).collect();
        PairGroup { lookup: self.lookup.clone(), panels }
    }
}

/// The numbers of the cells of some features, ascending.
fn cells(pairs: &[(usize, usize)], features: &[usize]) -> Vec<u32> {
    game::cells(features.len()).map(|(j, k)| pairs.partition_point(|pair| *pair < (features[j], features[k])) as u32).collect()
}

impl PairTree {
    /// A tree without the panels of its groups, and those groups.
    fn new(pairs: &[(usize, usize)], tree: &Tree, part: Part, share: usize) -> (Self, Vec<GroupGames>) {
        let (boxes, mut program) = (Boxes::new(tree), part.program);
        let alone = |(leaf, game): (WideLeaf, LeafGame)| {
            let (outputs, values): (Vec<usize>, Vec<f64>) = leaf_values(tree, leaf.leaf).unzip();
            let cells = cells(pairs, leaf.features());
            let columns = outputs.iter().map(|output| cells.iter().map(|cell| (output * pairs.len()) as u32 + cell).collect());
            PairLeaf { columns: columns.collect(), values, leaf, game }
        };
        let tables: usize = part.groups.iter().map(|(group, ..)| table_bytes(group, tree.leaf_width())).sum();
        let (mut groups, mut leaves) = (Vec::new(), Vec::new());
        if tables > share {
            let nodes = boxes.leaf_nodes();
            for (leaf, game) in part.groups.into_iter().flat_map(|(group, _, games)| group.leaves.into_iter().zip(games)) {
                leaves.push(alone((WideLeaf::new(&boxes, &mut program, nodes[leaf.leaf]), game)));
            }
        } else {
            groups.extend(part.groups.into_iter().map(|(group, lookup, games)| GroupGames { group, lookup, games }));
        }
        leaves.extend(part.wide.into_iter().map(alone));
        (Self { program, groups: Vec::new(), leaves }, groups)
    }
}

impl LeafGame {
    /// Cells of every pattern of `conditions` conditions.
    fn table(&self, conditions: usize, rules: &Rules) -> Vec<f64> {
        match self {
            Self::Ratios(ratios) => game::path_dependent_table(ratios, rules),
            Self::Background(background) => {
                let mut histogram = vec![0.0; 1 << conditions];
                background.0.iter().for_each(|(pattern, share)| histogram[*pattern as usize] = *share);
                game::interventional_table(&histogram, rules)
            }
        }
    }
}

/// The leaves of a tree with their cover ratios.
fn covered(shape: &Shape, tree: &Tree, options: Options) -> Part {
    let boxes = Boxes::new(tree);
    let mut program = Program::new(&boxes, &shape.cuts, &shape.layout);
    let grouping = group(&boxes, options.route.limits());
    let ratios = |leaf: &GroupLeaf| LeafGame::Ratios(leaf.conditions.iter().map(|condition| condition.ratio).collect());
    let groups = grouping.groups.into_iter().map(|group| {
        let (lookup, games) = (program.lookup(&boxes, &group), group.leaves.iter().map(ratios).collect());
        (group, lookup, games)
    });
    let groups = groups.collect();
    let wide = grouping.left_out.into_iter().map(|node| {
        let mut edges: Vec<(usize, f64)> =
            boxes.conditions(node).iter().map(|at| boxes.edge(*at)).map(|edge| (edge.feature, edge.ratio)).collect();
        edges.sort_unstable_by_key(|edge| edge.0);
        (WideLeaf::new(&boxes, &mut program, node), LeafGame::Ratios(edges.into_iter().map(|edge| edge.1).collect()))
    });
    let wide = wide.collect();
    Part { program, groups, wide }
}

/// Features that are tested, and pairs of features that share a path.
fn pairs(forest: &Forest) -> Vec<(usize, usize)> {
    let of_tree = |tree: &Tree| -> Vec<(usize, usize)> {
        let boxes = Boxes::new(tree);
        let mut pairs = Vec::new();
        for node in boxes.leaf_nodes() {
            let mut features: Vec<usize> = boxes.conditions(node).iter().map(|at| boxes.edge(*at).feature).collect();
            features.sort_unstable();
            pairs.extend(game::cells(features.len()).map(|(j, k)| (features[j], features[k])));
        }
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    };
    let mut pairs: Vec<(usize, usize)> = forest.trees.par_iter().flat_map_iter(of_tree).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Bytes of a group's tables, if its leaves hold `width` values each.
fn table_bytes(group: &Group, width: usize) -> usize {
    ((game::count(group.features().len()) * width).div_ceil(LANES) * size_of::<Line>()) << group.bits.len()
}
