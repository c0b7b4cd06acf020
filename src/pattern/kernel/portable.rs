//! Plain Rust: correct everywhere, and what the compiler makes of it.

use super::super::block::{BLOCK, Op, RankBlock, STRIDE, WORDS, Word};
use super::super::program::{Lookup, Program, Range, Test, Tests};
use super::super::sweep::Order;
use super::super::table::{LANES, Line, Panel};
use super::super::walk::{LeafWalk, Select, Sides, Waiting};
use super::sweep::{Plain, apply};
use super::{Indices, Kernels, tables};

pub(super) const KERNELS: Kernels = Kernels {
    run: |program, ranks, slots| run(program, ranks, slots),
    look_up: |lookup, ranks, indices| look_up(lookup, ranks, indices),
    index: |bits, slots| index(bits, slots),
    add: |panel, lines, indices, out| add(panel, lines, indices, out),
    walk: |walk, ranks, waiting, out| walk_rows(walk, ranks, waiting, out),
    order: Order::Nodes,
    sweep: |sweep, slots, words, features, scratch, out| apply::<Plain>(sweep, slots, words, features, scratch, out),
};

fn run(program: &Program, ranks: &RankBlock, slots: &mut Vec<Word>) {
    program.run(slots, |op| decide(op, ranks));
}

/// One bit a row: does it pass a test?
#[inline(always)]
fn decide(op: &Op, ranks: &RankBlock) -> Word {
    match op {
        Op::Narrow { column, cut } => at_most(ranks.narrow(*column), *cut),
        Op::Wide { column, cut } => at_most(ranks.wide(*column), *cut),
        Op::Union(members) => ranks.union(members),
    }
}

/// One bit a row: is its rank ≤ `cut`?
#[inline(always)]
pub(super) fn at_most<R: Copy + PartialOrd>(ranks: &[R; BLOCK], cut: R) -> Word {
    let mut word = [0; WORDS];
    for (eight, ranks) in ranks.chunks_exact(8).enumerate() {
        let bits = ranks.iter().enumerate().fold(0, |bits, (row, rank)| bits | u64::from(*rank <= cut) << row);
        word[eight / 8] |= bits << (eight % 8 * 8);
    }
    word
}

/// A byte a row: all ones where a term holds.
type Mask = [u8; BLOCK];

#[inline(always)]
pub(super) fn look_up(lookup: &Lookup, ranks: &RankBlock, indices: &mut Indices) {
    *indices = [0; BLOCK];
    match &lookup.tests {
        Tests::Ranges(ranges) => {
            for (bit, range) in ranges[..lookup.bits].iter().enumerate() {
                indices.iter_mut().zip(ranks.narrow(range.column)).for_each(|(index, rank)| *index |= within(*rank, range) & 1 << bit);
            }
        }
        Tests::Terms(terms) => {
            let (mut holds, mut bit) = ([u8::MAX; BLOCK], 1_u8);
            for term in terms {
                hold(&mut holds, &term.test, ranks);
                if term.last {
                    indices.iter_mut().zip(&mut holds).for_each(|(index, hold)| *index |= std::mem::replace(hold, u8::MAX) & bit);
                    bit = bit.wrapping_shl(1);
                }
            }
        }
    }
}

/// Keeps the rows that pass a test.
#[inline(always)]
fn hold(holds: &mut Mask, test: &Test, ranks: &RankBlock) {
    match test {
        Test::Narrow(range) => holds.iter_mut().zip(ranks.narrow(range.column)).for_each(|(hold, rank)| *hold &= within(*rank, range)),
        Test::Wide(Range { column, first, width }) => {
            let within = |rank: u16| 0_u8.wrapping_sub(u8::from(rank.wrapping_sub(*first) <= *width));
            holds.iter_mut().zip(ranks.wide(*column)).for_each(|(hold, rank)| *hold &= within(*rank));
        }
        Test::Union { members, none } => {
            let (word, none) = (ranks.union(members), u8::from(*none));
            let member = |row: usize| (word[row / 64] >> (row % 64)) as u8 & 1;
            holds.iter_mut().enumerate().for_each(|(row, hold)| *hold &= 0_u8.wrapping_sub(member(row) ^ none));
        }
    }
}

/// All ones where a rank lies in a range.
#[inline(always)]
fn within(rank: u8, range: &Range<u8>) -> u8 {
    0_u8.wrapping_sub(u8::from(rank.wrapping_sub(range.first) <= range.width))
}

#[inline(always)]
pub(super) fn index(bits: &[u32], slots: &[Word]) -> Indices {
    let mut indices = [0; BLOCK];
    for (eight, indices) in indices.chunks_exact_mut(8).enumerate() {
        let (word, shift) = (eight / 8, eight % 8 * 8);
        let rows = bits.iter().enumerate().fold(0_u64, |rows, (k, slot)| rows | (slots[*slot as usize][word] >> shift & 0xff) << (8 * k));
        indices.copy_from_slice(&transpose(rows).to_le_bytes());
    }
    indices
}

/// Transposes an 8 × 8 bit matrix: bit `j` of byte `i` becomes bit `i` of byte `j` (Warren, Hacker's Delight, 7-3).
#[inline(always)]
pub(super) fn transpose(mut x: u64) -> u64 {
    for (shift, keep) in [(7, 0x00aa_00aa_00aa_00aa_u64), (14, 0x0000_cccc_0000_cccc), (28, 0x0000_0000_f0f0_f0f0)] {
        let swapped = (x ^ x >> shift) & keep;
        x ^= swapped ^ swapped << shift;
    }
    x
}

#[inline(always)]
fn add(panel: &Panel, lines: &[Line], indices: &[Indices], out: &mut [f64]) {
    let Some(((first, first_indices), others)) = tables(panel, lines, indices) else { return };
    for eight in (0..BLOCK).step_by(8) {
        let line = |lines: &[Line], index: u8| lines[usize::from(index)];
        let mut rows: [[f64; LANES]; 8] = std::array::from_fn(|row| line(first, first_indices[eight + row]));
        for (lines, indices) in others.clone() {
            for (row, index) in rows.iter_mut().zip(&indices[eight..eight + 8]) {
                row.iter_mut().zip(line(lines, *index)).for_each(|(sum, value)| *sum += value);
            }
        }
        for (lane, column) in panel.columns.iter().enumerate() {
            let start = *column as usize * STRIDE + eight;
            out[start..start + 8].iter_mut().zip(&rows).for_each(|(out, row)| *out += row[lane]);
        }
    }
}

fn walk_rows(walk: &LeafWalk, ranks: &RankBlock, waiting: &mut Waiting, out: &mut [f64]) {
    walk.add(waiting, |selects, leaves| select(selects, ranks, leaves), |op, here| both(here, decide(op, ranks)), out);
}

/// Every row's leaf.
#[inline(always)]
pub(super) fn select(selects: &[Select], ranks: &RankBlock, waiting: &mut Vec<Indices>) -> Indices {
    waiting.clear();
    let mut last = [0; BLOCK];
    for Select { column, cut, from } in selects {
        let pass = ranks.narrow(*column).map(|rank| 0_u8.wrapping_sub(u8::from(rank <= *cut)));
        match *from {
            Sides::Leaves(left, right) => {
                waiting.push(last);
                last = pass.map(|pass| left & pass | right & !pass);
            }
            Sides::LeftLeaf(left) => last.iter_mut().zip(pass).for_each(|(last, pass)| *last = left & pass | *last & !pass),
            Sides::RightLeaf(right) => last.iter_mut().zip(pass).for_each(|(last, pass)| *last = *last & pass | right & !pass),
            Sides::Neither => {
                let left = waiting.pop().unwrap_or([0; BLOCK]);
                last.iter_mut().zip(left).zip(pass).for_each(|((last, left), pass)| *last = left & pass | *last & !pass);
            }
        }
    }
    last
}

/// The bits that are set in two words.
#[inline(always)]
pub(super) fn both(one: &Word, two: Word) -> Word {
    std::array::from_fn(|word| one[word] & two[word])
}
