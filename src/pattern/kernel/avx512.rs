//! AVX-512 (F, BW): 64 ranks a comparison, eight lines transposed in registers.
#![expect(
    unsafe_code,
    reason = "vector loads and stores through pointers, each inside a bounds-checked array or slice, and the dispatch itself"
)]

use std::arch::x86_64::*;

use super::super::block::{BLOCK, Op, RankBlock, STRIDE, WORDS, Word};
use super::super::program::{Lookup, Program, Range, Test, Tests};
use super::super::sweep::Order;
use super::super::table::{Line, Panel};
use super::super::walk::{LeafWalk, Select, Sides, Waiting};
use super::{Indices, Kernels, check, portable, tables};

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
    look_up: |lookup, ranks, indices| unsafe { look_up(lookup, ranks, indices) },
    index: |bits, slots| unsafe { index(bits, slots) },
    add: |panel, lines, indices, out| unsafe { add(panel, lines, indices, out) },
    walk: |walk, ranks, waiting, out| unsafe { walk_rows(walk, ranks, waiting, out) },
    order: Order::Cases,
    sweep: |sweep, slots, words, features, scratch, out| unsafe {
        super::avx512_sweep::sweep_rows(sweep, slots, words, features, scratch, out)
    },
};

#[target_feature(enable = "avx512f,avx512bw")]
fn run(program: &Program, ranks: &RankBlock, slots: &mut Vec<Word>) {
    program.run(slots, |op| decide(op, ranks, &[u64::MAX; WORDS]));
}

/// Which of some rows pass a test.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn decide(op: &Op, ranks: &RankBlock, here: &Word) -> Word {
    match op {
        Op::Narrow { column, cut } => within_bytes(ranks.narrow(*column), 0, *cut, here),
        Op::Wide { column, cut } => within_shorts(ranks.wide(*column), 0, *cut, here),
        Op::Union(members) => portable::both(here, ranks.union(members)),
    }
}

/// Which of some rows have a rank from `first` to `first + width`.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn within_bytes(ranks: &[u8; BLOCK], first: u8, width: u8, here: &Word) -> Word {
    let (first, width) = (_mm512_set1_epi8(first.cast_signed()), _mm512_set1_epi8(width.cast_signed()));
    let mut word = *here;
    for (word, ranks) in word.iter_mut().zip(ranks.as_chunks::<64>().0) {
        *word = _mm512_mask_cmple_epu8_mask(*word, _mm512_sub_epi8(load_bytes(ranks), first), width);
    }
    word
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn within_shorts(ranks: &[u16; BLOCK], first: u16, width: u16, here: &Word) -> Word {
    let (first, width) = (_mm512_set1_epi16(first.cast_signed()), _mm512_set1_epi16(width.cast_signed()));
    let mut word = [0; WORDS];
    for (half, ranks) in ranks.as_chunks::<32>().0.iter().enumerate() {
        // SAFETY: the chunk holds 64 bytes.
        let ranks = unsafe { _mm512_loadu_si512(ranks.as_ptr().cast()) };
        word[half / 2] |= u64::from(_mm512_cmple_epu16_mask(_mm512_sub_epi16(ranks, first), width)) << (half % 2 * 32);
    }
    portable::both(here, word)
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn load_bytes(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: there are 64 bytes.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn look_up(lookup: &Lookup, ranks: &RankBlock, indices: &mut Indices) {
    let mut sums = [_mm512_setzero_si512(); WORDS];
    match &lookup.tests {
        Tests::Ranges(ranges) => {
            for (bit, Range { column, first, width }) in ranges.iter().enumerate() {
                let (first, width) = (_mm512_set1_epi8(first.cast_signed()), _mm512_set1_epi8(width.cast_signed()));
                let bit = _mm512_set1_epi8((1_u8 << bit).cast_signed());
                for (sum, ranks) in sums.iter_mut().zip(ranks.narrow(*column).as_chunks::<64>().0) {
                    let holds = _mm512_cmple_epu8_mask(_mm512_sub_epi8(load_bytes(ranks), first), width);
                    *sum = _mm512_mask_add_epi8(*sum, holds, *sum, bit);
                }
            }
            // All eight bits always, as a number that varies would be guessed wrong; those beyond the last are none.
            let bits = _mm512_set1_epi8((lookup.indices() - 1) as i8);
            sums.iter_mut().for_each(|sum| *sum = _mm512_and_si512(*sum, bits));
        }
        Tests::Terms(terms) => {
            let (mut holds, mut bit) = ([u64::MAX; WORDS], _mm512_set1_epi8(1));
            for term in terms {
                holds = match &term.test {
                    Test::Narrow(Range { column, first, width }) => within_bytes(ranks.narrow(*column), *first, *width, &holds),
                    Test::Wide(Range { column, first, width }) => within_shorts(ranks.wide(*column), *first, *width, &holds),
                    Test::Union { members, none } => {
                        let flip = if *none { u64::MAX } else { 0 };
                        portable::both(&holds, ranks.union(members).map(|word| word ^ flip))
                    }
                };
                if term.last {
                    for (sum, hold) in sums.iter_mut().zip(&mut holds) {
                        *sum = _mm512_mask_add_epi8(*sum, *hold, *sum, bit);
                        *hold = u64::MAX;
                    }
                    bit = _mm512_add_epi8(bit, bit);
                }
            }
        }
    }
    *indices = bytes(sums);
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
fn add(panel: &Panel, lines: &[Line], indices: &[Indices], out: &mut [f64]) {
    let Some(((first, first_indices), others)) = tables(panel, lines, indices) else { return };
    check(first, first_indices);
    others.clone().for_each(|(lines, indices)| check(lines, indices));
    let columns = panel.columns.map(|column| column as usize * STRIDE);
    assert!(columns.iter().all(|start| start + BLOCK <= out.len()));
    // Twice eight rows a turn, so that the columns' places are fetched half as often.
    for (turn, indices) in first_indices.as_chunks::<16>().0.iter().enumerate() {
        let mut rows = [[_mm512_setzero_pd(); 8]; 2];
        // SAFETY of both calls: all indices were checked above.
        unsafe { each_line(first, indices, &mut rows, |_, line| line) };
        for (lines, indices) in others.clone() {
            unsafe { each_line(lines, &indices.as_chunks::<16>().0[turn], &mut rows, |sum, line| _mm512_add_pd(sum, line)) };
        }
        let [low, high] = [transpose(rows[0]), transpose(rows[1])];
        for ((start, low), high) in columns.iter().zip(low).zip(high) {
            // SAFETY: sixteen rows from start + 16·turn end within the column's BLOCK rows, which the assertion above found in `out`.
            unsafe {
                let place = out.as_mut_ptr().add(start + turn * 16);
                _mm512_storeu_pd(place, _mm512_add_pd(_mm512_loadu_pd(place), low));
                _mm512_storeu_pd(place.add(8), _mm512_add_pd(_mm512_loadu_pd(place.add(8)), high));
            }
        }
    }
}

/// Takes the line of each of sixteen rows into its sum.
///
/// # Safety
/// The indices are those of lines.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn each_line(lines: &[Line], indices: &[u8; 16], rows: &mut [[__m512d; 8]; 2], take: impl Fn(__m512d, __m512d) -> __m512d) {
    for (rows, indices) in rows.iter_mut().zip(indices.as_chunks::<8>().0) {
        // One load for eight indices: loads of single bytes would compete with those of lines.
        let mut word = u64::from_le_bytes(*indices);
        for row in rows {
            // SAFETY: the index is that of a line, as the caller promises.
            *row = take(*row, unsafe { load(lines, (word & 0xff) as usize) });
            word >>= 8;
        }
    }
}

/// The line at an index.
///
/// # Safety
/// The index is that of one of the lines.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn load(lines: &[Line], index: usize) -> __m512d {
    // SAFETY: a line holds eight f64.
    unsafe { _mm512_loadu_pd(lines.as_ptr().add(index).cast::<f64>()) }
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

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
fn walk_rows(walk: &LeafWalk, ranks: &RankBlock, waiting: &mut Waiting, out: &mut [f64]) {
    walk.add(waiting, |selects, leaves| select(selects, ranks, leaves), |op, here| decide(op, ranks, here), out);
}

/// Every row's leaf, 64 rows an instruction.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn select(selects: &[Select], ranks: &RankBlock, waiting: &mut Vec<Indices>) -> Indices {
    waiting.clear();
    let mut last = [_mm512_setzero_si512(); WORDS];
    for Select { column, cut, from } in selects {
        let (ranks, cut) = (ranks.narrow(*column).as_chunks::<64>().0, _mm512_set1_epi8(cut.cast_signed()));
        let (mut left, mut right) = (last, last);
        match *from {
            Sides::Leaves(of_left, of_right) => {
                waiting.push(bytes(last));
                left = [_mm512_set1_epi8(of_left.cast_signed()); WORDS];
                right = [_mm512_set1_epi8(of_right.cast_signed()); WORDS];
            }
            Sides::LeftLeaf(leaf) => left = [_mm512_set1_epi8(leaf.cast_signed()); WORDS],
            Sides::RightLeaf(leaf) => right = [_mm512_set1_epi8(leaf.cast_signed()); WORDS],
            Sides::Neither => {
                let known = waiting.pop().unwrap_or([0; BLOCK]);
                for (left, known) in left.iter_mut().zip(known.as_chunks::<64>().0) {
                    *left = load_bytes(known);
                }
            }
        }
        for word in 0..WORDS {
            last[word] = _mm512_mask_mov_epi8(right[word], _mm512_cmple_epu8_mask(load_bytes(&ranks[word]), cut), left[word]);
        }
    }
    bytes(last)
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
