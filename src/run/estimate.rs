//! What a run will take, from the shapes of data and model: time and memory, for `pipeline check` and for a warning before the run.
//!
//! Constants are nanoseconds of one core (AMD EPYC of 2024, AVX-512), fitted to runs of release builds.

use std::num::NonZeroUsize;

use super::plan::Plan;
use crate::dataset::{Request, Selection};
use crate::derive::{Choice, GridChoice};
use crate::explain::kernel_shap::MOST_PAIRS;
use crate::explain::tree_shap::Mode;
use crate::model::Forest;
use crate::pattern::{Cost, Options};
use crate::subject::SAMPLE_ROWS;

/// A value of a row, decoded or encoded.
const VALUE: f64 = 40.0;
/// A leaf of a model whose value function is made for a row, and a coalition, or a pair of them, that is looked up there.
const LEAF: f64 = 150.0;
const COALITION: f64 = 0.06;
/// A floating-point operation of `numeric::dense`: 89 GFLOP/s.
const FLOP: f64 = 1.0 / 89.0;
/// An element of the matrices of KernelSHAP's proxy, beside these operations.
const ELEMENT: f64 = 1.9;
/// A tree's prediction of a row, and a feature of a perturbed row around a row that LIME explains.
const PREDICTION: f64 = 1.3;
const BIT: f64 = 7.3;
/// A leaf over the moves of one row along all features.
const MOVE: f64 = 1.2;
/// Bytes of a reason, with its texts, before it is written.
const REASON: u64 = 170;
/// Bytes of a line of the table `ice`, with what it is made from.
const CURVE_POINT: u64 = 200;
/// Everything that takes no rows: opening, figures, the page, syncing.
const FIXED: f64 = 0.15e9;

/// KernelSHAP of one row.
#[derive(Default)]
struct Sampled {
    players: usize,
    /// Coalitions, or pairs of them.
    looked_up: usize,
    /// Pairs that least squares solves for.
    pairs: usize,
    /// Pairs that the proxy is conditioned on.
    seen: usize,
}

impl Sampled {
    /// Time of solving, in nanoseconds: least squares; the proxy's covariances, ten operations an element and player, as most are computed twice;
    /// and their factor.
    fn solved(&self) -> f64 {
        let [players, pairs, seen] = [self.players, self.pairs, self.seen].map(|count| count as f64);
        let covariances = seen * pairs * (ELEMENT + 10.0 * players * FLOP);
        covariances + (4.0 * pairs * players.powi(2) + seen.powi(3) / 3.0) * FLOP
    }

    /// Matrices: between the pairs that the proxy is conditioned on, and some of pairs and players.
    fn bytes(&self) -> u64 {
        let values = (self.pairs as u64).saturating_mul(6 * self.players as u64).saturating_add((self.seen as u64).pow(2));
        values.saturating_mul(8)
    }
}

impl Plan {
    /// Predicted wall time in seconds; none of a model that is a command, whose pace is its own.
    pub(super) fn seconds(&self) -> Option<f64> {
        let forest = self.model.forest()?;
        let (rows, features) = (self.data.dataset().rows(), self.model.features.len() as f64);
        let outputs = self.model.outputs.len() as f64;
        let background = self.background_rows();
        let explain = &self.config.explain;
        let (leaves, trees) = (forest.leaves() as f64, forest.trees.len() as f64);
        let per_row = (VALUE * features * (1.0 + outputs)) + PREDICTION * trees;
        let mut total = rows as f64 * per_row + background as f64 * VALUE * features;
        if let Some(settings) = explain.tree_shap.settings() {
            total += self.tree_shap(settings.mode, rows, background).total(rows);
            total += if settings.interactions { Cost::interactions(forest).total(rows) } else { 0.0 };
        } else if self.needs.histograms {
            total += Cost::interventional(forest, background).build;
        }
        if self.has_reasons() {
            total += self.favourable().total(rows) + background as f64 * (VALUE * features + PREDICTION * trees);
        }
        let game = |samples: usize| leaves * (LEAF + COALITION * samples as f64);
        let most = |count: NonZeroUsize| rows.min(count.get() as u64) as f64;
        if let Some(settings) = explain.kernel_shap.settings() {
            let sampled = self.sampled();
            total += most(settings.rows) * (game(sampled.looked_up) + sampled.solved());
        }
        if let Some(settings) = explain.permutation.settings() {
            total += most(settings.rows) * game(settings.samples.get());
        }
        if let Some(settings) = explain.lime.settings() {
            let (again, seeds) = settings.stability.as_ref().map_or((0.0, 0.0), |again| (most(again.rows), again.seeds.get() as f64));
            let samples = settings.samples.get() as f64;
            // The bits with themselves; then, for each output, a factor of that and the product of least-angle regression.
            let products = 2.0 * samples * features.powi(2) + outputs * (1.0 / 3.0 + 2.0) * features.powi(3);
            let row = samples * BIT * features + FLOP * products;
            total += (most(settings.rows) + again * seeds) * row + samples * PREDICTION * trees * (1.0 + seeds);
        }
        if self.config.derive.ale.settings().is_some() {
            total += rows as f64 * leaves * MOVE;
        }
        Some((FIXED + total / self.threads as f64) / 1e9)
    }

    /// What TreeSHAP costs in a mode.
    fn tree_shap(&self, mode: Mode, rows: u64, background: u64) -> Cost {
        let cost = |forest| match mode {
            Mode::PathDependent => Cost::path_dependent(forest, Options { rows, ..Options::default() }),
            Mode::Interventional => Cost::interventional(forest, background),
        };
        self.model.forest().map(cost).unwrap_or_default()
    }

    /// Predicted memory of the run in bytes: chunks read ahead and under way, the model's tables, and what the process takes anyway.
    pub(super) fn memory(&self) -> u64 {
        let (features, outputs) = (self.model.features.len() as u64, self.model.outputs.len() as u64);
        let chunk = 8 * self.chunk_rows as u64 * (2 * features + 3 * outputs * (features + 3));
        let of_forest = |forest| {
            let (rows, background) = (self.data.dataset().rows(), self.background_rows());
            let settings = self.config.explain.tree_shap.settings();
            let tables = settings.map_or(0, |settings| self.tree_shap(settings.mode, rows, background).bytes);
            let pairs = settings.filter(|settings| settings.interactions).map_or(0, |_| Cost::interactions(forest).bytes);
            // A node with what is compiled of it, beside the tables.
            (tables + pairs + self.favourable().bytes + 600 * Forest::leaves(forest)) as u64
        };
        let under_way = 2 * self.threads as u64 + 1;
        // Each thread has another chunk read before it takes it.
        let ahead = self.threads as u64 * 8 * self.chunk_rows as u64 * features;
        let streamed = (chunk + self.reasons()) * under_way + ahead + self.group_sums(under_way);
        let systems = self.sampled().bytes().saturating_mul(self.threads as u64);
        ((64 << 20) + self.model.forest().map_or(0, of_forest) + streamed).saturating_add(systems).saturating_add(self.curves())
    }

    fn background_rows(&self) -> u64 {
        self.background.as_ref().map_or(0, |background| background.dataset().rows())
    }

    fn has_reasons(&self) -> bool {
        self.review.as_ref().is_some_and(|review| review.reasons().is_some())
    }

    /// What reasons cost: values of their own, against the background's favourable decisions, for unfavourable ones. At most all are either.
    fn favourable(&self) -> Cost {
        let cost = |forest| Cost::interventional(forest, self.background_rows());
        self.model.forest().filter(|_| self.has_reasons()).map(cost).unwrap_or_default()
    }

    /// What KernelSHAP computes for one row.
    fn sampled(&self) -> Sampled {
        let players = self.groups.columns().len();
        let Some(settings) = self.config.explain.kernel_shap.settings() else { return Sampled::default() };
        if settings.is_exact(players) {
            return Sampled { players, looked_up: 1 << players, ..Sampled::default() };
        }
        let pairs = settings.pairs();
        let seen = if settings.uses_proxy(players, pairs) { pairs.min(MOST_PAIRS) } else { 0 };
        Sampled { players, looked_up: pairs, pairs, seen }
    }

    /// The table of single rows' curves, which is held whole.
    fn curves(&self) -> u64 {
        let Some(settings) = self.config.derive.ice.settings() else { return 0 };
        let all = self.model.features.len();
        let features = match &settings.features {
            Choice::All => all,
            Choice::Top(count) => count.get().min(all),
            Choice::Named(names) => names.len(),
        };
        let points = match settings.grid {
            GridChoice::Quantiles(count) => features * count.get(),
            // Both sides of every threshold.
            GridChoice::Exact => 2 * self.model.forest().map_or(0, |forest| forest.leaves()),
        };
        let rows = self.data.dataset().rows().min(settings.rows.min(SAMPLE_ROWS).get() as u64);
        CURVE_POINT.saturating_mul(rows).saturating_mul((points * self.model.outputs.len()) as u64)
    }

    /// Reasons of a chunk's rows, where all are unfavourable.
    fn reasons(&self) -> u64 {
        let top = self.review.as_ref().and_then(|review| review.reasons()).map_or(0, |reasons| reasons.top.get());
        REASON * (self.chunk_rows * top.min(self.groups.columns().len())) as u64
    }

    /// Sums over the groups of a review, of the chunks under way and of what each method has merged: its first rows and the later ones; and the
    /// groups' samples, of what has been merged.
    ///
    /// There are taken to be as many groups as among the rows of the first chunk; what cannot be read is the run's to tell.
    fn group_sums(&self, under_way: u64) -> u64 {
        let Some(review) = &self.review else { return 0 };
        let of_chunk = |selection: &Selection| {
            let extra = selection.extra_schema().fields().iter().map(|field| field.name().clone()).collect();
            let rows = selection.dataset().select(&Request { extra, ..Request::default() }).ok()?;
            let first = rows.batches(self.chunk_rows).next()?.ok()?.decode().ok()?;
            let samples = review.sample_bytes(&first.rows, self.data.dataset().rows(), self.model.features.len());
            Some((review.group_bytes(&first.rows, self.groups.columns().len()), samples))
        };
        let of_files: Vec<(u64, u64)> = [Some(&self.data), self.protected.as_ref()].into_iter().flatten().filter_map(of_chunk).collect();
        let (of_chunk, samples) = of_files.iter().fold((0, 0), |(sums, samples), more| (sums + more.0, samples + more.1));
        let methods = ["tree_shap", "kernel_shap", "permutation"].iter().filter(|method| self.config.explain.is_on(method)).count() as u64;
        of_chunk * methods.min(1) * (under_way - 1) + of_chunk * 2 * methods + samples
    }
}
