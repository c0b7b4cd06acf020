//! The sweep with AVX2: cases select by mask, tables of eight cases are looked up in two registers of four.
#![expect(unsafe_code, reason = "vector loads and stores through pointers into arrays of four f64")]

use std::arch::x86_64::*;

use super::super::block::{STRIDE, Word};
use super::super::sweep::{BITS, CASES, LANES, Sweep};
use super::Scratch;
use super::sweep::{Crossing, Edge, Lanes, Steps, VECTORS, apply, count};

/// Rows of a register; [`LANES`] is twice as many.
const HALF: usize = LANES / 2;

#[target_feature(enable = "avx2,bmi2")]
pub(super) fn sweep_rows(sweep: &Sweep, slots: &[Word], words: usize, features: usize, scratch: &mut Scratch, out: &mut [f64]) {
    apply::<Avx2>(sweep, slots, words, features, scratch, out);
}

/// Runs only inside [`sweep_rows`], so only where the machine has AVX2.
struct Avx2;

impl Steps for Avx2 {
    #[inline(always)]
    fn down<const Q: usize>(edge: &Edge<'_>, products: &[Lanes], below: &mut [Lanes]) {
        // SAFETY: only `sweep_rows` gets here.
        unsafe { down::<Q>(edge, products, below) };
    }

    #[inline(always)]
    fn bottom<const Q: usize>(bottom: &Crossing<'_>, first: bool, products: &[Lanes], sums: &mut [Lanes], out: &mut [f64]) {
        // SAFETY: only `sweep_rows` gets here.
        unsafe { cross::<Q>(bottom, first, products, sums, out) };
    }

    #[inline(always)]
    fn up<const Q: usize>(edge: &Edge<'_>, first: bool, below: &[Lanes], sums: &mut [Lanes], out: &mut [f64; 64]) {
        // SAFETY: only `sweep_rows` gets here.
        unsafe { up::<Q>(edge, first, below, sums, out) };
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(values: &[f64; HALF]) -> __m256d {
    // SAFETY: four f64.
    unsafe { _mm256_loadu_pd(values.as_ptr()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store(values: &mut [f64; HALF], lanes: __m256d) {
    // SAFETY: four f64.
    unsafe { _mm256_storeu_pd(values.as_mut_ptr(), lanes) };
}

/// Four rows of a node's lanes.
#[inline(always)]
fn part(lanes: &Lanes, four: usize) -> &[f64; HALF] {
    &lanes[four / 2].as_chunks().0[four % 2]
}

/// Four rows of a node's lanes.
#[inline(always)]
fn part_mut(lanes: &mut Lanes, four: usize) -> &mut [f64; HALF] {
    &mut lanes[four / 2].as_chunks_mut().0[four % 2]
}

/// All bits set in the rows of a group of four whose bit is set.
#[target_feature(enable = "avx2")]
#[inline]
fn mask(bits: u64, four: usize) -> __m256i {
    let each = _mm256_setr_epi64x(1, 2, 4, 8);
    _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x((bits >> (HALF * four) & 15).cast_signed()), each), each)
}

/// An edge's constants of a quadrature node, by case.
struct Constants {
    before: __m256d,
    fails: __m256d,
    holds: __m256d,
}

impl Constants {
    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(constants: &[f64], q: usize, node: usize) -> Self {
        let of = |case: usize| _mm256_set1_pd(constants[case * q + node]);
        Self { before: of(0), fails: of(1), holds: of(2) }
    }

    /// Those of four rows. Where no condition was before, no row failed it.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn select(&self, holds: __m256d, held: Option<__m256d>) -> __m256d {
        let fails = held.map_or(self.fails, |held| _mm256_blendv_pd(self.before, self.fails, held));
        _mm256_blendv_pd(fails, self.holds, holds)
    }
}

/// Fours that go through an edge together: constants are loaded once for all of them, and their masks fill the registers.
const TOGETHER: usize = 4;

/// A mask for each of some fours.
#[target_feature(enable = "avx2")]
#[inline]
fn masks(rows: u64, start: usize) -> [__m256d; TOGETHER] {
    std::array::from_fn(|four| _mm256_castsi256_pd(mask(rows, start + four)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn down<const Q: usize>(edge: &Edge<'_>, products: &[Lanes], below: &mut [Lanes]) {
    let q = count::<Q>(products.len());
    let (factors, products, below) = (&edge.constants[..3 * q], &products[..q], &mut below[..q]);
    for start in (0..2 * VECTORS).step_by(TOGETHER) {
        let (holds, held) = (masks(edge.holds, start), edge.held.map(|held| masks(held, start)));
        for node in 0..q {
            let factor = Constants::load(factors, q, node);
            for four in 0..TOGETHER {
                let product = load(part(&products[node], start + four));
                let factor = factor.select(holds[four], held.map(|held| held[four]));
                store(part_mut(&mut below[node], start + four), _mm256_mul_pd(product, factor));
            }
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn up<const Q: usize>(edge: &Edge<'_>, first: bool, below: &[Lanes], sums: &mut [Lanes], out: &mut [f64; 64]) {
    let q = count::<Q>(below.len());
    let (coefficients, below, sums) = (&edge.constants[..3 * q], &below[..q], &mut sums[..q]);
    let out = out.as_chunks_mut::<HALF>().0;
    for start in (0..2 * VECTORS).step_by(TOGETHER) {
        let (holds, held) = (masks(edge.holds, start), edge.held.map(|held| masks(held, start)));
        let mut totals = [_mm256_setzero_pd(); TOGETHER];
        for node in 0..q {
            let coefficient = Constants::load(coefficients, q, node);
            for (four, total) in totals.iter_mut().enumerate() {
                let below = load(part(&below[node], start + four));
                let sums = part_mut(&mut sums[node], start + four);
                let sum = if first { below } else { _mm256_add_pd(load(sums), below) };
                store(sums, sum);
                let coefficient = coefficient.select(holds[four], held.map(|held| held[four]));
                *total = _mm256_add_pd(*total, _mm256_mul_pd(below, coefficient));
            }
        }
        for (out, total) in out[start..].iter_mut().zip(totals) {
            let sum = _mm256_add_pd(load(out), total);
            store(out, sum);
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn cross<const Q: usize>(bottom: &Crossing<'_>, first: bool, products: &[Lanes], sums: &mut [Lanes], out: &mut [f64]) {
    let q = count::<Q>(products.len());
    let (products, sums) = (&products[..q], &mut sums[..q]);
    let tables = &bottom.tables[..(1 + bottom.features.len()) * q];
    for four in 0..2 * VECTORS {
        let case = Case::of(bottom.bits, four);
        for node in 0..q {
            let added = _mm256_mul_pd(load(part(&products[node], four)), case.look_up(&tables[node]));
            let sums = part_mut(&mut sums[node], four);
            let sum = if first { added } else { _mm256_add_pd(load(sums), added) };
            store(sums, sum);
        }
        for (feature, tables) in bottom.features.iter().zip(tables[q..].chunks_exact(q)) {
            let mut total = _mm256_setzero_pd();
            for node in 0..q {
                let part = _mm256_mul_pd(load(part(&products[node], four)), case.look_up(&tables[node]));
                total = _mm256_add_pd(total, part);
            }
            let start = *feature as usize * STRIDE + four * HALF;
            let Some(out) = out[start..].first_chunk_mut::<HALF>() else { continue };
            let sum = _mm256_add_pd(load(out), total);
            store(out, sum);
        }
    }
}

/// The cases of four rows.
struct Case {
    /// For each row the two 32-bit halves of a case among four.
    halves: __m256i,
    /// Set where the case is one of the upper four.
    upper: __m256d,
}

impl Case {
    #[target_feature(enable = "avx2")]
    #[inline]
    fn of(bits: [u64; BITS], four: usize) -> Self {
        let pair = |low: i64| low << 32 | low;
        let halves = _mm256_set1_epi64x(1 << 32);
        let halves = _mm256_or_si256(halves, _mm256_and_si256(mask(bits[0], four), _mm256_set1_epi64x(pair(2))));
        let halves = _mm256_or_si256(halves, _mm256_and_si256(mask(bits[1], four), _mm256_set1_epi64x(pair(4))));
        Self { halves, upper: _mm256_castsi256_pd(mask(bits[2], four)) }
    }

    /// Each row's entry of a table.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn look_up(&self, table: &[f64; CASES]) -> __m256d {
        let [low, high] = table.as_chunks::<HALF>().0 else { return _mm256_setzero_pd() };
        let entry = |four: &[f64; HALF]| _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(load(four)), self.halves));
        _mm256_blendv_pd(entry(low), entry(high), self.upper)
    }
}
