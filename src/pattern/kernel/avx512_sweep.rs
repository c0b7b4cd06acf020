//! The sweep with AVX-512: cases select by mask, tables of eight cases are looked up inside a register.
#![expect(unsafe_code, reason = "vector loads and stores through pointers into arrays of eight f64")]

use std::arch::x86_64::*;

use super::super::block::{STRIDE, Word};
use super::super::sweep::{Bottom, CASES, LANES, Sweep};
use super::Scratch;
use super::sweep::{Lanes, Steps, VECTORS, apply, count};

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn sweep_rows(sweep: &Sweep, slots: &[Word], features: usize, scratch: &mut Scratch, out: &mut [f64]) {
    apply::<Avx512>(sweep, slots, features, scratch, out);
}

/// Runs only inside [`sweep_rows`], so only where the machine has AVX-512.
struct Avx512;

impl Steps for Avx512 {
    #[inline(always)]
    fn down<const Q: usize>(factors: &[f64], holds: u64, held: u64, products: &[Lanes], below: &mut [Lanes]) {
        // SAFETY: only `sweep_rows` gets here.
        unsafe { down::<Q>(factors, holds, held, products, below) };
    }

    #[inline(always)]
    fn bottom<const Q: usize>(bottom: &Bottom, tables: &[f64], bits: [u64; 3], products: &[Lanes], sums: &mut [Lanes], out: &mut [f64]) {
        // SAFETY: only `sweep_rows` gets here.
        unsafe { cross::<Q>(bottom, tables, bits, products, sums, out) };
    }

    #[inline(always)]
    fn up<const Q: usize>(coefficients: &[f64], holds: u64, held: u64, below: &[Lanes], sums: &mut [Lanes], out: &mut [f64; 64]) {
        // SAFETY: only `sweep_rows` gets here.
        unsafe { up::<Q>(coefficients, holds, held, below, sums, out) };
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

/// An edge's constants of a quadrature node, by the row's case. Where no row failed before, the case of failing twice is not looked at.
#[target_feature(enable = "avx512f")]
#[inline]
fn select(constants: &[f64], q: usize, node: usize, holds: u8, held: Option<u8>) -> __m512d {
    let (fails, holding) = (_mm512_set1_pd(constants[q + node]), _mm512_set1_pd(constants[2 * q + node]));
    let fails = held.map_or(fails, |held| _mm512_mask_blend_pd(held, _mm512_set1_pd(constants[node]), fails));
    _mm512_mask_blend_pd(holds, fails, holding)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn down<const Q: usize>(factors: &[f64], holds: u64, held: u64, products: &[Lanes], below: &mut [Lanes]) {
    let q = count::<Q>(products.len());
    let (factors, products, below) = (&factors[..3 * q], &products[..q], &mut below[..q]);
    for vector in 0..VECTORS {
        let held = (held != u64::MAX).then_some((held >> (8 * vector)) as u8);
        for node in 0..q {
            let factor = select(factors, q, node, (holds >> (8 * vector)) as u8, held);
            store(&mut below[node][vector], _mm512_mul_pd(load(&products[node][vector]), factor));
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn up<const Q: usize>(coefficients: &[f64], holds: u64, held: u64, below: &[Lanes], sums: &mut [Lanes], out: &mut [f64; 64]) {
    let q = count::<Q>(below.len());
    let (coefficients, below, sums) = (&coefficients[..3 * q], &below[..q], &mut sums[..q]);
    for (vector, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let held = (held != u64::MAX).then_some((held >> (8 * vector)) as u8);
        let mut total = _mm512_setzero_pd();
        for node in 0..q {
            let below = load(&below[node][vector]);
            let sum = _mm512_add_pd(load(&sums[node][vector]), below);
            store(&mut sums[node][vector], sum);
            let coefficient = select(coefficients, q, node, (holds >> (8 * vector)) as u8, held);
            total = _mm512_add_pd(total, _mm512_mul_pd(below, coefficient));
        }
        let sum = _mm512_add_pd(load(out), total);
        store(out, sum);
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn cross<const Q: usize>(bottom: &Bottom, tables: &[f64], bits: [u64; 3], products: &[Lanes], sums: &mut [Lanes], out: &mut [f64]) {
    let (q, width) = (count::<Q>(products.len()), 1 + bottom.features.len());
    let (products, sums) = (&products[..q], &mut sums[..q]);
    let tables = &tables.as_chunks::<CASES>().0[..width * q];
    for vector in 0..VECTORS {
        let case = cases_of(bits, vector);
        for node in 0..q {
            let added = _mm512_mul_pd(load(&products[node][vector]), _mm512_permutexvar_pd(case, load(&tables[node])));
            let sum = _mm512_add_pd(load(&sums[node][vector]), added);
            store(&mut sums[node][vector], sum);
        }
        for (feature, tables) in bottom.features.iter().zip(tables[q..].chunks_exact(q)) {
            let mut total = _mm512_setzero_pd();
            for node in 0..q {
                let part = _mm512_mul_pd(load(&products[node][vector]), _mm512_permutexvar_pd(case, load(&tables[node])));
                total = _mm512_add_pd(total, part);
            }
            let start = *feature as usize * STRIDE + vector * LANES;
            let Some(out) = out[start..].first_chunk_mut::<LANES>() else { continue };
            let sum = _mm512_add_pd(load(out), total);
            store(out, sum);
        }
    }
}

/// The case of each of a vector's rows.
#[target_feature(enable = "avx512f")]
#[inline]
fn cases_of(bits: [u64; 3], vector: usize) -> __m512i {
    let mask = |bit: usize| (bits[bit] >> (8 * vector)) as u8;
    let case = _mm512_maskz_set1_epi64(mask(0), 1);
    let case = _mm512_mask_or_epi64(case, mask(1), case, _mm512_set1_epi64(2));
    _mm512_mask_or_epi64(case, mask(2), case, _mm512_set1_epi64(4))
}
