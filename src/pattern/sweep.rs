//! The quadrature sweep: path-dependent contributions of a whole tree, at any depth, in one walk with rows in lanes.
//!
//! At a quadrature node `t` let `T(n) = Σ_{leaves below n} value · Π_i f_i(t)` over the leaf's whole box. Every leaf's coefficient for
//! feature `j` is that of the *last* edge on `j` above it, and the coefficients telescope along the path, so
//!
//! `φ_j = Σ_{edges e on j} Σ_q ω_q [c(e) − c(previous edge on j)] · T_q(below e)`
//!
//! with `c` as in [`super::game`]. Going down multiplies by the ratio of merged factors `f(e)/f(previous)`, going up adds: no division at
//! run time, and none by zero, since where a merged factor is zero (`p = 0, r = 0`) the branch's products are zero as well and the
//! ratio may be taken as zero. Cost O(nodes · ⌈D/2⌉) a row.
//!
//! The lowest splits are not walked: a subtree that a row enters with products `P_q` and crosses in one of eight cases (three bits) adds
//! `P_q · B_q[case]` to the sums and `Σ_q P_q · C_jq[case]` to its features, two look-ups in registers.

use std::ops::Range;

use super::block::Word;
use super::boxes::{Boxes, Edge};
use super::game::{Rules, coefficient_failed, coefficient_held, factor_held};
use super::group::Bit;
use super::program::Program;
use super::shape::leaf_values;
use crate::model::NodeKind;
use crate::numeric::quadrature::Rule;

/// Rows in a vector.
pub(super) const LANES: usize = 8;
/// Most bits of a bottom's case.
pub(super) const BITS: usize = 3;
/// Cases of a bottom.
pub(super) const CASES: usize = 1 << BITS;

/// The order of a bottom's tables: the sums', then each feature's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// `(table · nodes + q) · CASES + case`.
    Cases,
    /// `(table · CASES + case) · nodes + q`.
    Nodes,
}

/// A tree compiled for the sweep.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    /// Quadrature nodes.
    pub nodes: usize,
    /// Depth of the products' stack.
    pub depth: usize,
    /// One pass for each output that the tree adds to.
    pub passes: Vec<Pass>,
    /// Tables of all steps.
    pub constants: Vec<f64>,
    /// Features of all bottoms.
    pub features: Vec<u32>,
}

/// The steps for one output.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    /// The output.
    pub output: usize,
    /// The steps, from and back to the root.
    pub steps: Vec<Step>,
}

/// One step of the walk.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Enter a node: products of the next depth = products · factor.
    Down(Turn),
    /// Cross everything below the current node that fits a table.
    Bottom(Bottom),
    /// Leave a node: contribute its sums, add them to its parent's.
    Up(Turn),
}

/// A word that says in which rows a condition holds: a slot's, flipped where the lowest bit is set, the slot's number being the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Literal(u32);

impl Literal {
    pub(super) fn new((slot, flip): (u32, bool)) -> Self {
        Self(slot << 1 | u32::from(flip))
    }

    /// The rows of one word of the block in which the condition holds.
    #[inline(always)]
    pub(super) fn word(self, slots: &[Word], word: usize) -> u64 {
        slots[(self.0 >> 1) as usize][word] ^ 0_u64.wrapping_sub(u64::from(self.0 & 1))
    }
}

/// An inner edge.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub feature: u32,
    /// The merged condition.
    pub holds: Literal,
    /// The previous merged condition on the feature; always held where there is none.
    pub held: Option<Literal>,
    /// Where its factors (down) or weighted coefficients (up) are, `case · nodes + q`; case 0 failed before, 1 fails now, 2 holds.
    pub constants: usize,
    /// Whether the way up is the first to add to the sums above.
    pub first: bool,
}

/// A subtree, or a single edge to a leaf, crossed in one of [`CASES`] cases.
#[derive(Clone, Debug)]
pub(super) struct Bottom {
    /// The case's bits, lowest first.
    pub bits: [Option<Literal>; BITS],
    /// Its features, among those of the sweep.
    pub features: Range<usize>,
    /// Where its tables are, in the order asked for.
    pub constants: usize,
    /// Whether it is the first to add to the sums.
    pub first: bool,
}

/// What compiling a tree needs at hand.
struct Compiler<'a, 'b> {
    boxes: &'a Boxes<'b>,
    program: &'a mut Program,
    rule: &'a Rule,
    order: Order,
    /// The leaves' values for the output, by leaf number.
    values: &'a [f64],
    constants: &'a mut Vec<f64>,
    features: &'a mut Vec<u32>,
    steps: Vec<Step>,
    /// Whether something was added to the sums of each node entered and not left, the root first.
    added: Vec<bool>,
    /// Weighted coefficients of the edges that were entered and not left.
    entered: Vec<f64>,
    /// Bits of the cases of what was looked at last, ascending.
    bits: Vec<Bit>,
    /// Nodes to visit.
    open: Vec<usize>,
}

impl Sweep {
    /// Compiles a tree.
    pub(super) fn new(boxes: &Boxes<'_>, program: &mut Program, rules: &Rules, order: Order) -> Self {
        let (tree, rule) = (boxes.tree, rules.exact(boxes.widest()));
        let (mut constants, mut features, mut passes) = (Vec::new(), Vec::new(), Vec::new());
        for (k, (output, _)) in leaf_values(tree, 0).enumerate() {
            let values: Vec<f64> = (0..tree.leaves()).flat_map(|leaf| leaf_values(tree, leaf).nth(k)).map(|(_, value)| value).collect();
            let (steps, entered, bits, open) = Default::default();
            let (values, constants, features, added) = (&values[..], &mut constants, &mut features, vec![false]);
            let mut compiler = Compiler { boxes, program, rule, order, values, constants, features, steps, added, entered, bits, open };
            compiler.walk();
            passes.push(Pass { output, steps: compiler.steps });
        }
        Self { nodes: rule.nodes.len(), depth: tree.depth() + 1, passes, constants, features }
    }
}

impl<'a> Compiler<'a, '_> {
    /// Writes the steps of the whole tree.
    fn walk(&mut self) {
        // (node, whether its subtree is done)
        let mut stack = vec![(0, false)];
        while let Some((node, done)) = stack.pop() {
            if done {
                self.leave(node);
                continue;
            }
            if node != 0 {
                self.enter(node);
                stack.push((node, true));
            }
            if self.fits(node, node) {
                self.bottom(node, node);
                continue;
            }
            let NodeKind::Split(split) = &self.boxes.tree.nodes[node].kind else { continue };
            for child in [split.right, split.left] {
                // A leaf, seen from its parent, is a bottom of its own.
                let leaf = matches!(self.boxes.tree.nodes[child].kind, NodeKind::Leaf(_));
                if leaf && self.fits(node, child) {
                    self.bottom(node, child);
                } else {
                    stack.push((child, false));
                }
            }
        }
    }

    fn edge(&self, node: usize) -> &'a Edge {
        match &self.boxes.edges[node] {
            Some(edge) => edge,
            None => unreachable!("only the root has no edge"),
        }
    }

    /// The step into a node.
    fn enter(&mut self, node: usize) {
        let (edge, first, nodes) = (self.edge(node), self.entered.len(), self.rule.nodes.len());
        let turn = self.turn(node);
        self.constants.resize(turn.constants + 3 * nodes, 0.0);
        self.entered.resize(first + 3 * nodes, 0.0);
        for (q, (t, weight)) in self.rule.nodes.iter().zip(&self.rule.weights).enumerate() {
            for (case, ratio) in ratios(self.boxes, edge, *t).iter().enumerate() {
                self.constants[turn.constants + case * nodes + q] = ratio.factor;
                self.entered[first + case * nodes + q] = ratio.coefficient * weight;
            }
        }
        self.steps.push(Step::Down(turn));
        self.added.push(false);
    }

    /// The step out of the node entered last.
    fn leave(&mut self, node: usize) {
        self.added.pop();
        let turn = Turn { first: self.is_first(), ..self.turn(node) };
        self.constants.extend(self.entered.drain(self.entered.len() - 3 * self.rule.nodes.len()..));
        self.steps.push(Step::Up(turn));
    }

    /// Whether nothing was added to the sums of the innermost node entered; from now on something is.
    fn is_first(&mut self) -> bool {
        self.added.last_mut().is_some_and(|added| !std::mem::replace(added, true))
    }

    /// An edge, its constants being the next.
    fn turn(&mut self, node: usize) -> Turn {
        let edge = self.edge(node);
        let holds = Literal::new(self.program.edge(self.boxes, node));
        let held = edge.previous.map(|previous| Literal::new(self.program.edge(self.boxes, previous)));
        Turn { feature: edge.feature as u32, holds, held, constants: self.constants.len(), first: false }
    }

    /// Notes the case bits of everything from `anchor` through `root` down, and says whether they are few enough.
    fn fits(&mut self, anchor: usize, root: usize) -> bool {
        self.bits.clear();
        self.open.clear();
        self.open.push(root);
        while let Some(node) = self.open.pop() {
            if node != anchor {
                let edge = self.edge(node);
                // A previous condition above the anchor is a bit of its own; one below is told by the splits' bits.
                let previous = edge.previous.filter(|previous| *previous <= anchor).map(Bit::Edge);
                for bit in std::iter::once(Bit::Split(edge.split)).chain(previous) {
                    if !self.bits.contains(&bit) {
                        self.bits.push(bit);
                    }
                }
                if self.bits.len() > BITS {
                    return false;
                }
            }
            if let NodeKind::Split(split) = &self.boxes.tree.nodes[node].kind {
                self.open.extend([split.left, split.right]);
            }
        }
        self.bits.sort_unstable();
        true
    }

    /// Tables of everything from `anchor` through `root` down, which was looked at last.
    fn bottom(&mut self, anchor: usize, root: usize) {
        let leaves = self.boxes.leaves_below(root);
        let mut features: Vec<u32> =
            leaves.iter().flat_map(|leaf| self.boxes.path(*leaf, anchor)).map(|edge| edge.feature as u32).collect();
        features.sort_unstable();
        features.dedup();
        let start = self.constants.len();
        self.constants.resize(start + self.rule.nodes.len() * (1 + features.len()) * CASES, 0.0);
        for leaf in leaves {
            self.bottom_leaf(anchor, leaf, &features, start);
        }
        if self.order == Order::Nodes {
            self.constants[start..].chunks_exact_mut(self.rule.nodes.len() * CASES).for_each(turn_over);
        }
        let mut bits = [None; BITS];
        for (literal, bit) in bits.iter_mut().zip(&self.bits) {
            *literal = Some(Literal::new(match bit {
                Bit::Split(split) => (*split as u32, false),
                Bit::Edge(node) => self.program.edge(self.boxes, *node),
            }));
        }
        let (first, at) = (self.is_first(), self.features.len());
        self.features.extend(features);
        self.steps.push(Step::Bottom(Bottom { bits, features: at..self.features.len(), constants: start, first }));
    }

    /// Adds one leaf to a bottom's tables: its value times its factors from `anchor` down, and that times each edge's coefficient.
    fn bottom_leaf(&mut self, anchor: usize, leaf: usize, features: &[u32], start: usize) {
        let NodeKind::Leaf(number) = self.boxes.tree.nodes[leaf].kind else { unreachable!("only leaves end a path") };
        let nodes = self.rule.nodes.len();
        let crossed: Vec<Crossed<'_>> = self.boxes.path(leaf, anchor).map(|edge| self.crossed(anchor, edge, features)).collect();
        let tables = self.constants[start..].as_chunks_mut::<CASES>().0;
        let mut of_edges: Vec<[Ratio; 3]> = Vec::with_capacity(crossed.len());
        for (q, (&t, &weight)) in self.rule.nodes.iter().zip(&self.rule.weights).enumerate() {
            of_edges.clear();
            of_edges.extend(crossed.iter().map(|crossed| ratios(self.boxes, crossed.edge, t)));
            let mut total = [self.values[number]; CASES];
            for (crossed, ratios) in crossed.iter().zip(&of_edges) {
                total.iter_mut().zip(crossed.states).for_each(|(total, state)| *total *= ratios[usize::from(state)].factor);
            }
            tables[q].iter_mut().zip(total).for_each(|(sum, total)| *sum += total);
            for (crossed, ratios) in crossed.iter().zip(&of_edges) {
                let table = tables[crossed.place * nodes + q].iter_mut().zip(crossed.states).zip(total);
                table.for_each(|((sum, state), total)| *sum += weight * ratios[usize::from(state)].coefficient * total);
            }
        }
    }

    /// An edge below `anchor`, in every case.
    fn crossed(&self, anchor: usize, edge: &'a Edge, features: &[u32]) -> Crossed<'a> {
        let held = edge.previous.map_or(u8::MAX, |previous| self.holds(anchor, previous));
        let holds = held & self.answers(edge);
        let states = std::array::from_fn(|case| (held >> case & 1) + (holds >> case & 1));
        Crossed { edge, states, place: 1 + features.partition_point(|known| (*known as usize) < edge.feature) }
    }

    /// The cases in which the merged condition of the edge into `node` holds, a bit each.
    fn holds(&self, anchor: usize, node: usize) -> u8 {
        if node <= anchor {
            return self.cases(Bit::Edge(node));
        }
        let edge = self.edge(node);
        edge.previous.map_or(u8::MAX, |previous| self.holds(anchor, previous)) & self.answers(edge)
    }

    /// The cases in which a row that reaches the edge's parent takes the edge.
    fn answers(&self, edge: &Edge) -> u8 {
        let left = self.cases(Bit::Split(edge.split));
        if edge.left { left } else { !left }
    }

    /// The cases in which a bit is set.
    fn cases(&self, bit: Bit) -> u8 {
        const SET: [u8; BITS] = [0b1010_1010, 0b1100_1100, 0b1111_0000];
        self.bits.iter().zip(SET).find(|(known, _)| **known == bit).map_or(0, |(_, cases)| cases)
    }
}

/// Turns a table of cases for each node into one of nodes for each case.
fn turn_over(table: &mut [f64]) {
    let (before, nodes) = (table.to_vec(), table.len() / CASES);
    table.iter_mut().enumerate().for_each(|(place, value)| *value = before[place % nodes * CASES + place / nodes]);
}

/// An edge of a bottom.
struct Crossed<'a> {
    edge: &'a Edge,
    /// How it stands in each case: 0 failed before, 1 fails now, 2 holds.
    states: [u8; CASES],
    /// Its feature's table.
    place: usize,
}

/// What crossing an edge multiplies by and contributes.
#[derive(Clone, Copy)]
struct Ratio {
    factor: f64,
    coefficient: f64,
}

/// What crossing an edge multiplies by and contributes at the quadrature node `t`: if an earlier condition on the feature failed, if it fails now, if it holds.
fn ratios(boxes: &Boxes<'_>, edge: &Edge, t: f64) -> [Ratio; 3] {
    let before = edge.previous.and_then(|previous| boxes.edges[previous].as_ref()).map(|previous| previous.ratio);
    let (held, c_before) = before.map_or((1.0, 0.0), |r| (factor_held(r, t), coefficient_held(r, t)));
    [
        // Failing twice: c is −1/(1 − t) both times, and the factors' ratio is that of the covers.
        Ratio { factor: before.map_or(0.0, |r| if r > 0.0 { edge.ratio / r } else { 0.0 }), coefficient: 0.0 },
        Ratio { factor: (1.0 - t) * edge.ratio / held, coefficient: coefficient_failed(t) - c_before },
        Ratio { factor: factor_held(edge.ratio, t) / held, coefficient: coefficient_held(edge.ratio, t) - c_before },
    ]
}
