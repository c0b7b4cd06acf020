//! The two tree games on one leaf: contributions of every pattern of its conditions.
//!
//! A leaf with `D` conditions and value 1 contributes, to condition `j` under the row's pattern `p`, an amount that
//! depends on `p` alone. With `t_q, ω_q` the Gauss–Legendre rule of ⌈D/2⌉ nodes on [0, 1] (exact for these polynomials):
//!
//! * path-dependent, cover ratios `r`: `φ_j(p) = Σ_q ω_q c_j(t_q) Π_i f_i(t_q)`, where `f_i = t·p_i + (1 − t)·r_i` and
//!   `c_j = (p_j − r_j)/f_j`, that is `−1/(1 − t)` where `p_j = 0` and `(1 − r_j)/(t + (1 − t)·r_j)` where `p_j = 1`: never a division by zero
//!   (Lundberg et al. 2020; Beta-integral form of the Shapley weights);
//! * interventional, background patterns `b` with weights `h_b`: only `b` that hold where `p` fails count, and with `F` the failed
//!   conditions `φ_j = −Σ_q ω_q (1 − t)^{|F|−1} Σ_{b ⊇ F} h_b t^{|¬b|}` for `j ∈ F`, and
//!   `φ_j = +Σ_q ω_q (1 − t)^{|F|} Σ_{b ⊇ F, b_j = 0} h_b t^{|¬b|−1}` otherwise (Janzing et al. 2020; the weights
//!   `(a−1)! e!/(a+e)!` of Lundberg et al. 2020 are the integrals `∫ t^{a−1}(1−t)^e dt`).

use std::sync::{Arc, OnceLock};

use super::group::GroupLeaf;
use super::table::{Contributions, LANES, Line};
use crate::numeric::quadrature::{Rule, gauss_legendre};

/// The quadrature rules for every number of conditions up to a bound.
///
/// Banzhaf values (Banzhaf 1965), the mean gain over all coalitions, are the same products at `t = ½` alone: a rule of one node.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// By number of nodes, each made when it is first needed.
    exact: Arc<[OnceLock<Rule>]>,
    banzhaf: bool,
}

impl Rules {
    /// Rules for up to `conditions` conditions a path.
    pub(super) fn up_to(conditions: usize) -> Self {
        Self { exact: (0..=conditions.div_ceil(2).max(1)).map(|_| OnceLock::new()).collect(), banzhaf: false }
    }

    /// The rules of Banzhaf values in place of Shapley's.
    pub(super) fn banzhaf(self) -> Self {
        let middle = Rule { nodes: vec![0.5], weights: vec![1.0] };
        Self { exact: self.exact.iter().map(|_| OnceLock::from(middle.clone())).collect(), banzhaf: true }
    }

    /// The rule that is exact for paths of `conditions` conditions.
    pub(super) fn exact(&self, conditions: usize) -> &Rule {
        let nodes = conditions.div_ceil(2).max(1);
        self.exact[nodes].get_or_init(|| gauss_legendre(nodes))
    }

    /// Of a background pattern that fails `a` conditions and a row that fails `e`: `1/∫ t^{a−1}(1−t)^e` and `1/∫ t^a (1−t)^{e−1}`.
    pub(super) fn divisors(&self, a: u32, e: u32) -> (f64, f64) {
        if self.banzhaf {
            let coalitions = 2_f64.powi((a + e) as i32 - 1);
            return (coalitions, coalitions);
        }
        let choices = binomial(a + e, e);
        (f64::from(a) * choices, f64::from(e) * choices)
    }
}

/// C(n, k), exact up to 2⁵³ and to a few units in the last place beyond.
pub(super) fn binomial(n: u32, k: u32) -> f64 {
    (1..=k.min(n - k)).fold(1.0, |value, i| value * f64::from(n + 1 - i) / f64::from(i))
}

/// `c_j` where the condition holds: `(1 − r)/(t + (1 − t)·r)`.
pub(super) fn coefficient_held(ratio: f64, t: f64) -> f64 {
    (1.0 - ratio) / factor_held(ratio, t)
}

/// `c_j` where the condition fails: `−1/(1 − t)`.
pub(super) fn coefficient_failed(t: f64) -> f64 {
    -1.0 / (1.0 - t)
}

/// `f_j` where the condition holds: `t + (1 − t)·r`.
pub(super) fn factor_held(ratio: f64, t: f64) -> f64 {
    t + (1.0 - t) * ratio
}

/// Most quadrature nodes of a leaf that has a table.
const NODES: usize = 4;

/// Path-dependent contributions of a leaf of value 1, of at most eight conditions, under every pattern: to all conditions that fail, the same; to
/// each that holds, `Σ_q c_j(t_q)·product_q`.
#[derive(Debug)]
pub(super) struct PathDependent<'r> {
    rules: &'r Rules,
    conditions: usize,
    /// `ω_q Π_i f_i(t_q)`, `q << D | pattern`.
    products: Vec<f64>,
    /// To a condition that fails, by pattern.
    failed: Vec<f64>,
    /// `c_j(t_q)` of each condition where it holds, by node.
    held: [[f64; LANES]; NODES],
}

impl<'r> PathDependent<'r> {
    pub(super) fn new(rules: &'r Rules) -> Self {
        Self { rules, conditions: 0, products: Vec::new(), failed: Vec::new(), held: [[0.0; LANES]; NODES] }
    }
}

impl Contributions for PathDependent<'_> {
    #[inline(always)]
    fn turn_to(&mut self, leaf: &GroupLeaf) {
        let (d, rule) = (leaf.conditions.len(), self.rules.exact(leaf.conditions.len()));
        self.conditions = d;
        self.products.resize(rule.nodes.len() << d, 0.0);
        self.failed.clear();
        self.failed.resize(1 << d, 0.0);
        let of_nodes = self.products.chunks_exact_mut(1 << d).zip(&mut self.held);
        for ((&t, &weight), (product, held)) in rule.nodes.iter().zip(&rule.weights).zip(of_nodes) {
            product[0] = weight;
            for (i, condition) in leaf.conditions.iter().enumerate() {
                let (fails, holds) = ((1.0 - t) * condition.ratio, factor_held(condition.ratio, t));
                held[i] = coefficient_held(condition.ratio, t);
                let (low, high) = product[..2 << i].split_at_mut(1 << i);
                for (low, high) in low.iter_mut().zip(high) {
                    *high = *low * holds;
                    *low *= fails;
                }
            }
            let coefficient = coefficient_failed(t);
            self.failed.iter_mut().zip(product).for_each(|(failed, product)| *failed += *product * coefficient);
        }
    }

    #[inline(always)]
    fn cells(&self, numbers: &[Option<usize>; LANES], cells: &mut [Line]) {
        match self.products.len() >> self.conditions {
            1 => self.of_nodes::<1>(numbers, cells),
            2 => self.of_nodes::<2>(numbers, cells),
            3 => self.of_nodes::<3>(numbers, cells),
            _ => self.of_nodes::<4>(numbers, cells),
        }
    }
}

impl PathDependent<'_> {
    #[inline(always)]
    fn of_nodes<const Q: usize>(&self, numbers: &[Option<usize>; LANES], cells: &mut [Line]) {
        let held: [Line; Q] = std::array::from_fn(|q| numbers.map(|number| number.map_or(0.0, |number| self.held[q][number])));
        let bits = numbers.map(|number| number.map_or(0, |number| 1_u64 << number));
        let products: [&[f64]; Q] = std::array::from_fn(|q| &self.products[q << self.conditions..]);
        for (pattern, cell) in cells.iter_mut().enumerate() {
            let mut sums = [0.0; LANES];
            for (held, product) in held.iter().zip(&products) {
                let product = product[pattern];
                sums.iter_mut().zip(held).for_each(|(sum, held)| *sum += product * held);
            }
            let failed = self.failed[pattern];
            *cell = std::array::from_fn(|lane| if bits[lane] & pattern as u64 != 0 { sums[lane] } else { failed });
        }
    }
}

/// Interventional contributions of a leaf of value 1: `table[j << D | pattern]`, from the weights of background patterns (`2^D`, summing to one),
/// whatever `table` held before.
pub(super) fn interventional(background: &[f64], rules: &Rules, table: &mut Vec<f64>) {
    let d = background.len().trailing_zeros() as usize;
    let rule = rules.exact(d);
    table.clear();
    table.resize(d << d, 0.0);
    let (mut fails, mut fails_too) = (vec![0.0; 1 << d], vec![0.0; 1 << d]);
    for (&t, &weight) in rule.nodes.iter().zip(&rule.weights) {
        let powers: Vec<f64> = (0..=d).map(|failed| t.powi(failed as i32)).collect();
        let tilted = background.iter().enumerate().map(|(b, h)| h * powers[d - b.count_ones() as usize]).collect();
        let failing: Vec<f64> = (0..=d).map(|failed| weight * (1.0 - t).powi(failed as i32)).collect();
        for (set, (fails, fails_too)) in fails.iter_mut().zip(&mut fails_too).enumerate() {
            let count = set.count_ones() as usize;
            (*fails, *fails_too) = (failing[count], -failing[count.saturating_sub(1)]);
        }
        // Until all is added up, columns are by what fails: the pattern's complement.
        let mut visit = |j: usize, sums: &[f64]| {
            // sums[F] = Σ over b ⊇ F (bit j aside) with b_j as in F's bit j. Where j fails too, the weight counts the other failed conditions.
            let weights = fails.iter().zip(&fails_too);
            for (((value, sum), (fails, fails_too)), set) in table[j << d..].iter_mut().zip(sums).zip(weights).zip(0_usize..) {
                let (weight, t) = if set >> j & 1 == 1 { (fails_too, 1.0) } else { (fails, t) };
                *value += weight * sum / t;
            }
        };
        leave_one_out(tilted, 0, d, &mut visit);
    }
    table.chunks_exact_mut(1 << d).for_each(<[f64]>::reverse);
}

/// Calls `visit(j, sums)` for every bit `j` of `low..high`, with `values` superset-summed over all those bits but `j`.
///
/// Halving the range shares the sums, so all `D` leave-one-out transforms cost `D log D · 2^D` additions, without a subtraction.
pub(super) fn leave_one_out(values: Vec<f64>, low: usize, high: usize, visit: &mut impl FnMut(usize, &[f64])) {
    match high - low {
        0 => {}
        1 => visit(low, &values),
        _ => {
            let middle = low.midpoint(high);
            leave_one_out(superset_sums(values.clone(), middle..high), low, middle, visit);
            leave_one_out(superset_sums(values, low..middle), middle, high, visit);
        }
    }
}

/// `sums[F] = Σ values[b]` over `b` that agree with `F` outside `bits` and include it there.
pub(super) fn superset_sums(mut values: Vec<f64>, bits: std::ops::Range<usize>) -> Vec<f64> {
    for bit in bits {
        // Of the lowest bits, eights are added up at a time: loops over one, two or four would cost more than what they add.
        let eights = values.as_chunks_mut().0;
        match bit {
            0 if !eights.is_empty() => eights.iter_mut().for_each(add_pairs::<1>),
            1 if !eights.is_empty() => eights.iter_mut().for_each(add_pairs::<2>),
            2 if !eights.is_empty() => eights.iter_mut().for_each(add_pairs::<4>),
            _ => {
                for chunk in values.chunks_exact_mut(2 << bit) {
                    let (without, with) = chunk.split_at_mut(1 << bit);
                    without.iter_mut().zip(with).for_each(|(without, with)| *without += *with);
                }
            }
        }
    }
    values
}

/// Adds to each value whose place lacks `BIT` the one whose place has it.
fn add_pairs<const BIT: usize>(values: &mut [f64; 8]) {
    for place in (0..8).filter(|place| place & BIT == 0) {
        values[place] += values[place | BIT];
    }
}
