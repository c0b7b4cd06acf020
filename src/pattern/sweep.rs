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

/// What was last looked at as a bottom.
#[derive(Default)]
struct Draft {
    /// Bits of its cases, ascending.
    bits: Vec<Bit>,
    /// Its nodes, parents before children.
    below: Vec<Below>,
    /// Factors of the edge that was crossed last, `case · nodes + q`.
    factors: Vec<f64>,
    /// Weighted coefficients of all edges, `(edge · 3 + case) · nodes + q`.
    coefficients: Vec<f64>,
    /// Products, then sums, of all cases at each node, `node · nodes + q`.
    sums: Vec<[f64; CASES]>,
}

/// A node of a bottom.
#[derive(Clone, Copy)]
struct Below {
    node: usize,
    /// Its parent among the nodes before it; none where that is the bottom's anchor.
    above: Option<usize>,
    /// The cases in which its edge's merged condition holds, a bit each.
    holds: u8,
    /// How the edge is crossed in each case: 0 failed before, 1 fails now, 2 holds.
    states: [u8; CASES],
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

impl Below {
    fn new(node: usize, above: Option<usize>) -> Self {
        Self { node, above, holds: 0, states: [0; CASES] }
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
                self.tables(node);
                continue;
            }
            let NodeKind::Split(split) = &self.boxes.tree.nodes[node].kind else { continue };
            for child in [split.right, split.left] {
                // A leaf, seen from its parent, is a bottom of its own.
                let leaf = matches!(self.boxes.tree.nodes[child].kind, NodeKind::Leaf(_));
                if leaf && self.fits(node, child) {
                    self.tables(node);
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
        let (turn, first, constants) = (self.turn(node), self.entered.len(), 3 * self.rule.nodes.len());
        self.constants.resize(turn.constants + constants, 0.0);
        self.entered.resize(first + constants, 0.0);
        cross(self.boxes, self.edge(node), self.rule, &mut self.constants[turn.constants..], &mut self.entered[first..]);
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

    /// Notes the nodes from `root` down, without `anchor`, and the bits that tell how they are crossed; says whether the bits are few enough.
    fn fits(&mut self, anchor: usize, root: usize) -> bool {
        self.bottom.bits.clear();
        self.bottom.below.clear();
        let mut next = 0;
        if root != anchor {
            self.bottom.below.push(Below::new(root, None));
        } else {
            self.push_children(root, None);
        }
        while let Some(below) = self.bottom.below.get(next) {
            let node = below.node;
            let edge = self.edge(node);
            // A previous condition above the anchor is a bit of its own; one below is told by the splits' bits.
            let previous = edge.previous.filter(|previous| *previous <= anchor).map(Bit::Edge);
            for bit in std::iter::once(Bit::Split(edge.split)).chain(previous) {
                if !self.bottom.bits.contains(&bit) {
                    self.bottom.bits.push(bit);
                }
            }
            if self.bottom.bits.len() > BITS {
                return false;
            }
            self.push_children(node, Some(next));
            next += 1;
        }
        self.bottom.bits.sort_unstable();
        true
    }

    fn push_children(&mut self, node: usize, place: Option<usize>) {
        if let NodeKind::Split(split) = &self.boxes.tree.nodes[node].kind {
            self.bottom.below.extend([split.left, split.right].map(|child| Below::new(child, place)));
        }
    }

    /// Tables of everything from `anchor` down that was looked at last: a sweep over it, with the cases in place of rows.
    fn tables(&mut self, anchor: usize) {
        let (nodes, first, start) = (self.rule.nodes.len(), self.features.len(), self.constants.len());
        for below in &self.bottom.below {
            let feature = self.boxes.feature(below.node) as u32;
            if !self.features[first..].contains(&feature) {
                self.features.push(feature);
            }
        }
        let features = first..self.features.len();
        self.constants.resize(start + nodes * (1 + features.len()) * CASES, 0.0);
        self.cross_down(anchor);
        self.cross_up(&features, start);
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

    /// The way down: how every edge is crossed, and the products at every node; at a leaf, times its value.
    fn cross_down(&mut self, anchor: usize) {
        let nodes = self.rule.nodes.len();
        self.bottom.factors.resize(3 * nodes, 0.0);
        self.bottom.coefficients.resize(self.bottom.below.len() * 3 * nodes, 0.0);
        self.bottom.sums.resize(self.bottom.below.len() * nodes, [0.0; CASES]);
        for place in 0..self.bottom.below.len() {
            let Below { node, above, .. } = self.bottom.below[place];
            let edge = self.edge(node);
            let held = edge.previous.map_or(u8::MAX, |previous| self.holds(anchor, previous));
            let answers = self.cases(Bit::Split(edge.split));
            let holds = held & if edge.left { answers } else { !answers };
            let states = std::array::from_fn(|case| (held >> case & 1) + (holds >> case & 1));
            self.bottom.below[place] = Below { holds, states, ..self.bottom.below[place] };
            cross(self.boxes, edge, self.rule, &mut self.bottom.factors, &mut self.bottom.coefficients[place * 3 * nodes..]);
            let value = match self.boxes.tree.nodes[node].kind {
                NodeKind::Leaf(number) => self.values[number],
                NodeKind::Split(_) => 1.0,
            };
            let (before, products) = self.bottom.sums.split_at_mut(place * nodes);
            for (q, products) in products[..nodes].iter_mut().enumerate() {
                let above = above.map_or([1.0; CASES], |above| before[above * nodes + q]);
                let factors = [0, 1, 2].map(|state| self.bottom.factors[state * nodes + q] * value);
                *products = std::array::from_fn(|case| above[case] * factors[usize::from(states[case])]);
            }
        }
    }

    /// The way up: every node's sums go to its parent's, those of the anchor's children to the first table, and times the edge's
    /// coefficients to its feature's.
    fn cross_up(&mut self, features: &Range<usize>, start: usize) {
        let (nodes, features) = (self.rule.nodes.len(), &self.features[features.clone()]);
        for (Below { node, .. }, sums) in self.bottom.below.iter().zip(self.bottom.sums.chunks_exact_mut(nodes)) {
            if let NodeKind::Split(_) = self.boxes.tree.nodes[*node].kind {
                sums.fill([0.0; CASES]);
            }
        }
        let tables = self.constants[start..].as_chunks_mut::<CASES>().0;
        for (place, Below { node, above, states, .. }) in self.bottom.below.iter().enumerate().rev() {
            let feature = self.boxes.feature(*node) as u32;
            let table = 1 + features.iter().take_while(|known| **known != feature).count();
            let coefficients = &self.bottom.coefficients[place * 3 * nodes..][..3 * nodes];
            let (before, sums) = self.bottom.sums.split_at_mut(place * nodes);
            for (q, sums) in sums[..nodes].iter().enumerate() {
                let above = above.map_or_else(|| &mut tables[q], |above| &mut before[above * nodes + q]);
                above.iter_mut().zip(sums).for_each(|(above, sum)| *above += sum);
                let coefficients = [0, 1, 2].map(|state| coefficients[state * nodes + q]);
                let shares = sums.iter().zip(states).map(|(sum, state)| coefficients[usize::from(*state)] * sum);
                tables[table * nodes + q].iter_mut().zip(shares).for_each(|(share, more)| *share += more);
            }
        }
    }

    /// The cases in which the merged condition of the edge into `node` holds, a bit each.
    fn holds(&self, anchor: usize, node: usize) -> u8 {
        if node <= anchor {
            return self.cases(Bit::Edge(node));
        }
        self.bottom.below.iter().find(|below| below.node == node).map_or(u8::MAX, |below| below.holds)
    }

    /// The cases in which a bit is set.
    fn cases(&self, bit: Bit) -> u8 {
        const SET: [u8; BITS] = [0b1010_1010, 0b1100_1100, 0b1111_0000];
        self.bottom.bits.iter().zip(SET).find(|(known, _)| **known == bit).map_or(0, |(_, cases)| cases)
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
    let before = edge.previous.and_then(|previous| boxes.edges[previous].as_ref()).map(|previous| previous.ratio);
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
