//! The sweep with AVX-512: cases select by mask, tables of eight cases are looked up inside a register.
#![expect(unsafe_code, reason = "vector loads and stores through pointers into arrays of eight f64")]

use std::arch::x86_64::*;

use super::super::block::{STRIDE, Word};
use super::super::sweep::{BITS, LANES, Sweep};
use super::Scratch;
use super::sweep::{Crossing, Edge, Lanes, Steps, VECTORS, apply, count};

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn sweep_rows(sweep: &Sweep, slots: &[Word], words: usize, features: usize, scratch: &mut Scratch, out: &mut [f64]) {
    apply::<Avx512>(sweep, slots, words, features, scratch, out);
}

/// Runs only inside [`sweep_rows`], so only where the machine has AVX-512.
struct Avx512;

impl Steps for Avx512 {
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

#[target_feature(enable = "avx512f")]
#[inline]
fn load(values: &[f64; LANES]) -> __m512d {
    // SAFETY: eight f64.
    unsafe { _mm512_loadu_pd(values.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store(values: &mut [f64; LANES], lanes: __m512d) {
    // SAFETY: eight f64.
    unsafe { _mm512_storeu_pd(values.as_mut_ptr(), lanes) };
}

/// An edge's constants of a quadrature node, by case.
struct Constants {
    before: __m512d,
    fails: __m512d,
    holds: __m512d,
}

impl Constants {
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn load(constants: &[f64], q: usize, node: usize) -> Self {
        let of = |case: usize| _mm512_set1_pd(constants[case * q + node]);
        Self { before: of(0), fails: of(1), holds: of(2) }
    }

    /// Those of eight rows. Where no condition was before, no row failed it.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn select(&self, holds: u8, held: Option<u8>) -> __m512d {
        let fails = held.map_or(self.fails, |held| _mm512_mask_blend_pd(held, self.before, self.fails));
        _mm512_mask_blend_pd(holds, fails, self.holds)
    }
}

/// Vectors that go through an edge together: constants are loaded once for all of them, and there are masks for no more.
const TOGETHER: usize = VECTORS / 2;

/// A byte of rows for each of some vectors.
#[inline(always)]
fn masks(rows: u64, first: usize) -> [u8; TOGETHER] {
    std::array::from_fn(|vector| (rows >> (8 * (first + vector))) as u8)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn down<const Q: usize>(edge: &Edge<'_>, products: &[Lanes], below: &mut [Lanes]) {
    let q = count::<Q>(products.len());
    let (factors, products, below) = (&edge.constants[..3 * q], &products[..q], &mut below[..q]);
    for start in [0, TOGETHER] {
        let (holds, held) = (masks(edge.holds, start), edge.held.map(|held| masks(held, start)));
        for node in 0..q {
            let factor = Constants::load(factors, q, node);
            for vector in 0..TOGETHER {
                let product = load(&products[node][start + vector]);
                let factor = factor.select(holds[vector], held.map(|held| held[vector]));
                store(&mut below[node][start + vector], _mm512_mul_pd(product, factor));
            }
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn up<const Q: usize>(edge: &Edge<'_>, first: bool, below: &[Lanes], sums: &mut [Lanes], out: &mut [f64; 64]) {
    let q = count::<Q>(below.len());
    let (coefficients, below, sums) = (&edge.constants[..3 * q], &below[..q], &mut sums[..q]);
    let out = out.as_chunks_mut::<LANES>().0;
    for start in [0, TOGETHER] {
        let (holds, held) = (masks(edge.holds, start), edge.held.map(|held| masks(held, start)));
        let mut totals = [_mm512_setzero_pd(); TOGETHER];
        for node in 0..q {
            let coefficient = Constants::load(coefficients, q, node);
            for (vector, total) in totals.iter_mut().enumerate() {
                let below = load(&below[node][start + vector]);
                let sums = &mut sums[node][start + vector];
                let sum = if first { below } else { _mm512_add_pd(load(sums), below) };
                store(sums, sum);
                let coefficient = coefficient.select(holds[vector], held.map(|held| held[vector]));
                *total = _mm512_add_pd(*total, _mm512_mul_pd(below, coefficient));
            }
        }
        for (out, total) in out[start..].iter_mut().zip(totals) {
            let sum = _mm512_add_pd(load(out), total);
            store(out, sum);
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn cross<const Q: usize>(bottom: &Crossing<'_>, first: bool, products: &[Lanes], sums: &mut [Lanes], out: &mut [f64]) {
    let q = count::<Q>(products.len());
    let (products, sums) = (&products[..q], &mut sums[..q]);
    let tables = &bottom.tables[..(1 + bottom.features.len()) * q];
    let cases: [__m512i; VECTORS] = std::array::from_fn(|vector| cases_of(bottom.bits, vector));
    for node in 0..q {
        let table = load(&tables[node]);
        for (vector, case) in cases.iter().enumerate() {
            let added = _mm512_mul_pd(load(&products[node][vector]), _mm512_permutexvar_pd(*case, table));
            let sums = &mut sums[node][vector];
            let sum = if first { added } else { _mm512_add_pd(load(sums), added) };
            store(sums, sum);
        }
    }
    for (feature, tables) in bottom.features.iter().zip(tables[q..].chunks_exact(q)) {
        let mut totals = [_mm512_setzero_pd(); VECTORS];
        for node in 0..q {
            let table = load(&tables[node]);
            for ((vector, case), total) in cases.iter().enumerate().zip(&mut totals) {
                let part = _mm512_mul_pd(load(&products[node][vector]), _mm512_permutexvar_pd(*case, table));
                *total = _mm512_add_pd(*total, part);
            }
        }
        for (out, total) in out[*feature as usize * STRIDE..].as_chunks_mut::<LANES>().0.iter_mut().zip(totals) {
            let sum = _mm512_add_pd(load(out), total);
            store(out, sum);
        }
    }
}

/// The case of each of a vector's rows.
#[target_feature(enable = "avx512f")]
#[inline]
fn cases_of(bits: [u64; BITS], vector: usize) -> __m512i {
    let mask = |bit: usize| (bits[bit] >> (8 * vector)) as u8;
    let case = _mm512_maskz_set1_epi64(mask(0), 1);
    let case = _mm512_mask_or_epi64(case, mask(1), case, _mm512_set1_epi64(2));
    _mm512_mask_or_epi64(case, mask(2), case, _mm512_set1_epi64(4))
}
