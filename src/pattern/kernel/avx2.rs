//! AVX2: 32 ranks a comparison, four lines transposed in registers.
#![expect(
    unsafe_code,
    reason = "vector loads and stores through pointers, each inside a bounds-checked array or slice, and the dispatch itself"
)]

use std::arch::x86_64::*;

use super::super::block::{BLOCK, Op, RankBlock, STRIDE, WORDS, Word};
use super::super::program::{Lookup, Program};
use super::super::sweep::Order;
use super::super::table::{Line, Panel};
use super::super::walk::{LeafWalk, Select, Waiting};
use super::{Indices, Kernels, check, portable, tables};

/// The kernels, if this machine runs them.
pub(super) fn kernels() -> Option<Kernels> {
    let has = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2");
    has.then_some(KERNELS)
}

// SAFETY of all: `kernels` hands them out only where the machine has the features.
const KERNELS: Kernels = Kernels {
    run: |program, ranks, slots| unsafe { run(program, ranks, slots) },
    look_up: |lookup, ranks, indices| unsafe { look_up(lookup, ranks, indices) },
    index: |bits, slots| unsafe { index(bits, slots) },
    add: |panel, lines, indices, out| unsafe { add(panel, lines, indices, out) },
    walk: |walk, ranks, waiting, out| unsafe { walk_rows(walk, ranks, waiting, out) },
    order: Order::Cases,
    sweep: |sweep, slots, words, features, scratch, out| unsafe {
        super::avx2_sweep::sweep_rows(sweep, slots, words, features, scratch, out)
    },
};

#[target_feature(enable = "avx2,bmi2")]
fn run(program: &Program, ranks: &RankBlock, slots: &mut Vec<Word>) {
    program.run(slots, |op| decide(op, ranks));
}

#[target_feature(enable = "avx2,bmi2")]
#[inline]
fn decide(op: &Op, ranks: &RankBlock) -> Word {
    match op {
        Op::Narrow { column, cut } => at_most_bytes(ranks.narrow(*column), *cut),
        Op::Wide { column, cut } => portable::at_most(ranks.wide(*column), *cut),
        Op::Union(members) => ranks.union(members),
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn at_most_bytes(ranks: &[u8; BLOCK], cut: u8) -> Word {
    let cut = _mm256_set1_epi8(cut.cast_signed());
    let mut word = [0; WORDS];
    for (half, ranks) in ranks.as_chunks::<32>().0.iter().enumerate() {
        // SAFETY: the chunk holds 32 bytes.
        let ranks = unsafe { _mm256_loadu_si256(ranks.as_ptr().cast()) };
        // rank ≤ cut exactly where min(rank, cut) = rank.
        let yes = _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(ranks, cut), ranks));
        word[half / 2] |= u64::from(yes.cast_unsigned()) << (half % 2 * 32);
    }
    word
}

#[target_feature(enable = "avx2,bmi2")]
fn look_up(lookup: &Lookup, ranks: &RankBlock, indices: &mut Indices) {
    portable::look_up(lookup, ranks, indices);
}

#[target_feature(enable = "avx2,bmi2")]
fn index(bits: &[u32], slots: &[Word]) -> Indices {
    portable::index(bits, slots)
}

#[target_feature(enable = "avx2,bmi2")]
fn add(panel: &Panel, lines: &[Line], indices: &[Indices], out: &mut [f64]) {
    let Some(((first, first_indices), others)) = tables(panel, lines, indices) else { return };
    check(first, first_indices);
    others.clone().for_each(|(lines, indices)| check(lines, indices));
    let columns = panel.columns.map(|column| column as usize * STRIDE);
    assert!(columns.iter().all(|start| start + BLOCK <= out.len()));
    for (four, indices) in first_indices.as_chunks::<4>().0.iter().enumerate() {
        // SAFETY of all loads: all indices were checked above.
        let mut low = indices.map(|index| unsafe { load::<0>(first, index) });
        let mut high = indices.map(|index| unsafe { load::<4>(first, index) });
        for (lines, indices) in others.clone() {
            for (row, index) in indices.as_chunks::<4>().0[four].iter().enumerate() {
                low[row] = _mm256_add_pd(low[row], unsafe { load::<0>(lines, *index) });
                high[row] = _mm256_add_pd(high[row], unsafe { load::<4>(lines, *index) });
            }
        }
        for (start, sums) in columns.iter().zip(transpose(low).into_iter().chain(transpose(high))) {
            // SAFETY: four rows from start + 4·four end within the column's BLOCK rows, which the assertion above found in `out`.
            unsafe {
                let place = out.as_mut_ptr().add(start + four * 4);
                _mm256_storeu_pd(place, _mm256_add_pd(_mm256_loadu_pd(place), sums));
            }
        }
    }
}

/// Four values of the line at an index, from the first or the fifth on.
///
/// # Safety
/// The index is that of one of the lines.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn load<const FIRST: usize>(lines: &[Line], index: u8) -> __m256d {
    // SAFETY: a line holds eight f64.
    unsafe { _mm256_loadu_pd(lines.as_ptr().add(usize::from(index)).cast::<f64>().add(FIRST)) }
}

/// Transposes 4 × 4: row vectors of four columns to column vectors of four rows.
#[target_feature(enable = "avx2")]
#[inline]
fn transpose(rows: [__m256d; 4]) -> [__m256d; 4] {
    let [r0, r1, r2, r3] = rows;
    let (e0, e1) = (_mm256_unpacklo_pd(r0, r1), _mm256_unpacklo_pd(r2, r3));
    let (o0, o1) = (_mm256_unpackhi_pd(r0, r1), _mm256_unpackhi_pd(r2, r3));
    [
        _mm256_permute2f128_pd(e0, e1, 0x20),
        _mm256_permute2f128_pd(o0, o1, 0x20),
        _mm256_permute2f128_pd(e0, e1, 0x31),
        _mm256_permute2f128_pd(o0, o1, 0x31),
    ]
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn walk_rows(walk: &LeafWalk, ranks: &RankBlock, waiting: &mut Waiting, out: &mut [f64]) {
    let select = |selects: &[Select], leaves: &mut Vec<Indices>| portable::select(selects, ranks, leaves);
    walk.add(waiting, select, |op, here| portable::both(here, decide(op, ranks)), out);
}
