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

use super::block::Word;
use super::boxes::{Boxes, Edge};
use super::game::{Rules, coefficient_failed, coefficient_held, factor_held};
use super::group::Bit;
use super::program::Program;
use crate::model::NodeKind;

/// Rows in a vector.
pub(super) const LANES: usize = 8;
/// Most bits of a bottom's case.
const BITS: usize = 3;
/// Cases of a bottom.
pub(super) const CASES: usize = 1 << BITS;

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
    /// Enter a node: products of the next depth = products · factor, sums of the next depth = 0.
    Down(Turn),
    /// Cross everything below the current node that fits a table.
    Bottom(Bottom),
    /// Leave a node: contribute its sums, add them to its parent's.
    Up(Turn),
}

/// A word that says in which rows a condition holds: `slots[slot] ⊕ flip`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Literal {
    pub slot: u32,
    pub flip: u64,
}

impl Literal {
    pub(super) fn new((slot, flip): (u32, bool)) -> Self {
        Self { slot, flip: if flip { u64::MAX } else { 0 } }
    }

    /// The rows of one word of the block in which the condition holds.
    #[inline(always)]
    pub(super) fn word(self, slots: &[Word], word: usize) -> u64 {
        slots[self.slot as usize][word] ^ self.flip
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
}

/// A subtree, or a single edge to a leaf, crossed in one of [`CASES`] cases.
#[derive(Clone, Debug)]
pub(super) struct Bottom {
    /// The case's bits, lowest first.
    pub bits: Vec<Literal>,
    /// Its features.
    pub features: Vec<u32>,
    /// Where its tables are: the sums', then each feature's, `(table · nodes + q) · CASES + case`.
    pub constants: usize,
}

/// What compiling a tree needs at hand.
struct Compiler<'a, 'b> {
    boxes: &'a Boxes<'b>,
    program: &'a mut Program,
    nodes: &'a [f64],
    weights: &'a [f64],
    value: &'a dyn Fn(usize) -> f64,
    constants: &'a mut Vec<f64>,
    steps: Vec<Step>,
}

impl Sweep {
    /// Compiles a tree; `values(leaf)` gives its outputs and scaled values.
    pub(super) fn new(boxes: &Boxes<'_>, program: &mut Program, rules: &Rules, values: &dyn Fn(usize) -> Vec<(usize, f64)>) -> Self {
        let rule = rules.exact(boxes.widest());
        let mut constants = Vec::new();
        let mut passes = Vec::new();
        for (k, (output, _)) in values(0).iter().enumerate() {
            let value = |leaf: usize| values(leaf)[k].1;
            let (nodes, weights) = (&rule.nodes[..], &rule.weights[..]);
            let mut compiler = Compiler { boxes, program, nodes, weights, value: &value, constants: &mut constants, steps: Vec::new() };
            compiler.walk();
            passes.push(Pass { output: *output, steps: compiler.steps });
        }
        Self { nodes: rule.nodes.len(), depth: boxes.tree.depth() + 1, passes, constants }
    }
}

impl Compiler<'_, '_> {
    /// Writes the steps of the whole tree.
    fn walk(&mut self) {
        // (node, whether its subtree is done)
        let mut stack = vec![(0, false)];
        while let Some((node, done)) = stack.pop() {
            if done {
                let turn = self.turn(node, |ratio, weight| ratio.coefficient * weight);
                self.steps.push(Step::Up(turn));
                continue;
            }
            if node != 0 {
                let turn = self.turn(node, |ratio, _| ratio.factor);
                self.steps.push(Step::Down(turn));
                stack.push((node, true));
            }
            if let Some(bits) = self.fits(node, &[node]) {
                self.bottom(node, &[node], &bits);
                continue;
            }
            let NodeKind::Split(split) = &self.boxes.tree.nodes[node].kind else { continue };
            for child in [split.right, split.left] {
                // A leaf, seen from its parent, is a bottom of its own.
                let leaf = matches!(self.boxes.tree.nodes[child].kind, NodeKind::Leaf(_));
                match leaf.then(|| self.fits(node, &[child])).flatten() {
                    Some(bits) => self.bottom(node, &[child], &bits),
                    None => stack.push((child, false)),
                }
            }
        }
    }

    fn edge(&self, node: usize) -> &Edge {
        match &self.boxes.edges[node] {
            Some(edge) => edge,
            None => unreachable!("only the root has no edge"),
        }
    }

    /// An edge as a step, with `constant(ratio, weight)` of each case and quadrature node.
    fn turn(&mut self, node: usize, constant: impl Fn(&Ratio, f64) -> f64) -> Turn {
        let edge = self.edge(node).clone();
        let holds = Literal::new(self.program.edge(self.boxes, node));
        let held = edge.previous.map(|previous| Literal::new(self.program.edge(self.boxes, previous)));
        let constants = self.constants.len();
        let ratios: Vec<[Ratio; 3]> = self.nodes.iter().map(|t| self.ratios(&edge, *t)).collect();
        for case in 0..3 {
            self.constants.extend(ratios.iter().zip(self.weights).map(|(ratios, weight)| constant(&ratios[case], *weight)));
        }
        Turn { feature: edge.feature as u32, holds, held, constants }
    }

    /// What crossing an edge multiplies by and contributes, in its three cases.
    fn ratios(&self, edge: &Edge, t: f64) -> [Ratio; 3] {
        let before = edge.previous.map(|previous| self.edge(previous).ratio);
        let (held, c_before) = before.map_or((1.0, 0.0), |r| (factor_held(r, t), coefficient_held(r, t)));
        [
            // Failing twice: c is −1/(1 − t) both times, and the factors' ratio is that of the covers.
            Ratio { factor: before.map_or(0.0, |r| if r > 0.0 { edge.ratio / r } else { 0.0 }), coefficient: 0.0 },
            Ratio { factor: (1.0 - t) * edge.ratio / held, coefficient: coefficient_failed(t) - c_before },
            Ratio { factor: factor_held(edge.ratio, t) / held, coefficient: coefficient_held(edge.ratio, t) - c_before },
        ]
    }

    /// The case bits of everything from `anchor` through `roots` down, if they are few enough.
    fn fits(&self, anchor: usize, roots: &[usize]) -> Option<Vec<Bit>> {
        let mut bits = Vec::new();
        let mut stack = roots.to_vec();
        while let Some(node) = stack.pop() {
            if node != anchor {
                let edge = self.edge(node);
                bits.push(Bit::Split(edge.split));
                // A previous condition above the anchor is a bit of its own; one below is told by the splits' bits.
                if let Some(previous) = edge.previous.filter(|previous| *previous <= anchor) {
                    bits.push(Bit::Edge(previous));
                }
                bits.sort_unstable();
                bits.dedup();
                if bits.len() > BITS {
                    return None;
                }
            }
            if let NodeKind::Split(split) = &self.boxes.tree.nodes[node].kind {
                stack.extend([split.left, split.right]);
            }
        }
        Some(bits)
    }

    /// Tables of everything from `anchor` through `roots` down.
    fn bottom(&mut self, anchor: usize, roots: &[usize], bits: &[Bit]) {
        let leaves: Vec<usize> = roots.iter().flat_map(|root| self.boxes.leaves_below(*root)).collect();
        let mut features: Vec<u32> =
            leaves.iter().flat_map(|leaf| self.boxes.path(*leaf, anchor)).map(|edge| edge.feature as u32).collect();
        features.sort_unstable();
        features.dedup();
        let start = self.constants.len();
        self.constants.resize(start + self.nodes.len() * (1 + features.len()) * CASES, 0.0);
        for leaf in leaves {
            self.bottom_leaf(anchor, leaf, bits, &features, start);
        }
        let literals = bits.iter().map(|bit| match bit {
            Bit::Split(split) => Literal { slot: *split as u32, flip: 0 },
            Bit::Edge(node) => Literal::new(self.program.edge(self.boxes, *node)),
        });
        let bits = literals.collect();
        self.steps.push(Step::Bottom(Bottom { bits, features, constants: start }));
    }

    /// Adds one leaf to a bottom's tables: its value times its factors from `anchor` down, and that times each edge's coefficient.
    fn bottom_leaf(&mut self, anchor: usize, leaf: usize, bits: &[Bit], features: &[u32], start: usize) {
        let NodeKind::Leaf(number) = self.boxes.tree.nodes[leaf].kind else { unreachable!("only leaves end a path") };
        let value = (self.value)(number);
        let nodes = self.nodes.len();
        let path: Vec<Edge> = self.boxes.path(leaf, anchor).cloned().collect();
        let states: Vec<Vec<usize>> =
            (0..CASES).map(|case| path.iter().map(|edge| self.state(anchor, edge, bits, case)).collect()).collect();
        for (q, (&t, &weight)) in self.nodes.iter().zip(self.weights).enumerate() {
            let ratios: Vec<[Ratio; 3]> = path.iter().map(|edge| self.ratios(edge, t)).collect();
            for (case, states) in states.iter().enumerate() {
                let total = ratios.iter().zip(states).fold(value, |total, (ratios, state)| total * ratios[*state].factor);
                self.constants[start + q * CASES + case] += total;
                for ((edge, ratios), state) in path.iter().zip(&ratios).zip(states) {
                    let place = 1 + features.partition_point(|known| (*known as usize) < edge.feature);
                    self.constants[start + (place * nodes + q) * CASES + case] += weight * ratios[*state].coefficient * total;
                }
            }
        }
    }

    /// How an edge stands in a case: 0 failed before, 1 fails now, 2 holds.
    fn state(&self, anchor: usize, edge: &Edge, bits: &[Bit], case: usize) -> usize {
        let is_set = |bit: Bit| bits.binary_search(&bit).is_ok_and(|place| case >> place & 1 == 1);
        let held = edge.previous.is_none_or(|previous| self.holds(anchor, previous, &is_set));
        usize::from(held) + usize::from(held && is_set(Bit::Split(edge.split)) == edge.left)
    }

    /// Whether the merged condition of the edge into `node` holds in a case.
    fn holds(&self, anchor: usize, node: usize, is_set: &impl Fn(Bit) -> bool) -> bool {
        if node <= anchor {
            return is_set(Bit::Edge(node));
        }
        let edge = self.edge(node);
        edge.previous.is_none_or(|previous| self.holds(anchor, previous, is_set)) && is_set(Bit::Split(edge.split)) == edge.left
    }
}

/// What crossing an edge multiplies by and contributes.
struct Ratio {
    factor: f64,
    coefficient: f64,
}
