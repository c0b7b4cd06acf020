//! What a run will take, from the shapes of data and model: time and memory, for `pipeline check` and for a warning before the run.
//!
//! Constants are nanoseconds of one core (AMD EPYC of 2024, AVX-512), fitted to runs of release builds.

use super::plan::Plan;
use crate::dataset::{Request, Selection};
use crate::explain::tree_shap::Mode;
use crate::model::Forest;
use crate::pattern::{Cost, Options};

/// A value of a row, decoded or encoded.
const VALUE: f64 = 70.0;
/// A leaf of a model whose value function is made for a row, and one of its coalitions.
const LEAF: f64 = 350.0;
const COALITION: f64 = 0.07;
/// An element of the matrices of KernelSHAP's proxy, and of their factors.
const ELEMENT: f64 = 10.0;
const FACTOR: f64 = 0.02;
/// A tree's prediction of a row, and a feature of a row that LIME draws.
const PREDICTION: f64 = 1.3;
const DRAW: f64 = 4.0;
/// A leaf over the moves of one row along all features.
const MOVE: f64 = 1.2;
/// Bytes of a reason, with its texts, before it is written.
const REASON: u64 = 170;
/// Everything that takes no rows: opening, figures, the page, syncing.
const FIXED: f64 = 0.15e9;

impl Plan {
    /// Predicted wall time in seconds; none of a model that is a command, whose pace is its own.
    pub(super) fn seconds(&self) -> Option<f64> {
        let forest = self.model.forest()?;
        let (rows, features) = (self.data.dataset().rows(), self.model.features.len() as f64);
        let outputs = self.model.outputs.len() as f64;
        let background = self.background.as_ref().map_or(0, |background| background.dataset().rows());
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
        let game = |samples: usize| leaves * (LEAF + COALITION * samples as f64);
        if let Some(settings) = explain.kernel_shap.settings() {
            let pairs = (settings.samples.get() / 2).min(2048) as f64;
            let proxy = pairs * pairs * (ELEMENT + FACTOR * pairs);
            total += settings.rows.get() as f64 * (game(settings.samples.get()) + proxy);
        }
        if let Some(settings) = explain.permutation.settings() {
            total += settings.rows.get() as f64 * game(settings.samples.get());
        }
        if let Some(settings) = explain.lime.settings() {
            total += settings.rows.get() as f64 * settings.samples.get() as f64 * (PREDICTION * trees + DRAW * features);
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

    /// Predicted memory of the run in bytes: chunks under way, the model's tables, and what the process takes anyway.
    pub(super) fn memory(&self) -> u64 {
        let (features, outputs) = (self.model.features.len() as u64, self.model.outputs.len() as u64);
        let chunk = 8 * self.chunk_rows as u64 * (2 * features + 3 * outputs * (features + 3));
        let of_forest = |forest| {
            let (rows, background) =
                (self.data.dataset().rows(), self.background.as_ref().map_or(0, |background| background.dataset().rows()));
            let settings = self.config.explain.tree_shap.settings();
            let tables = settings.map_or(0, |settings| self.tree_shap(settings.mode, rows, background).bytes);
            let pairs = settings.filter(|settings| settings.interactions).map_or(0, |_| Cost::interactions(forest).bytes);
            // A node with what is compiled of it, beside the tables.
            (tables + pairs + 600 * Forest::leaves(forest)) as u64
        };
        let under_way = 2 * self.threads as u64 + 1;
        (64 << 20) + self.model.forest().map_or(0, of_forest) + (chunk + self.reasons()) * under_way + self.group_sums(under_way)
    }

    /// Reasons of a chunk's rows, where all are unfavourable.
    fn reasons(&self) -> u64 {
        let top = self.review.as_ref().and_then(|review| review.reasons()).map_or(0, |reasons| reasons.top.get());
        REASON * (self.chunk_rows * top.min(self.groups.columns().len())) as u64
    }

    /// Sums over the groups of a review, of the chunks under way and of what each method has merged: its first rows and the later ones.
    ///
    /// There are taken to be as many groups as among the rows of the first chunk; what cannot be read is the run's to tell.
    fn group_sums(&self, under_way: u64) -> u64 {
        let Some(review) = &self.review else { return 0 };
        let of_chunk = |selection: &Selection| {
            let extra = selection.extra_schema().fields().iter().map(|field| field.name().clone()).collect();
            let rows = selection.dataset().select(&Request { extra, ..Request::default() }).ok()?;
            let first = rows.batches(self.chunk_rows).next()?.ok()?.decode().ok()?;
            Some(review.group_bytes(&first.rows, self.groups.columns().len()))
        };
        let of_chunk: u64 = [Some(&self.data), self.protected.as_ref()].into_iter().flatten().filter_map(of_chunk).sum();
        let methods = ["tree_shap", "kernel_shap", "permutation"].iter().filter(|method| self.config.explain.is_on(method)).count() as u64;
        of_chunk * methods.min(1) * (under_way - 1) + of_chunk * 2 * methods
    }
}
