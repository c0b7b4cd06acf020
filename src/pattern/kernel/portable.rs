//! Plain Rust: correct everywhere, and what the compiler makes of it.

use super::super::block::{BLOCK, Op, RankBlock, STRIDE, WORDS, Word};
use super::super::program::{Lookup, Program};
use super::super::table::{LANES, Line, Panel};
use super::sweep::{Plain, apply};
use super::{Indices, Kernels, Offsets, tables};

pub(super) const KERNELS: Kernels = Kernels {
    run: |program, ranks, slots| run(program, ranks, slots),
    look_up: |lookup, ranks| look_up(lookup, ranks),
    index: |bits, slots| index(bits, slots),
    add: |panel, lines, offsets, out| add(panel, lines, offsets, out),
    walk: |walk, slots, reached, out| walk.add(slots, reached, out),
    sweep: |sweep, slots, features, scratch, out| apply::<Plain>(sweep, slots, features, scratch, out),
};

fn run(program: &Program, ranks: &RankBlock, slots: &mut Vec<Word>) {
    program.run(slots, |op| match op {
        Op::Narrow { column, cut } => at_most(ranks.narrow(*column), *cut),
        Op::Wide { column, cut } => at_most(ranks.wide(*column), *cut),
        Op::Union(members) => ranks.union(members),
    });
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
pub(super) fn look_up(lookup: &Lookup, ranks: &RankBlock) -> Indices {
    let (mut indices, mut holds, mut bit) = ([0; BLOCK], [u8::MAX; BLOCK], 1_u8);
    for term in &lookup.terms {
        let flip = if term.flip { u8::MAX } else { 0 };
        match &term.op {
            Op::Narrow { column, cut } => narrow(&mut holds, ranks.narrow(*column), *cut, flip),
            Op::Wide { column, cut } => narrow(&mut holds, ranks.wide(*column), *cut, flip),
            Op::Union(members) => {
                let word = ranks.union(members);
                for (row, hold) in holds.iter_mut().enumerate() {
                    *hold &= 0_u8.wrapping_sub((word[row / 64] >> (row % 64)) as u8 & 1) ^ flip;
                }
            }
        }
        if term.last {
            indices.iter_mut().zip(&mut holds).for_each(|(index, hold)| *index |= std::mem::replace(hold, u8::MAX) & bit);
            bit = bit.wrapping_shl(1);
        }
    }
    indices
}

/// Keeps the rows whose rank is ≤ `cut`, or is not where `flip` is all ones.
#[inline(always)]
fn narrow<R: Copy + PartialOrd>(holds: &mut Mask, ranks: &[R; BLOCK], cut: R, flip: u8) {
    holds.iter_mut().zip(ranks).for_each(|(hold, rank)| *hold &= 0_u8.wrapping_sub(u8::from(*rank <= cut)) ^ flip);
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
fn transpose(mut x: u64) -> u64 {
    for (shift, keep) in [(7, 0x00aa_00aa_00aa_00aa_u64), (14, 0x0000_cccc_0000_cccc), (28, 0x0000_0000_f0f0_f0f0)] {
        let swapped = (x ^ x >> shift) & keep;
        x ^= swapped ^ swapped << shift;
    }
    x
}

#[inline(always)]
fn add(panel: &Panel, lines: &[Line], offsets: &[Offsets], out: &mut [f64]) {
    let Some(((first, first_offsets), others)) = tables(panel, lines, offsets) else { return };
    for eight in (0..BLOCK).step_by(8) {
        let line = |lines: &[Line], offset: u16| lines[usize::from(offset) / LANES];
        let mut rows: [[f64; LANES]; 8] = std::array::from_fn(|row| line(first, first_offsets[eight + row]));
        for (lines, offsets) in others.clone() {
            for (row, offset) in rows.iter_mut().zip(&offsets[eight..eight + 8]) {
                row.iter_mut().zip(line(lines, *offset)).for_each(|(sum, value)| *sum += value);
            }
        }
        for (lane, column) in panel.columns.iter().enumerate() {
            let start = *column as usize * STRIDE + eight;
            out[start..start + 8].iter_mut().zip(&rows).for_each(|(out, row)| *out += row[lane]);
        }
    }
}
