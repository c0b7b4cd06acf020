//! The sweep's steps over a block, given how one instruction set does each on 64 rows.

use super::super::block::{CACHE_LINE, STRIDE, WORDS, Word, first_line};
use super::super::sweep::{BITS, Bottom, CASES, LANES, Step, Sweep, Turn};
use super::portable::transpose;

/// Vectors of a word's 64 rows.
pub(super) const VECTORS: usize = 64 / LANES;
/// Steps that one word's rows take before the next word's do: their constants should be in the second-level cache for all of a block's rows.
const TOGETHER: usize = 64;
/// Lanes of a word's stack up to which all words of a block have one at a time: 2 MiB. Deeper trees take a word after the other.
const SHALLOW: usize = (2 << 20) / size_of::<Lanes>();
/// As many values as one quadrature node has in 64 rows; how the nodes' and rows' values lie in an array of them is the instruction set's own.
pub(super) type Lanes = [[f64; LANES]; VECTORS];

/// Products and sums of a sweep, in whole lines of the cache, used again and again.
#[derive(Debug, Default)]
pub(in super::super) struct Scratch(Vec<f64>);

impl Scratch {
    fn lanes(&mut self, count: usize) -> &mut [Lanes] {
        self.0.resize((count * LANES * VECTORS + CACHE_LINE).max(self.0.len()), 0.0);
        let first = first_line(&self.0);
        &mut self.0[first..].as_chunks_mut().0.as_chunks_mut().0[..count]
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
    /// The sums' table, then each feature's, in the kernels' order.
    pub tables: &'s [[f64; CASES]],
    /// The features.
    pub features: &'s [u32],
    /// The bits of the rows' cases.
    pub bits: [u64; BITS],
}

/// One instruction set's steps on 64 rows. `products` and `sums` hold as many entries as there are quadrature nodes; `Q` is their number where it
/// is small, so that loops over them unroll, or 0. The first to add to sums writes them.
pub(super) trait Steps {
    /// `below = products · factor`.
    fn down<const Q: usize>(edge: &Edge<'_>, products: &[Lanes], below: &mut [Lanes]);
    /// Adds the table's look-ups to `sums`, and to the features' columns, which start at `out[feature · STRIDE]`.
    fn bottom<const Q: usize>(bottom: &Crossing<'_>, first: bool, products: &[Lanes], sums: &mut [Lanes], out: &mut [f64]);
    /// Adds `Σ coefficient · below` to `out` (64 rows), and `below` to `sums`.
    fn up<const Q: usize>(edge: &Edge<'_>, first: bool, below: &[Lanes], sums: &mut [Lanes], out: &mut [f64; 64]);
}

/// Runs all steps on the first `words` words: `out[(output · features + feature) · STRIDE + row]`.
#[inline(always)]
pub(super) fn apply<S: Steps>(sweep: &Sweep, slots: &[Word], words: usize, features: usize, scratch: &mut Scratch, out: &mut [f64]) {
    match sweep.nodes {
        1 => apply_nodes::<S, 1>(sweep, slots, words, features, scratch, out),
        2 => apply_nodes::<S, 2>(sweep, slots, words, features, scratch, out),
        3 => apply_nodes::<S, 3>(sweep, slots, words, features, scratch, out),
        4 => apply_nodes::<S, 4>(sweep, slots, words, features, scratch, out),
        5 => apply_nodes::<S, 5>(sweep, slots, words, features, scratch, out),
        6 => apply_nodes::<S, 6>(sweep, slots, words, features, scratch, out),
        7 => apply_nodes::<S, 7>(sweep, slots, words, features, scratch, out),
        8 => apply_nodes::<S, 8>(sweep, slots, words, features, scratch, out),
        _ => apply_nodes::<S, 0>(sweep, slots, words, features, scratch, out),
    }
}

/// `Q` where it is not 0, else `nodes`.
#[inline(always)]
pub(super) fn count<const Q: usize>(nodes: usize) -> usize {
    if Q == 0 { nodes } else { Q }
}

#[inline(always)]
fn apply_nodes<S: Steps, const Q: usize>(
    sweep: &Sweep,
    slots: &[Word],
    words: usize,
    features: usize,
    scratch: &mut Scratch,
    out: &mut [f64],
) {
    let q = count::<Q>(sweep.nodes);
    let of_word = 2 * q * (sweep.depth + 1);
    let together = if of_word <= SHALLOW { words } else { 1 };
    let scratch = scratch.lanes(together * of_word);
    for (pass, first) in sweep.passes.iter().flat_map(|pass| (0..words).step_by(together).map(move |first| (pass, first))) {
        let out = &mut out[pass.output * features * STRIDE..];
        // Each word has its own stack, each depth of it its products, then its sums.
        let mut places: [usize; WORDS] = std::array::from_fn(|word| word * of_word);
        places[..together].iter().for_each(|at| scratch[*at..at + q].fill([[1.0; LANES]; VECTORS]));
        for steps in pass.steps.chunks(TOGETHER) {
            for (word, at) in (first..).zip(&mut places[..together]) {
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

/// Plain Rust: the values of a row's nodes lie side by side, so that vectors of any length hold several nodes of one row, whose constants lie
/// side by side as well: nothing is looked up value by value.
pub(super) struct Plain;

impl Steps for Plain {
    #[inline(always)]
    fn down<const Q: usize>(edge: &Edge<'_>, products: &[Lanes], below: &mut [Lanes]) {
        let q = count::<Q>(products.len());
        for ((products, below), case) in rows(products, q).zip(rows_mut(below, q)).zip(edge.cases()) {
            let factors = &edge.constants[usize::from(case) * q..][..q];
            write::<Q>(below, products, factors, |_, product, factor| product * factor);
        }
    }

    #[inline(always)]
    fn bottom<const Q: usize>(bottom: &Crossing<'_>, first: bool, products: &[Lanes], sums: &mut [Lanes], out: &mut [f64]) {
        let q = count::<Q>(products.len());
        let (cases, tables) = (numbers(bottom.bits), bottom.tables[..q * (1 + bottom.features.len())].as_flattened());
        for (row, (products, sums)) in rows(products, q).zip(rows_mut(sums, q)).enumerate() {
            let case = usize::from(cases[row]);
            let table = |number: usize| &tables[(number * CASES + case) * q..][..q];
            match first {
                true => write::<Q>(sums, products, table(0), |_, product, of_case| product * of_case),
                false => write::<Q>(sums, products, table(0), |sum, product, of_case| sum + product * of_case),
            }
            for (number, feature) in bottom.features.iter().enumerate() {
                out[*feature as usize * STRIDE + row] += dot::<Q>(products, table(1 + number));
            }
        }
    }

    #[inline(always)]
    fn up<const Q: usize>(edge: &Edge<'_>, first: bool, below: &[Lanes], sums: &mut [Lanes], out: &mut [f64; 64]) {
        let q = count::<Q>(below.len());
        for (((below, sums), out), case) in rows(below, q).zip(rows_mut(sums, q)).zip(out).zip(edge.cases()) {
            let coefficients = &edge.constants[usize::from(case) * q..][..q];
            match first {
                true => write::<Q>(sums, below, coefficients, |_, below, _| below),
                false => write::<Q>(sums, below, coefficients, |sum, below, _| sum + below),
            }
            *out += dot::<Q>(below, coefficients);
        }
    }
}

/// The values of each row's `q` nodes.
#[inline(always)]
fn rows(lanes: &[Lanes], q: usize) -> impl Iterator<Item = &[f64]> {
    lanes.as_flattened().as_flattened().chunks_exact(q)
}

#[inline(always)]
fn rows_mut(lanes: &mut [Lanes], q: usize) -> impl Iterator<Item = &mut [f64]> {
    lanes.as_flattened_mut().as_flattened_mut().chunks_exact_mut(q)
}

/// Writes to each of a row's nodes what `value` makes of it and of two others.
#[inline(always)]
fn write<const Q: usize>(to: &mut [f64], a: &[f64], b: &[f64], value: impl Fn(f64, f64, f64) -> f64) {
    match (to.first_chunk_mut::<Q>(), a.first_chunk::<Q>(), b.first_chunk::<Q>()) {
        (Some(to), Some(a), Some(b)) if Q > 0 => *to = std::array::from_fn(|node| value(to[node], a[node], b[node])),
        _ => to.iter_mut().zip(a).zip(b).for_each(|((to, a), b)| *to = value(*to, *a, *b)),
    }
}

/// `Σ a·b`, added one after the other; of a few the products are made first, together.
#[inline(always)]
fn dot<const Q: usize>(a: &[f64], b: &[f64]) -> f64 {
    match (a.first_chunk::<Q>(), b.first_chunk::<Q>()) {
        (Some(a), Some(b)) if Q > 0 => {
            std::array::from_fn::<f64, Q, _>(|node| a[node] * b[node]).iter().fold(0.0, |sum, product| sum + product)
        }
        _ => a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b),
    }
}

impl Edge<'_> {
    /// Each row's case: 0 failed before, 1 fails now, 2 holds. What holds now held before.
    #[inline(always)]
    fn cases(&self) -> [u8; 64] {
        numbers([self.holds, self.held.unwrap_or(u64::MAX)]).map(|bits| bits - (bits >> 1))
    }
}

/// Each row's number, whose bits are those of the row.
#[inline(always)]
fn numbers<const N: usize>(bits: [u64; N]) -> [u8; 64] {
    let mut numbers = [0; 64];
    for (eight, numbers) in numbers.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let rows = bits.iter().enumerate().fold(0, |rows, (bit, of_rows)| rows | (of_rows >> (8 * eight) & 0xff) << (8 * bit));
        *numbers = transpose(rows).to_le_bytes();
    }
    numbers
}
