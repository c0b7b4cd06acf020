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

mod bottom;

use std::ops::Range;

use self::bottom::Draft;
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
    #[cfg(target_arch = "x86_64")]
    Cases,
    /// `(table · CASES + case) · nodes + q`.
    Nodes,
}

/// About how many constants a tree has for each of its nodes and each of the quadrature's.
const CONSTANTS: usize = 7;

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
    bottom: Draft,
}

impl Sweep {
    /// Compiles a tree.
    pub(super) fn new(boxes: &Boxes<'_>, program: &mut Program, rules: &Rules, order: Order) -> Self {
        let (tree, rule) = (boxes.tree, rules.exact(boxes.widest()));
        let (mut features, mut passes) = (Vec::new(), Vec::new());
        let mut constants = Vec::with_capacity(CONSTANTS * tree.leaf_width() * tree.nodes.len() * rule.nodes.len());
        for (k, (output, _)) in leaf_values(tree, 0).enumerate() {
            let values: Vec<f64> = (0..tree.leaves()).flat_map(|leaf| leaf_values(tree, leaf).nth(k)).map(|(_, value)| value).collect();
            let (values, constants, features, added) = (&values[..], &mut constants, &mut features, vec![false]);
            let (steps, entered, bottom) = Default::default();
            let mut compiler = Compiler { boxes, program, rule, order, values, constants, features, steps, added, entered, bottom };
            compiler.walk();
            passes.push(Pass { output, steps: compiler.steps });
        }
        Self { nodes: rule.nodes.len(), depth: tree.depth() + 1, passes, constants, features }
    }
}

impl Compiler<'_, '_> {
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
            if self.bottom.fits(self.boxes, node, node) {
                self.cross_below(node);
                continue;
            }
            let NodeKind::Split(split) = &self.boxes.tree.nodes[node].kind else { continue };
            for child in [split.right, split.left] {
                // A leaf, seen from its parent, is a bottom of its own.
                let leaf = matches!(self.boxes.tree.nodes[child].kind, NodeKind::Leaf(_));
                if leaf && self.bottom.fits(self.boxes, node, child) {
                    self.cross_below(node);
                } else {
                    stack.push((child, false));
                }
            }
        }
    }

    /// The step into a node.
    fn enter(&mut self, node: usize) {
        let (turn, first, constants) = (self.turn(node), self.entered.len(), 3 * self.rule.nodes.len());
        self.constants.resize(turn.constants + constants, 0.0);
        self.entered.resize(first + constants, 0.0);
        cross(self.boxes, self.boxes.edge(node), self.rule, &mut self.constants[turn.constants..], &mut self.entered[first..]);
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
        let edge = self.boxes.edge(node);
        let holds = Literal::new(self.program.edge(self.boxes, node));
        let held = edge.previous.map(|previous| Literal::new(self.program.edge(self.boxes, previous)));
        Turn { feature: edge.feature as u32, holds, held, constants: self.constants.len(), first: false }
    }

    /// The step across everything below `anchor` that was looked at last.
    fn cross_below(&mut self, anchor: usize) {
        let (nodes, first, start) = (self.rule.nodes.len(), self.features.len(), self.constants.len());
        self.bottom.add_features(self.boxes, self.features);
        let features = first..self.features.len();
        self.constants.resize(start + nodes * (1 + features.len()) * CASES, 0.0);
        let tables = self.constants[start..].as_chunks_mut().0;
        self.bottom.tables(self.boxes, self.rule, self.values, anchor, &self.features[features.clone()], tables);
        if self.order == Order::Nodes {
            self.constants[start..].chunks_exact_mut(nodes * CASES).for_each(turn_over);
        }
        let mut bits = [None; BITS];
        for (literal, bit) in bits.iter_mut().zip(&self.bottom.bits) {
            *literal = Some(Literal::new(match bit {
                Bit::Split(split) => (*split as u32, false),
                Bit::Edge(node) => self.program.edge(self.boxes, *node),
            }));
        }
        let first = self.is_first();
        self.steps.push(Step::Bottom(Bottom { bits, features, constants: start, first }));
    }
}

/// Turns a table of cases for each node into one of nodes for each case.
fn turn_over(table: &mut [f64]) {
    let (before, nodes) = (table.to_vec(), table.len() / CASES);
    table.iter_mut().enumerate().for_each(|(place, value)| *value = before[place % nodes * CASES + place / nodes]);
}

/// Constants of an edge at all quadrature nodes, `case · nodes + q`: its factors, and its coefficients times the node's weight. Case 0 failed
/// before, 1 fails now, 2 holds.
fn cross(boxes: &Boxes<'_>, edge: &Edge, rule: &Rule, factors: &mut [f64], coefficients: &mut [f64]) {
    let nodes = rule.nodes.len();
    let before = edge.previous.map(|previous| boxes.edge(previous).ratio);
    // Failing twice: c is −1/(1 − t) both times, and the factors' ratio is that of the covers.
    factors[..nodes].fill(before.map_or(0.0, |r| if r > 0.0 { edge.ratio / r } else { 0.0 }));
    coefficients[..nodes].fill(0.0);
    for (q, (&t, weight)) in rule.nodes.iter().zip(&rule.weights).enumerate() {
        let (held, c_before) = before.map_or((1.0, 0.0), |r| (factor_held(r, t), coefficient_held(r, t)));
        factors[nodes + q] = (1.0 - t) * edge.ratio / held;
        factors[2 * nodes + q] = factor_held(edge.ratio, t) / held;
        coefficients[nodes + q] = weight * (coefficient_failed(t) - c_before);
        coefficients[2 * nodes + q] = weight * (coefficient_held(edge.ratio, t) - c_before);
    }
}
