//! AVX-512 (F, BW): 64 ranks a comparison, eight lines transposed in registers.
#![expect(
    unsafe_code,
    reason = "vector loads and stores through pointers, each inside a bounds-checked array or slice, and the dispatch itself"
)]

use std::arch::x86_64::*;

use super::super::block::{BLOCK, Op, RankBlock, STRIDE, WORDS, Word};
use super::super::program::{Lookup, Program};
use super::super::table::{Line, Panel};
use super::super::walk::LeafWalk;
use super::{Indices, Kernels, Offsets, check, tables};

/// The kernels, if this machine runs them.
pub(super) fn kernels() -> Option<Kernels> {
    let has = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2");
    has.then_some(KERNELS)
}

// SAFETY of all: `kernels` hands them out only where the machine has the features.
const KERNELS: Kernels = Kernels {
    run: |program, ranks, slots| unsafe { run(program, ranks, slots) },
    look_up: |lookup, ranks| unsafe { look_up(lookup, ranks) },
    index: |bits, slots| unsafe { index(bits, slots) },
    add: |panel, lines, offsets, out| unsafe { add(panel, lines, offsets, out) },
    walk: |walk, slots, reached, out| unsafe { walk_rows(walk, slots, reached, out) },
    sweep: |sweep, slots, features, scratch, out| unsafe { super::avx512_sweep::sweep_rows(sweep, slots, features, scratch, out) },
};

#[target_feature(enable = "avx512f,avx512bw")]
fn run(program: &Program, ranks: &RankBlock, slots: &mut Vec<Word>) {
    program.run(slots, |op| match op {
        Op::Narrow { column, cut } => at_most_bytes(ranks.narrow(*column), *cut),
        Op::Wide { column, cut } => at_most_shorts(ranks.wide(*column), *cut),
        Op::Union(members) => ranks.union(members),
    });
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn at_most_bytes(ranks: &[u8; BLOCK], cut: u8) -> Word {
    let cut = _mm512_set1_epi8(cut.cast_signed());
    let mut word = [0; WORDS];
    for (word, ranks) in word.iter_mut().zip(ranks.as_chunks::<64>().0) {
        // SAFETY: the chunk holds 64 bytes.
        let ranks = unsafe { _mm512_loadu_si512(ranks.as_ptr().cast()) };
        *word = _mm512_cmple_epu8_mask(ranks, cut);
    }
    word
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn at_most_shorts(ranks: &[u16; BLOCK], cut: u16) -> Word {
    let cut = _mm512_set1_epi16(cut.cast_signed());
    let mut word = [0; WORDS];
    for (half, ranks) in ranks.as_chunks::<32>().0.iter().enumerate() {
        // SAFETY: the chunk holds 64 bytes.
        let ranks = unsafe { _mm512_loadu_si512(ranks.as_ptr().cast()) };
        word[half / 2] |= u64::from(_mm512_cmple_epu16_mask(ranks, cut)) << (half % 2 * 32);
    }
    word
}

#[target_feature(enable = "avx512f,avx512bw")]
fn look_up(lookup: &Lookup, ranks: &RankBlock) -> Indices {
    let (mut sums, mut holds, mut bit) = ([_mm512_setzero_si512(); WORDS], [u64::MAX; WORDS], _mm512_set1_epi8(1));
    for term in &lookup.terms {
        let flip = if term.flip { u64::MAX } else { 0 };
        let answers = match &term.op {
            Op::Narrow { column, cut } => at_most_bytes(ranks.narrow(*column), *cut),
            Op::Wide { column, cut } => at_most_shorts(ranks.wide(*column), *cut),
            Op::Union(members) => ranks.union(members),
        };
        holds.iter_mut().zip(answers).for_each(|(hold, answer)| *hold &= answer ^ flip);
        if term.last {
            for (sum, hold) in sums.iter_mut().zip(&mut holds) {
                *sum = _mm512_mask_add_epi8(*sum, *hold, *sum, bit);
                *hold = u64::MAX;
            }
            bit = _mm512_add_epi8(bit, bit);
        }
    }
    bytes(sums)
}

#[target_feature(enable = "avx512f,avx512bw")]
fn index(bits: &[u32], slots: &[Word]) -> Indices {
    let mut sums = [_mm512_setzero_si512(); WORDS];
    for (k, slot) in bits.iter().enumerate() {
        let bit = _mm512_set1_epi8((1_u8 << k).cast_signed());
        let words = &slots[*slot as usize];
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum = _mm512_mask_add_epi8(*sum, *word, *sum, bit);
        }
    }
    bytes(sums)
}

#[target_feature(enable = "avx512f,avx512bw")]
fn add(panel: &Panel, lines: &[Line], offsets: &[Offsets], out: &mut [f64]) {
    let Some(((first, first_offsets), others)) = tables(panel, lines, offsets) else { return };
    check(first, first_offsets);
    others.clone().for_each(|(lines, offsets)| check(lines, offsets));
    let columns = panel.columns.map(|column| column as usize * STRIDE);
    assert!(columns.iter().all(|start| start + BLOCK <= out.len()));
    for (eight, offsets) in first_offsets.as_chunks::<8>().0.iter().enumerate() {
        // SAFETY of both loads: all offsets were checked above.
        let mut rows = offsets.map(|offset| unsafe { load(first, offset) });
        for (lines, offsets) in others.clone() {
            let offsets = &offsets.as_chunks::<8>().0[eight];
            rows.iter_mut().zip(offsets).for_each(|(row, offset)| *row = _mm512_add_pd(*row, unsafe { load(lines, *offset) }));
        }
        for (start, sums) in columns.iter().zip(transpose(rows)) {
            // SAFETY: eight rows from start + 8·eight end within the column's BLOCK rows, which the assertion above found in `out`.
            unsafe {
                let place = out.as_mut_ptr().add(start + eight * 8);
                _mm512_storeu_pd(place, _mm512_add_pd(_mm512_loadu_pd(place), sums));
            }
        }
    }
}

/// The line at an offset.
///
/// # Safety
/// The offset is that of one of the lines.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn load(lines: &[Line], offset: u16) -> __m512d {
    // SAFETY: a line holds eight f64 and starts at a multiple of eight values.
    unsafe { _mm512_loadu_pd(lines.as_ptr().cast::<f64>().add(usize::from(offset))) }
}

/// Transposes 8 × 8: row vectors of eight columns to column vectors of eight rows.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose(rows: [__m512d; 8]) -> [__m512d; 8] {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    // Pairs of rows: even columns, odd columns.
    let even = [_mm512_unpacklo_pd(r0, r1), _mm512_unpacklo_pd(r2, r3), _mm512_unpacklo_pd(r4, r5), _mm512_unpacklo_pd(r6, r7)];
    let odd = [_mm512_unpackhi_pd(r0, r1), _mm512_unpackhi_pd(r2, r3), _mm512_unpackhi_pd(r4, r5), _mm512_unpackhi_pd(r6, r7)];
    let [c0, c2, c4, c6] = transpose_lanes(even);
    let [c1, c3, c5, c7] = transpose_lanes(odd);
    [c0, c1, c2, c3, c4, c5, c6, c7]
}

/// Transposes 4 × 4 lanes of 128 bits.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose_lanes(v: [__m512d; 4]) -> [__m512d; 4] {
    let low = [_mm512_shuffle_f64x2(v[0], v[1], 0x88), _mm512_shuffle_f64x2(v[2], v[3], 0x88)];
    let high = [_mm512_shuffle_f64x2(v[0], v[1], 0xdd), _mm512_shuffle_f64x2(v[2], v[3], 0xdd)];
    [
        _mm512_shuffle_f64x2(low[0], low[1], 0x88),
        _mm512_shuffle_f64x2(high[0], high[1], 0x88),
        _mm512_shuffle_f64x2(low[0], low[1], 0xdd),
        _mm512_shuffle_f64x2(high[0], high[1], 0xdd),
    ]
}

/// Notes every row's leaf in a byte, 64 rows an instruction, then looks its value up.
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
fn walk_rows(walk: &LeafWalk, slots: &[Word], reached: &mut Vec<Word>, out: &mut [f64]) {
    let Some(narrow) = walk.narrow() else { return walk.add(slots, reached, out) };
    let mut leaves = [_mm512_setzero_si512(); WORDS];
    walk.visit(slots, reached, |leaf, here| {
        let leaf = _mm512_set1_epi8((leaf as u8).cast_signed());
        leaves.iter_mut().zip(here).for_each(|(leaves, here)| *leaves = _mm512_mask_mov_epi8(*leaves, *here, leaf));
    });
    narrow.add(&bytes(leaves), out);
}

/// Vectors of bytes as an array.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn bytes(vectors: [__m512i; WORDS]) -> [u8; BLOCK] {
    let mut bytes = [0; BLOCK];
    for (bytes, vector) in bytes.as_chunks_mut::<64>().0.iter_mut().zip(vectors) {
        // SAFETY: the chunk holds 64 bytes.
        unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), vector) };
    }
    bytes
}
