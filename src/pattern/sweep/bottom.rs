//! A bottom of the sweep: a subtree that is crossed in one of eight cases. Its tables are a sweep over it, with the cases in place of rows.

use super::{BITS, CASES, cross};
use crate::model::NodeKind;
use crate::numeric::quadrature::Rule;
use crate::pattern::boxes::Boxes;
use crate::pattern::group::Bit;

/// What was last looked at as a bottom.
#[derive(Default)]
pub(super) struct Draft {
    /// Bits of its cases, ascending.
    pub bits: Vec<Bit>,
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

impl Below {
    fn new(node: usize, above: Option<usize>) -> Self {
        Self { node, above, holds: 0, states: [0; CASES] }
    }
}

impl Draft {
    /// Notes the nodes from `root` down, without `anchor`, and the bits that tell how they are crossed; says whether the bits are few enough.
    pub(super) fn fits(&mut self, boxes: &Boxes<'_>, anchor: usize, root: usize) -> bool {
        self.bits.clear();
        self.below.clear();
        let mut next = 0;
        if root != anchor {
            self.below.push(Below::new(root, None));
        } else {
            self.push_children(boxes, root, None);
        }
        while let Some(below) = self.below.get(next) {
            let node = below.node;
            let edge = boxes.edge(node);
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
            self.push_children(boxes, node, Some(next));
            next += 1;
        }
        self.bits.sort_unstable();
        true
    }

    fn push_children(&mut self, boxes: &Boxes<'_>, node: usize, place: Option<usize>) {
        if let NodeKind::Split(split) = &boxes.tree.nodes[node].kind {
            self.below.extend([split.left, split.right].map(|child| Below::new(child, place)));
        }
    }

    /// Adds its features to others.
    pub(super) fn add_features(&self, boxes: &Boxes<'_>, features: &mut Vec<u32>) {
        let first = features.len();
        for below in &self.below {
            let feature = boxes.edge(below.node).feature as u32;
            if !features[first..].contains(&feature) {
                features.push(feature);
            }
        }
    }

    /// Adds the tables of the sums and of each feature to zeros, `table · nodes + q`, by case; `values` are the leaves'.
    pub(super) fn tables(
        &mut self,
        boxes: &Boxes<'_>,
        rule: &Rule,
        values: &[f64],
        anchor: usize,
        features: &[u32],
        tables: &mut [[f64; CASES]],
    ) {
        self.cross_down(boxes, rule, values, anchor);
        self.cross_up(boxes, rule.nodes.len(), features, tables);
    }

    /// The way down: how every edge is crossed, and the products at every node; at a leaf, times its value.
    fn cross_down(&mut self, boxes: &Boxes<'_>, rule: &Rule, values: &[f64], anchor: usize) {
        let nodes = rule.nodes.len();
        self.factors.resize(3 * nodes, 0.0);
        self.coefficients.resize(self.below.len() * 3 * nodes, 0.0);
        self.sums.resize(self.below.len() * nodes, [0.0; CASES]);
        for place in 0..self.below.len() {
            let Below { node, above, .. } = self.below[place];
            let edge = boxes.edge(node);
            let held = edge.previous.map_or(u8::MAX, |previous| self.holds(anchor, previous));
            let answers = self.cases(Bit::Split(edge.split));
            let holds = held & if edge.left { answers } else { !answers };
            let states = std::array::from_fn(|case| (held >> case & 1) + (holds >> case & 1));
            self.below[place] = Below { holds, states, ..self.below[place] };
            cross(boxes, edge, rule, &mut self.factors, &mut self.coefficients[place * 3 * nodes..]);
            let value = match boxes.tree.nodes[node].kind {
                NodeKind::Leaf(number) => values[number],
                NodeKind::Split(_) => 1.0,
            };
            let (before, products) = self.sums.split_at_mut(place * nodes);
            for (q, products) in products[..nodes].iter_mut().enumerate() {
                let above = above.map_or([1.0; CASES], |above| before[above * nodes + q]);
                let factors = [0, 1, 2].map(|state| self.factors[state * nodes + q] * value);
                *products = std::array::from_fn(|case| above[case] * factors[usize::from(states[case])]);
            }
        }
    }

    /// The way up: every node's sums go to its parent's, those of the anchor's children to the first table, and times the edge's
    /// coefficients to its feature's.
    fn cross_up(&mut self, boxes: &Boxes<'_>, nodes: usize, features: &[u32], tables: &mut [[f64; CASES]]) {
        for (Below { node, .. }, sums) in self.below.iter().zip(self.sums.chunks_exact_mut(nodes)) {
            if let NodeKind::Split(_) = boxes.tree.nodes[*node].kind {
                sums.fill([0.0; CASES]);
            }
        }
        for (place, Below { node, above, states, .. }) in self.below.iter().enumerate().rev() {
            let feature = boxes.edge(*node).feature as u32;
            let table = 1 + features.iter().take_while(|known| **known != feature).count();
            let coefficients = &self.coefficients[place * 3 * nodes..][..3 * nodes];
            let (before, sums) = self.sums.split_at_mut(place * nodes);
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
        self.below.iter().find(|below| below.node == node).map_or(u8::MAX, |below| below.holds)
    }

    /// The cases in which a bit is set.
    fn cases(&self, bit: Bit) -> u8 {
        const SET: [u8; BITS] = [0b1010_1010, 0b1100_1100, 0b1111_0000];
        self.bits.iter().zip(SET).find(|(known, _)| **known == bit).map_or(0, |(_, cases)| cases)
    }
}
