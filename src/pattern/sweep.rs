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

use super::block::{BLOCK, Word};
use super::boxes::Boxes;
use super::game::{Rules, coefficient_failed, coefficient_held, factor_held};
use super::program::Program;
use crate::model::NodeKind;

/// Rows that one step of the sweep carries.
pub(super) const ROWS: usize = 8;

/// What an edge multiplies by and contributes, for the three cases of (holds, previous held).
#[derive(Clone, Debug)]
struct Constants {
    /// `case · Q + q`: factor ratios.
    factors: Vec<f64>,
    /// `case · Q + q`: weighted coefficient differences.
    coefficients: Vec<f64>,
}

/// One step of the walk, in preorder with the returns written out.
#[derive(Clone, Debug)]
enum Step {
    /// Enter a node: multiply the products.
    Down(usize),
    /// At a leaf: the products times its value are the sums.
    Leaf(f64),
    /// Leave a node: contribute, and add its sums to its parent's.
    Up(usize),
}

#[derive(Clone, Debug)]
struct SweepEdge {
    feature: usize,
    slot: u32,
    flip: u64,
    previous: Option<(u32, u64)>,
    constants: Constants,
}

/// A tree compiled for the sweep, one output at a time.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    nodes: usize,
    edges: Vec<SweepEdge>,
    /// Steps for each output the tree adds to.
    outputs: Vec<(usize, Vec<Step>)>,
    depth: usize,
}

impl Sweep {
    /// Compiles a tree; `values(leaf)` gives its outputs and scaled values.
    pub(super) fn new(boxes: &Boxes<'_>, program: &mut Program, rules: &Rules, values: &dyn Fn(usize) -> Vec<(usize, f64)>) -> Self {
        let rule = rules.exact(boxes.widest());
        let mut edges = Vec::new();
        let mut edge_of = vec![usize::MAX; boxes.edges.len()];
        for (node, edge) in boxes.edges.iter().enumerate() {
            let Some(edge) = edge else { continue };
            let (slot, flip) = program.edge(boxes, node);
            let before = edge.previous.and_then(|previous| boxes.edges[previous].as_ref()).map(|previous| previous.ratio);
            let previous = edge.previous.map(|previous| program.edge(boxes, previous)).map(|(slot, flip)| (slot, mask(flip)));
            edge_of[node] = edges.len();
            let constants = constants(edge.ratio, before, &rule.nodes, &rule.weights);
            edges.push(SweepEdge { feature: edge.feature, slot, flip: mask(flip), previous, constants });
        }
        let outputs =
            values(0).iter().enumerate().map(|(k, (output, _))| (*output, steps(boxes, &edge_of, &|leaf| values(leaf)[k].1))).collect();
        Self { nodes: rule.nodes.len(), edges, outputs, depth: boxes.tree.depth() }
    }

    /// Adds the contributions of all rows of a block: `out[(output · features + feature) · BLOCK + row]`.
    #[inline(always)]
    pub(super) fn accumulate(&self, slots: &[Word], features: usize, scratch: &mut Vec<[f64; ROWS]>, out: &mut [f64]) {
        let q = self.nodes;
        // Products and sums of each depth.
        scratch.clear();
        scratch.resize(2 * q * (self.depth + 2), [0.0; ROWS]);
        for (output, steps) in &self.outputs {
            for first in (0..BLOCK).step_by(ROWS) {
                let mut at = 0;
                scratch[..q].fill([1.0; ROWS]);
                for step in steps {
                    match step {
                        Step::Down(edge) => {
                            let edge = &self.edges[*edge];
                            at += 2 * q;
                            let (above, here) = scratch.split_at_mut(at);
                            down(edge, slots, first, &above[at - 2 * q..][..q], &mut here[..2 * q]);
                        }
                        Step::Leaf(value) => {
                            let (products, sums) = scratch[at..at + 2 * q].split_at_mut(q);
                            for (sum, product) in sums.iter_mut().zip(products) {
                                *sum = std::array::from_fn(|row| value * product[row]);
                            }
                        }
                        Step::Up(edge) => {
                            let edge = &self.edges[*edge];
                            let (above, here) = scratch.split_at_mut(at);
                            let start = (output * features + edge.feature) * BLOCK + first;
                            up(edge, slots, first, &here[q..2 * q], &mut above[at - q..], &mut out[start..start + ROWS]);
                            at -= 2 * q;
                        }
                    }
                }
            }
        }
    }
}

fn mask(flip: bool) -> u64 {
    if flip { u64::MAX } else { 0 }
}

/// Case of each row at an edge: 0 fails and failed before, 1 fails but held before, 2 holds.
#[inline(always)]
fn cases(edge: &SweepEdge, slots: &[Word], first: usize) -> [usize; ROWS] {
    let bits = |slot: u32, flip: u64| (slots[slot as usize][first / 64] ^ flip) >> (first % 64);
    let holds = bits(edge.slot, edge.flip);
    let held = edge.previous.map_or(u64::MAX, |(slot, flip)| bits(slot, flip));
    std::array::from_fn(|row| (holds >> row & 1) as usize + (held >> row & 1) as usize)
}

#[inline(always)]
fn down(edge: &SweepEdge, slots: &[Word], first: usize, above: &[[f64; ROWS]], here: &mut [[f64; ROWS]]) {
    let q = above.len();
    let cases = cases(edge, slots, first);
    let (products, sums) = here.split_at_mut(q);
    for (node, (product, above)) in products.iter_mut().zip(above).enumerate() {
        *product = std::array::from_fn(|row| above[row] * edge.constants.factors[cases[row] * q + node]);
    }
    sums.fill([0.0; ROWS]);
}

#[inline(always)]
fn up(edge: &SweepEdge, slots: &[Word], first: usize, sums: &[[f64; ROWS]], above: &mut [[f64; ROWS]], out: &mut [f64]) {
    let q = sums.len();
    let cases = cases(edge, slots, first);
    for (node, (above, sum)) in above.iter_mut().zip(sums).enumerate() {
        for row in 0..ROWS {
            above[row] += sum[row];
            out[row] += edge.constants.coefficients[cases[row] * q + node] * sum[row];
        }
    }
}

fn constants(ratio: f64, before: Option<f64>, nodes: &[f64], weights: &[f64]) -> Constants {
    let q = nodes.len();
    let (mut factors, mut coefficients) = (vec![0.0; 3 * q], vec![0.0; 3 * q]);
    for (node, (&t, &weight)) in nodes.iter().zip(weights).enumerate() {
        let (held, c_before) = before.map_or((1.0, 0.0), |r| (factor_held(r, t), coefficient_held(r, t)));
        // Failing twice: c is −1/(1 − t) both times and the factors' ratio is that of the covers.
        factors[node] = before.map_or(0.0, |r| if r > 0.0 { ratio / r } else { 0.0 });
        factors[q + node] = (1.0 - t) * ratio / held;
        factors[2 * q + node] = factor_held(ratio, t) / held;
        coefficients[q + node] = weight * (coefficient_failed(t) - c_before);
        coefficients[2 * q + node] = weight * (coefficient_held(ratio, t) - c_before);
    }
    Constants { factors, coefficients }
}

fn steps(boxes: &Boxes<'_>, edge_of: &[usize], value: &dyn Fn(usize) -> f64) -> Vec<Step> {
    let mut steps = Vec::new();
    // (node, whether its subtree is done)
    let mut stack = vec![(0, false)];
    while let Some((node, done)) = stack.pop() {
        if done {
            steps.push(Step::Up(edge_of[node]));
            continue;
        }
        if node != 0 {
            steps.push(Step::Down(edge_of[node]));
            stack.push((node, true));
        }
        match &boxes.tree.nodes[node].kind {
            NodeKind::Leaf(leaf) => steps.push(Step::Leaf(value(*leaf))),
            NodeKind::Split(split) => stack.extend([(split.right, false), (split.left, false)]),
        }
    }
    steps
}
