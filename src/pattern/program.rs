//! A tree compiled to word operations: decisions of its splits, merged path conditions, and the bits of its groups' indices.

use super::block::{Layout, Op, Word};
use super::boxes::Boxes;
use super::cuts::Cuts;
use super::group::{Bit, Group};

/// A merged condition: `(a ⊕ flip_a) ∧ (b ⊕ flip_b)`, word by word.
#[derive(Clone, Copy, Debug, PartialEq)]
struct And {
    a: u32,
    b: u32,
    flip_a: u64,
    flip_b: u64,
}

/// Word operations of one tree. Slot `s < ops.len()` is the answer to question `s`; further slots are merged conditions.
#[derive(Clone, Debug)]
pub(super) struct Program {
    ops: Vec<Op>,
    ands: Vec<And>,
    /// Slot of each node's merged edge, where one was compiled, with the flip that makes "set" mean "holds".
    edge_slots: Vec<Option<(u32, bool)>>,
}

/// What computes the index of one group, straight from the ranks.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookup {
    /// The terms of each bit, bits from the lowest; at most eight bits.
    pub terms: Vec<Term>,
}

impl Lookup {
    /// Number of indices.
    pub(super) fn indices(&self) -> usize {
        1 << self.terms.iter().filter(|term| term.last).count()
    }
}

/// A bit of an index is set where all its terms hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    /// The question.
    pub op: Op,
    /// The answer where the term fails.
    pub flip: bool,
    /// Whether the next term is of the next bit.
    pub last: bool,
}

impl Program {
    /// The answers to every question.
    pub(super) fn new(boxes: &Boxes<'_>, cuts: &Cuts, layout: &Layout) -> Self {
        let ops = boxes.splits.iter().map(|split| layout.op(cuts, split)).collect();
        Self { ops, ands: Vec::new(), edge_slots: vec![None; boxes.edges.len()] }
    }

    /// Number of slots.
    pub(super) fn slots(&self) -> usize {
        self.ops.len() + self.ands.len()
    }

    /// What computes a group's index; the conditions that it needs are merged.
    pub(super) fn lookup(&mut self, boxes: &Boxes<'_>, group: &Group) -> Lookup {
        let mut terms = Vec::new();
        for bit in &group.bits {
            let slot = match bit {
                Bit::Split(split) => *split as u32,
                Bit::Edge(node) => self.edge(boxes, *node).0,
            };
            let first = terms.len();
            self.terms(slot, |term| narrow(&mut terms, first, term));
            terms.iter_mut().last().into_iter().for_each(|term| term.last = true);
        }
        Lookup { terms }
    }

    /// The terms of a slot, from the last question to the first.
    fn terms(&self, slot: u32, mut visit: impl FnMut(Term)) {
        let mut at = (slot, false);
        let term = |slot: u32, flip: bool| Term { op: self.ops[slot as usize].clone(), flip, last: false };
        while let Some(and) = (at.0 as usize).checked_sub(self.ops.len()) {
            let And { a, b, flip_a, flip_b } = self.ands[and];
            visit(term(b, flip_b != 0));
            at = (a, flip_a != 0);
        }
        visit(term(at.0, at.1));
    }

    /// Slot of a node's merged edge, and whether the word must be flipped to say "holds".
    pub(super) fn edge(&mut self, boxes: &Boxes<'_>, node: usize) -> (u32, bool) {
        if let Some(known) = self.edge_slots[node] {
            return known;
        }
        let mut unknown = Vec::new();
        let mut known = None;
        let mut next = Some(node);
        while let Some(node) = next.filter(|_| known.is_none()) {
            known = self.edge_slots[node];
            if known.is_none() {
                unknown.push(node);
                next = boxes.edges[node].as_ref().and_then(|edge| edge.previous);
            }
        }
        for node in unknown.into_iter().rev() {
            let Some(edge) = &boxes.edges[node] else { unreachable!("the root has no edge") };
            let split = edge.split as u32;
            let slot = match known {
                None => (split, !edge.left),
                Some((a, flip)) => {
                    self.ands.push(And { a, b: split, flip_a: mask(flip), flip_b: mask(!edge.left) });
                    (self.slots() as u32 - 1, false)
                }
            };
            self.edge_slots[node] = Some(slot);
            known = Some(slot);
        }
        known.unwrap_or_else(|| unreachable!("a node has an edge"))
    }

    /// Computes all slots for a block; `decide` says which rows answer yes to a split's test.
    #[inline(always)]
    pub(super) fn run(&self, slots: &mut Vec<Word>, decide: impl Fn(&Op) -> Word) {
        slots.clear();
        slots.extend(self.ops.iter().map(decide));
        for and in &self.ands {
            let (a, b) = (slots[and.a as usize], slots[and.b as usize]);
            slots.push(std::array::from_fn(|word| (a[word] ^ and.flip_a) & (b[word] ^ and.flip_b)));
        }
    }
}

/// Adds a term to those from `first` on, all of which must hold: of two bounds on one side of a column, the narrower is enough.
fn narrow(terms: &mut Vec<Term>, first: usize, term: Term) {
    let mut alike = terms[first..].iter_mut().filter(|known| known.flip == term.flip);
    if !alike.any(|known| known.op.merge(&term.op, term.flip)) {
        terms.push(term);
    }
}

fn mask(flip: bool) -> u64 {
    if flip { u64::MAX } else { 0 }
}
