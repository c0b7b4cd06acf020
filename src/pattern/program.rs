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
            self.terms(slot, false, &mut terms);
            terms.iter_mut().last().into_iter().for_each(|term| term.last = true);
        }
        Lookup { terms }
    }

    /// The terms of a slot, or of its complement where it is a question.
    fn terms(&self, slot: u32, flip: bool, terms: &mut Vec<Term>) {
        match (slot as usize).checked_sub(self.ops.len()).map(|and| self.ands[and]) {
            None => terms.push(Term { op: self.ops[slot as usize].clone(), flip, last: false }),
            Some(And { a, b, flip_a, flip_b }) => {
                self.terms(a, flip_a != 0, terms);
                self.terms(b, flip_b != 0, terms);
            }
        }
    }

    /// Slot of a node's merged edge, and whether the word must be flipped to say "holds".
    pub(super) fn edge(&mut self, boxes: &Boxes<'_>, node: usize) -> (u32, bool) {
        if let Some(known) = self.edge_slots[node] {
            return known;
        }
        let Some(edge) = &boxes.edges[node] else { unreachable!("the root has no edge") };
        let split = edge.split as u32;
        let slot = match edge.previous {
            None => (split, !edge.left),
            Some(previous) => {
                let (a, flip) = self.edge(boxes, previous);
                self.ands.push(And { a, b: split, flip_a: mask(flip), flip_b: mask(!edge.left) });
                (self.slots() as u32 - 1, false)
            }
        };
        self.edge_slots[node] = Some(slot);
        slot
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

fn mask(flip: bool) -> u64 {
    if flip { u64::MAX } else { 0 }
}
