//! A tree compiled to word operations: decisions of its splits, merged path conditions, and the bits of its groups' indices.

use std::ops::{Add, Sub};

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
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    /// Bits of the index, at most eight.
    pub bits: usize,
    /// What sets them.
    pub tests: Tests,
}

/// The tests of an index's bits, bits from the lowest.
#[derive(Clone, Debug)]
pub(super) enum Tests {
    /// One range of a byte column a bit, as for most groups; those beyond the last bit say nothing.
    Ranges([Range<u8>; MOST_BITS]),
    /// Any tests.
    Terms(Vec<Term>),
}

/// Most bits of an index.
const MOST_BITS: usize = 8;

/// Ranks of a column from `first` to `first + width`: where `rank − first`, wrapping, is at most `width`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range<R> {
    pub column: u32,
    pub first: R,
    pub width: R,
}

impl<R: Copy + Ord + Add<Output = R> + Sub<Output = R>> Range<R> {
    fn new(column: u32, first: R, last: R) -> Option<Self> {
        (first <= last).then(|| Self { column, first, width: last - first })
    }

    /// The ranks in both, of one column.
    fn and(&self, other: &Self) -> Option<Self> {
        Self::new(self.column, self.first.max(other.first), (self.first + self.width).min(other.first + other.width))
    }
}

/// One test of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// Of a byte column.
    Narrow(Range<u8>),
    /// Of a u16 column.
    Wide(Range<u16>),
    /// In any of these membership words, or in none of them.
    Union { members: Box<[u32]>, none: bool },
}

/// A bit of an index is set where all its terms hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    pub test: Test,
    /// Whether the next term is of the next bit.
    pub last: bool,
}

impl Default for Lookup {
    /// The only index of a group without bits.
    fn default() -> Self {
        Self { bits: 0, tests: Tests::Terms(Vec::new()) }
    }
}

impl Lookup {
    /// From the tests of each bit, at least one each.
    fn new(bits: &[Vec<Test>]) -> Self {
        let ranges = bits.iter().map(|tests| match tests[..] {
            [Test::Narrow(range)] => Some(range),
            _ => None,
        });
        let ranges: Option<Vec<Range<u8>>> = ranges.collect();
        let tests = match ranges.as_deref() {
            Some(ranges @ [.., last]) => Tests::Ranges(std::array::from_fn(|bit| *ranges.get(bit).unwrap_or(last))),
            _ => Tests::Terms(bits.iter().flat_map(|tests| terms(tests)).collect()),
        };
        Self { bits: bits.len(), tests }
    }

    /// Number of indices.
    pub(super) fn indices(&self) -> usize {
        1 << self.bits
    }
}

/// The terms of one bit.
fn terms(tests: &[Test]) -> impl Iterator<Item = Term> {
    tests.iter().enumerate().map(|(number, test)| Term { test: test.clone(), last: number + 1 == tests.len() })
}

impl Test {
    /// That no row passes.
    fn never() -> Self {
        Self::Union { members: Box::default(), none: false }
    }

    /// Of the rows that a question sends left, or right.
    fn new(op: &Op, left: bool) -> Self {
        match op {
            Op::Narrow { column, cut } => {
                let (first, last) = if left { (Some(0), *cut) } else { (cut.checked_add(1), u8::MAX) };
                first.and_then(|first| Range::new(*column, first, last)).map_or_else(Self::never, Self::Narrow)
            }
            Op::Wide { column, cut } => {
                let (first, last) = if left { (Some(0), *cut) } else { (cut.checked_add(1), u16::MAX) };
                first.and_then(|first| Range::new(*column, first, last)).map_or_else(Self::never, Self::Wide)
            }
            Op::Union(members) => Self::Union { members: members.clone(), none: !left },
        }
    }

    /// Both tests in one, where one can say it.
    fn and(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Narrow(one), Self::Narrow(two)) if one.column == two.column => Some(one.and(two).map_or_else(Self::never, Self::Narrow)),
            (Self::Wide(one), Self::Wide(two)) if one.column == two.column => Some(one.and(two).map_or_else(Self::never, Self::Wide)),
            (one, two) => (one == two).then(|| one.clone()),
        }
    }
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
        let bits = group.bits.iter().map(|bit| {
            let slot = match bit {
                Bit::Split(split) => *split as u32,
                Bit::Edge(node) => self.edge(boxes, *node).0,
            };
            self.tests(slot)
        });
        Lookup::new(&bits.collect::<Vec<_>>())
    }

    /// The tests of a slot, all of which must hold.
    fn tests(&self, slot: u32) -> Vec<Test> {
        let mut tests = Vec::new();
        let (mut slot, mut flip) = (slot, false);
        while let Some(and) = (slot as usize).checked_sub(self.ops.len()) {
            let And { a, b, flip_a, flip_b } = self.ands[and];
            demand(&mut tests, Test::new(&self.ops[b as usize], flip_b == 0));
            (slot, flip) = (a, flip_a != 0);
        }
        demand(&mut tests, Test::new(&self.ops[slot as usize], !flip));
        tests
    }

    /// The question of a slot.
    pub(super) fn op(&self, slot: usize) -> &Op {
        &self.ops[slot]
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
                next = boxes.edge(node).previous;
            }
        }
        for node in unknown.into_iter().rev() {
            let edge = boxes.edge(node);
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

/// Adds a test to those that must hold, within one of them where that can be.
fn demand(tests: &mut Vec<Test>, test: Test) {
    match tests.iter_mut().find_map(|known| known.and(&test).map(|both| (known, both))) {
        Some((known, both)) => *known = both,
        None => tests.push(test),
    }
}

fn mask(flip: bool) -> u64 {
    if flip { u64::MAX } else { 0 }
}
