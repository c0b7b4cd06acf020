//! One measurement: a forest, a game, rows, and a choice of instructions and route.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use pipeline::dataset::FeatureBlock;
use pipeline::model::Forest;
use pipeline::pattern::{Attributions, Attributor, BackgroundCounter, Interactions, Options};
use serde::Serialize;

use crate::clock::{Took, time};

/// Which Shapley game, with its background.
pub enum Game {
    /// Path-dependent.
    PathDependent,
    /// Interventional against these rows.
    Interventional(FeatureBlock),
}

/// What was measured. Rates are rows per second of CPU time, and of wall time.
#[derive(Serialize)]
pub struct Measurement {
    trees: usize,
    leaves: usize,
    depth: usize,
    features: usize,
    rows: usize,
    /// Background rows; `None` is the path-dependent game.
    background: Option<usize>,
    instructions: String,
    route: String,
    threads: usize,
    /// Seconds of CPU time to compile the forest, the background counted.
    compile_cpu: f64,
    compile_wall: f64,
    /// Seconds to attribute all rows.
    rows_cpu: f64,
    rows_wall: f64,
}

impl Measurement {
    /// Head of the Markdown table.
    pub const HEADER: &str = "| game | trees | leaves | depth | features | rows | instructions | route | threads | compile s | rows/s (CPU) | rows/s (wall) |\n\
         |---|--:|--:|--:|--:|--:|---|---|--:|--:|--:|--:|";
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let game = self.background.map_or("path-dependent".to_string(), |rows| format!("interventional, {rows}"));
        let (rows, per) = (self.rows as f64, |seconds: f64| self.rows as f64 / seconds);
        write!(f, "| {game} | {} | {} | {} | {} | {rows} ", self.trees, self.leaves, self.depth, self.features)?;
        write!(f, "| {} | {} | {} | {:.3} ", self.instructions, self.route, self.threads, self.compile_cpu)?;
        write!(f, "| {:.0} | {:.0} |", per(self.rows_cpu), per(self.rows_wall))
    }
}

/// Compiles the forest once and attributes the rows `repeats` times; the repeat of least CPU time counts.
pub fn measure(
    forest: &Arc<Forest>,
    game: &Game,
    rows: &FeatureBlock,
    options: Options,
    repeats: usize,
) -> Result<(Measurement, Attributions), Box<dyn Error>> {
    let (attributor, compiled) = time(|| compile(forest, game, options));
    let attributor = attributor?;
    let (attributions, mut best) = time(|| attributor.attribute(rows));
    for _ in 1..repeats {
        let (_, took) = time(|| attributor.attribute(rows));
        if took.cpu < best.cpu {
            best = took;
        }
    }
    Ok((describe(forest, game, rows, options, compiled, best), attributions))
}

/// As [`measure`], of interaction values of the first output: all cells, `(feature · features + other) · rows + row`.
pub fn interactions(
    forest: &Arc<Forest>,
    game: &Game,
    rows: &FeatureBlock,
    repeats: usize,
) -> Result<(Measurement, Vec<f64>), Box<dyn Error>> {
    let compile = || match game {
        Game::PathDependent => Interactions::path_dependent(Arc::clone(forest)),
        Game::Interventional(background) => {
            let mut counter = BackgroundCounter::new(Arc::clone(forest))?;
            counter.count(background, None);
            counter.interactions()
        }
    };
    let (compiled, took) = time(compile);
    let (compiled, count) = (compiled?, rows.rows());
    let (values, mut best) = time(|| compiled.values(rows, 0..count));
    for _ in 1..repeats {
        let (_, took) = time(|| compiled.values(rows, 0..count));
        if took.cpu < best.cpu {
            best = took;
        }
    }
    let features = forest.features.len();
    let mut cells = vec![0.0; features * features * count];
    for ((a, b), values) in compiled.pairs().iter().zip(values.chunks_exact(count.max(1))) {
        for cell in [a * features + b, b * features + a] {
            cells[cell * count..][..count].copy_from_slice(values);
        }
    }
    Ok((describe(forest, game, rows, Options::default(), took, best), cells))
}

fn compile(forest: &Arc<Forest>, game: &Game, options: Options) -> Result<Attributor, Box<dyn Error>> {
    match game {
        Game::PathDependent => Ok(Attributor::path_dependent_with(Arc::clone(forest), options)?),
        Game::Interventional(background) => {
            let mut counter = BackgroundCounter::with(Arc::clone(forest), options)?;
            counter.count(background, None);
            Ok(counter.finish()?)
        }
    }
}

fn describe(forest: &Forest, game: &Game, rows: &FeatureBlock, options: Options, compiled: Took, attributed: Took) -> Measurement {
    Measurement {
        trees: forest.trees.len(),
        leaves: forest.leaves(),
        depth: forest.depth(),
        features: forest.features.len(),
        rows: rows.rows(),
        background: match game {
            Game::PathDependent => None,
            Game::Interventional(background) => Some(background.rows()),
        },
        instructions: format!("{:?}", options.instructions),
        route: format!("{:?}", options.route),
        threads: rayon::current_num_threads(),
        compile_cpu: compiled.cpu,
        compile_wall: compiled.wall,
        rows_cpu: attributed.cpu,
        rows_wall: attributed.wall,
    }
}
