//! Plain Rust: correct everywhere, and what the compiler makes of it.

use super::super::block::{BLOCK, Op, RankBlock, STRIDE, WORDS, Word};
use super::super::program::Program;
use super::super::table::Panel;
use super::sweep::{Plain, apply};
use super::{Indices, Kernels};

pub(super) const KERNELS: Kernels = Kernels {
    run: |program, ranks, slots| run(program, ranks, slots),
    index: |bits, slots| index(bits, slots),
    add: |panel, indices, out| add(panel, indices, out),
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
fn add(panel: &Panel, indices: &Indices, out: &mut [f64]) {
    for (eight, indices) in indices.chunks_exact(8).enumerate() {
        let lines: [&[f64; 8]; 8] = std::array::from_fn(|row| &panel.lines[usize::from(indices[row])].0);
        for (lane, column) in panel.columns.iter().enumerate() {
            let start = *column as usize * STRIDE + eight * 8;
            for (out, line) in out[start..start + 8].iter_mut().zip(lines) {
                *out += line[lane];
            }
        }
    }
}
