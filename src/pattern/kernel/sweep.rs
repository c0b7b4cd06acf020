//! The sweep's steps over a block, given how one instruction set does each on eight rows.

use super::super::block::{STRIDE, WORDS, Word};
use super::super::sweep::{Bottom, CASES, LANES, Step, Sweep, Turn};
use super::Scratch;

/// Vectors of a word's 64 rows.
pub(super) const VECTORS: usize = 64 / LANES;
/// A value in each of 64 rows.
pub(super) type Lanes = [[f64; LANES]; VECTORS];

/// One instruction set's steps on 64 rows. `products` and `sums` hold one entry a quadrature node; `Q` is their number where it is small,
/// so that loops over them unroll, or 0.
pub(super) trait Steps {
    /// `below = products · factor`.
    fn down<const Q: usize>(factors: &[f64], holds: u64, held: u64, products: &[Lanes], below: &mut [Lanes]);
    /// Adds the table's look-ups to `sums`, and to the features' columns, which start at `out[feature · STRIDE]`.
    fn bottom<const Q: usize>(bottom: &Bottom, tables: &[f64], bits: [u64; 3], products: &[Lanes], sums: &mut [Lanes], out: &mut [f64]);
    /// Adds `Σ coefficient · below` to `out` (64 rows), and `below` to `sums`.
    fn up<const Q: usize>(coefficients: &[f64], holds: u64, held: u64, below: &[Lanes], sums: &mut [Lanes], out: &mut [f64; 64]);
}

/// Runs all steps: `out[(output · features + feature) · STRIDE + row]`.
#[inline(always)]
pub(super) fn apply<S: Steps>(sweep: &Sweep, slots: &[Word], features: usize, scratch: &mut Scratch, out: &mut [f64]) {
    match sweep.nodes {
        1 => apply_nodes::<S, 1>(sweep, slots, features, scratch, out),
        2 => apply_nodes::<S, 2>(sweep, slots, features, scratch, out),
        3 => apply_nodes::<S, 3>(sweep, slots, features, scratch, out),
        4 => apply_nodes::<S, 4>(sweep, slots, features, scratch, out),
        5 => apply_nodes::<S, 5>(sweep, slots, features, scratch, out),
        6 => apply_nodes::<S, 6>(sweep, slots, features, scratch, out),
        7 => apply_nodes::<S, 7>(sweep, slots, features, scratch, out),
        8 => apply_nodes::<S, 8>(sweep, slots, features, scratch, out),
        _ => apply_nodes::<S, 0>(sweep, slots, features, scratch, out),
    }
}

/// `Q` where it is not 0, else `nodes`.
#[inline(always)]
pub(super) fn count<const Q: usize>(nodes: usize) -> usize {
    if Q == 0 { nodes } else { Q }
}

#[inline(always)]
fn apply_nodes<S: Steps, const Q: usize>(sweep: &Sweep, slots: &[Word], features: usize, scratch: &mut Scratch, out: &mut [f64]) {
    let q = count::<Q>(sweep.nodes);
    scratch.resize(2 * q * (sweep.depth + 1), [[0.0; LANES]; VECTORS]);
    for pass in &sweep.passes {
        let out = &mut out[pass.output * features * STRIDE..];
        for word in 0..WORDS {
            // Each depth holds its products, then its sums.
            let mut at = 0;
            scratch[..q].fill([[1.0; LANES]; VECTORS]);
            scratch[q..2 * q].fill([[0.0; LANES]; VECTORS]);
            for step in &pass.steps {
                match step {
                    Step::Down(turn) => {
                        let (above, below) = scratch[at..].split_at_mut(2 * q);
                        let (products, sums) = below[..2 * q].split_at_mut(q);
                        S::down::<Q>(
                            &sweep.constants[turn.constants..],
                            turn.holds.word(slots, word),
                            held(turn, slots, word),
                            &above[..q],
                            products,
                        );
                        sums.fill([[0.0; LANES]; VECTORS]);
                        at += 2 * q;
                    }
                    Step::Bottom(bottom) => {
                        let (products, sums) = scratch[at..at + 2 * q].split_at_mut(q);
                        let mut bits = [0; 3];
                        bits.iter_mut().zip(&bottom.bits).for_each(|(bits, literal)| *bits = literal.word(slots, word));
                        S::bottom::<Q>(bottom, &sweep.constants[bottom.constants..], bits, products, sums, &mut out[word * 64..]);
                    }
                    Step::Up(turn) => {
                        let (above, below) = scratch[at - q..].split_at_mut(q);
                        let start = turn.feature as usize * STRIDE + word * 64;
                        let Some(out) = out[start..].first_chunk_mut::<64>() else { continue };
                        S::up::<Q>(
                            &sweep.constants[turn.constants..],
                            turn.holds.word(slots, word),
                            held(turn, slots, word),
                            &below[q..2 * q],
                            above,
                            out,
                        );
                        at -= 2 * q;
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn held(turn: &Turn, slots: &[Word], word: usize) -> u64 {
    turn.held.map_or(u64::MAX, |held| held.word(slots, word))
}

/// Plain Rust, row by row.
pub(super) struct Plain;

impl Steps for Plain {
    #[inline(always)]
    fn down<const Q: usize>(factors: &[f64], holds: u64, held: u64, products: &[Lanes], below: &mut [Lanes]) {
        let q = products.len();
        for vector in 0..VECTORS {
            let cases: [usize; LANES] = std::array::from_fn(|lane| case(holds, held, vector * LANES + lane) * q);
            for (node, (products, below)) in products.iter().zip(below.iter_mut()).enumerate() {
                below[vector] = std::array::from_fn(|lane| products[vector][lane] * factors[cases[lane] + node]);
            }
        }
    }

    #[inline(always)]
    fn bottom<const Q: usize>(bottom: &Bottom, tables: &[f64], bits: [u64; 3], products: &[Lanes], sums: &mut [Lanes], out: &mut [f64]) {
        let q = count::<Q>(products.len());
        let (summed, by_feature) = tables.as_chunks::<CASES>().0[..q * (1 + bottom.features.len())].split_at(q);
        for vector in 0..VECTORS {
            let cases: [usize; LANES] = std::array::from_fn(|lane| {
                let row = vector * LANES + lane;
                (bits[0] >> row & 1 | (bits[1] >> row & 1) << 1 | (bits[2] >> row & 1) << 2) as usize
            });
            for (table, (products, sums)) in summed.iter().zip(products.iter().zip(sums.iter_mut())) {
                for lane in 0..LANES {
                    sums[vector][lane] += products[vector][lane] * table[cases[lane]];
                }
            }
            for (feature, tables) in bottom.features.iter().zip(by_feature.chunks_exact(q)) {
                let start = *feature as usize * STRIDE + vector * LANES;
                let mut total = [0.0; LANES];
                for (table, products) in tables.iter().zip(products) {
                    for lane in 0..LANES {
                        total[lane] += products[vector][lane] * table[cases[lane]];
                    }
                }
                out[start..start + LANES].iter_mut().zip(total).for_each(|(out, total)| *out += total);
            }
        }
    }

    #[inline(always)]
    fn up<const Q: usize>(coefficients: &[f64], holds: u64, held: u64, below: &[Lanes], sums: &mut [Lanes], out: &mut [f64; 64]) {
        let q = below.len();
        for (vector, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let cases: [usize; LANES] = std::array::from_fn(|lane| case(holds, held, vector * LANES + lane) * q);
            let mut total = [0.0; LANES];
            for (node, (below, sums)) in below.iter().zip(sums.iter_mut()).enumerate() {
                for lane in 0..LANES {
                    sums[vector][lane] += below[vector][lane];
                    total[lane] += below[vector][lane] * coefficients[cases[lane] + node];
                }
            }
            out.iter_mut().zip(total).for_each(|(out, total)| *out += total);
        }
    }
}

/// 0 failed before, 1 fails now, 2 holds.
#[inline(always)]
fn case(holds: u64, held: u64, row: usize) -> usize {
    ((holds >> row & 1) + (held >> row & 1)) as usize
}
