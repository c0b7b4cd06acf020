//! The sweep with AVX-512: cases select by mask, tables of eight cases are looked up inside a register.
#![expect(unsafe_code, reason = "vector loads and stores through pointers into arrays of eight f64")]

use std::arch::x86_64::*;

use super::super::block::{BLOCK, Word};
use super::super::sweep::{Bottom, CASES, LANES, Sweep, Turn};
use super::Scratch;
use super::sweep::{Lanes, Steps, apply};

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn sweep_rows(sweep: &Sweep, slots: &[Word], features: usize, scratch: &mut Scratch, out: &mut [f64]) {
    apply::<Avx512>(sweep, slots, features, scratch, out);
}

/// Runs only inside [`sweep_rows`], so only where the machine has AVX-512.
struct Avx512;

impl Steps for Avx512 {
    #[inline(always)]
    fn down(_: &Turn, factors: &[f64], holds: u64, held: u64, products: &[Lanes], below: &mut [Lanes]) {
        // SAFETY: only `sweep_rows` gets here.
        unsafe { down(factors, holds, held, products, below) };
    }

    #[inline(always)]
    fn bottom(bottom: &Bottom, tables: &[f64], bits: [u64; 3], products: &[Lanes], sums: &mut [Lanes], out: &mut [f64]) {
        // SAFETY: only `sweep_rows` gets here.
        unsafe { cross(bottom, tables, bits, products, sums, out) };
    }

    #[inline(always)]
    fn up(coefficients: &[f64], holds: u64, held: u64, below: &[Lanes], sums: &mut [Lanes], out: &mut [f64; 64]) {
        // SAFETY: only `sweep_rows` gets here.
        unsafe { up(coefficients, holds, held, below, sums, out) };
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

/// Constants of the three cases, each `q` long.
fn cases(constants: &[f64], q: usize) -> (&[f64], &[f64], &[f64]) {
    let (failed, rest) = constants[..3 * q].split_at(q);
    let (fails, holds) = rest.split_at(q);
    (failed, fails, holds)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn select(constants: (&[f64], &[f64], &[f64]), node: usize, holds: u8, held: u8) -> __m512d {
    let fails = _mm512_mask_blend_pd(held, _mm512_set1_pd(constants.0[node]), _mm512_set1_pd(constants.1[node]));
    _mm512_mask_blend_pd(holds, fails, _mm512_set1_pd(constants.2[node]))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn down(factors: &[f64], holds: u64, held: u64, products: &[Lanes], below: &mut [Lanes]) {
    let factors = cases(factors, products.len());
    for (node, (products, below)) in products.iter().zip(below).enumerate() {
        for (vector, (products, below)) in products.iter().zip(below).enumerate() {
            let factor = select(factors, node, (holds >> (8 * vector)) as u8, (held >> (8 * vector)) as u8);
            store(below, _mm512_mul_pd(load(products), factor));
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn up(coefficients: &[f64], holds: u64, held: u64, below: &[Lanes], sums: &mut [Lanes], out: &mut [f64; 64]) {
    let coefficients = cases(coefficients, below.len());
    for (vector, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let (holds, held) = ((holds >> (8 * vector)) as u8, (held >> (8 * vector)) as u8);
        let mut total = _mm512_setzero_pd();
        for (node, (below, sums)) in below.iter().zip(sums.iter_mut()).enumerate() {
            let below = load(&below[vector]);
            let sum = _mm512_add_pd(load(&sums[vector]), below);
            store(&mut sums[vector], sum);
            total = _mm512_add_pd(total, _mm512_mul_pd(below, select(coefficients, node, holds, held)));
        }
        let sum = _mm512_add_pd(load(out), total);
        store(out, sum);
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn cross(bottom: &Bottom, tables: &[f64], bits: [u64; 3], products: &[Lanes], sums: &mut [Lanes], out: &mut [f64]) {
    let width = 1 + bottom.features.len();
    let tables = &tables.as_chunks::<CASES>().0[..width * products.len()];
    for vector in 0..8 {
        let case = cases_of(bits, vector);
        for ((products, sums), tables) in products.iter().zip(sums.iter_mut()).zip(tables.chunks_exact(width)) {
            let added = _mm512_mul_pd(load(&products[vector]), _mm512_permutexvar_pd(case, load(&tables[0])));
            let sum = _mm512_add_pd(load(&sums[vector]), added);
            store(&mut sums[vector], sum);
        }
        for (place, feature) in bottom.features.iter().enumerate() {
            let mut total = _mm512_setzero_pd();
            for (products, tables) in products.iter().zip(tables.chunks_exact(width)) {
                let part = _mm512_mul_pd(load(&products[vector]), _mm512_permutexvar_pd(case, load(&tables[1 + place])));
                total = _mm512_add_pd(total, part);
            }
            let start = *feature as usize * BLOCK + vector * LANES;
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
