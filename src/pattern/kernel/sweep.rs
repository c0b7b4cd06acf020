//! The sweep's steps over a block, given how one instruction set does each on eight rows.

use std::ops::{Deref, DerefMut};

use super::super::block::{STRIDE, WORDS, Word};
use super::super::sweep::{BITS, Bottom, CASES, LANES, Step, Sweep, Turn};
use super::Scratch;

/// Vectors of a word's 64 rows.
pub(super) const VECTORS: usize = 64 / LANES;
/// Steps that one word's rows take before the next word's do: their constants should be in the second-level cache for all of a block's rows.
const TOGETHER: usize = 64;
/// Lanes of a word's stack up to which all words of a block have one at a time: 2 MiB. Deeper trees take a word after the other.
const SHALLOW: usize = (2 << 20) / size_of::<Lanes>();
/// A value in each of 64 rows, in whole lines of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(in super::super) struct Lanes([[f64; LANES]; VECTORS]);

impl Deref for Lanes {
    type Target = [[f64; LANES]; VECTORS];

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Lanes {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// An edge on 64 rows.
pub(super) struct Edge<'s> {
    /// Constants of its three cases, `case · nodes + q`.
    pub constants: &'s [f64],
    /// The rows in which its condition holds.
    pub holds: u64,
    /// The rows in which the feature's condition above did, if there is one.
    pub held: Option<u64>,
}

/// A bottom on 64 rows.
pub(super) struct Crossing<'s> {
    /// The sums' table, then each feature's, a node after the other.
    pub tables: &'s [[f64; CASES]],
    /// The features.
    pub features: &'s [u32],
    /// The bits of the rows' cases.
    pub bits: [u64; BITS],
}

/// One instruction set's steps on 64 rows. `products` and `sums` hold one entry a quadrature node; `Q` is their number where it is small,
/// so that loops over them unroll, or 0. The first to add to sums writes them.
pub(super) trait Steps {
    /// `below = products · factor`.
    fn down<const Q: usize>(edge: &Edge<'_>, products: &[Lanes], below: &mut [Lanes]);
    /// Adds the table's look-ups to `sums`, and to the features' columns, which start at `out[feature · STRIDE]`.
    fn bottom<const Q: usize>(bottom: &Crossing<'_>, first: bool, products: &[Lanes], sums: &mut [Lanes], out: &mut [f64]);
    /// Adds `Σ coefficient · below` to `out` (64 rows), and `below` to `sums`.
    fn up<const Q: usize>(edge: &Edge<'_>, first: bool, below: &[Lanes], sums: &mut [Lanes], out: &mut [f64; 64]);
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
    let of_word = 2 * q * (sweep.depth + 1);
    let words = if of_word <= SHALLOW { WORDS } else { 1 };
    scratch.resize(words * of_word, Lanes([[0.0; LANES]; VECTORS]));
    for (pass, first) in sweep.passes.iter().flat_map(|pass| (0..WORDS).step_by(words).map(move |first| (pass, first))) {
        let out = &mut out[pass.output * features * STRIDE..];
        // Each word has its own stack, each depth of it its products, then its sums.
        let mut places: [usize; WORDS] = std::array::from_fn(|word| word * of_word);
        places[..words].iter().for_each(|at| scratch[*at..at + q].fill(Lanes([[1.0; LANES]; VECTORS])));
        for steps in pass.steps.chunks(TOGETHER) {
            for (word, at) in (first..).zip(&mut places[..words]) {
                for step in steps {
                    match step {
                        Step::Down(turn) => {
                            let (above, below) = scratch[*at..].split_at_mut(2 * q);
                            S::down::<Q>(&edge(sweep, turn, slots, word), &above[..q], &mut below[..q]);
                            *at += 2 * q;
                        }
                        Step::Bottom(bottom) => {
                            let (products, sums) = scratch[*at..*at + 2 * q].split_at_mut(q);
                            S::bottom::<Q>(&crossing(sweep, bottom, slots, word), bottom.first, products, sums, &mut out[word * 64..]);
                        }
                        Step::Up(turn) => {
                            let (above, below) = scratch[*at - q..].split_at_mut(q);
                            let start = turn.feature as usize * STRIDE + word * 64;
                            let Some(out) = out[start..].first_chunk_mut::<64>() else { continue };
                            S::up::<Q>(&edge(sweep, turn, slots, word), turn.first, &below[q..2 * q], above, out);
                            *at -= 2 * q;
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn edge<'s>(sweep: &'s Sweep, turn: &Turn, slots: &[Word], word: usize) -> Edge<'s> {
    let held = turn.held.map(|held| held.word(slots, word));
    Edge { constants: &sweep.constants[turn.constants..], holds: turn.holds.word(slots, word), held }
}

#[inline(always)]
fn crossing<'s>(sweep: &'s Sweep, bottom: &Bottom, slots: &[Word], word: usize) -> Crossing<'s> {
    Crossing {
        tables: sweep.constants[bottom.constants..].as_chunks().0,
        features: &sweep.features[bottom.features.clone()],
        bits: bottom.bits.map(|literal| literal.map_or(0, |literal| literal.word(slots, word))),
    }
}

/// Plain Rust, row by row.
pub(super) struct Plain;

impl Steps for Plain {
    #[inline(always)]
    fn down<const Q: usize>(edge: &Edge<'_>, products: &[Lanes], below: &mut [Lanes]) {
        let q = products.len();
        for vector in 0..VECTORS {
            let cases: [usize; LANES] = std::array::from_fn(|lane| edge.case(vector * LANES + lane) * q);
            for (node, (products, below)) in products.iter().zip(below.iter_mut()).enumerate() {
                below[vector] = std::array::from_fn(|lane| products[vector][lane] * edge.constants[cases[lane] + node]);
            }
        }
    }

    #[inline(always)]
    fn bottom<const Q: usize>(bottom: &Crossing<'_>, first: bool, products: &[Lanes], sums: &mut [Lanes], out: &mut [f64]) {
        let q = count::<Q>(products.len());
        let (summed, by_feature) = bottom.tables[..q * (1 + bottom.features.len())].split_at(q);
        for vector in 0..VECTORS {
            let cases: [usize; LANES] = std::array::from_fn(|lane| {
                let bit = |bits: u64| (bits >> (vector * LANES + lane) & 1) as usize;
                bottom.bits.iter().rev().fold(0, |case, bits| case << 1 | bit(*bits))
            });
            for (table, (products, sums)) in summed.iter().zip(products.iter().zip(sums.iter_mut())) {
                for lane in 0..LANES {
                    let added = products[vector][lane] * table[cases[lane]];
                    sums[vector][lane] = if first { added } else { sums[vector][lane] + added };
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
    fn up<const Q: usize>(edge: &Edge<'_>, first: bool, below: &[Lanes], sums: &mut [Lanes], out: &mut [f64; 64]) {
        let q = below.len();
        for (vector, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let cases: [usize; LANES] = std::array::from_fn(|lane| edge.case(vector * LANES + lane) * q);
            let mut total = [0.0; LANES];
            for (node, (below, sums)) in below.iter().zip(sums.iter_mut()).enumerate() {
                for lane in 0..LANES {
                    let below = below[vector][lane];
                    sums[vector][lane] = if first { below } else { sums[vector][lane] + below };
                    total[lane] += below * edge.constants[cases[lane] + node];
                }
            }
            out.iter_mut().zip(total).for_each(|(out, total)| *out += total);
        }
    }
}

impl Edge<'_> {
    /// A row's case: 0 failed before, 1 fails now, 2 holds.
    #[inline(always)]
    fn case(&self, row: usize) -> usize {
        ((self.holds >> row & 1) + (self.held.unwrap_or(u64::MAX) >> row & 1)) as usize
    }
}
