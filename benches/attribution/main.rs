//! Rows a second of the pattern engine: for a model and rows from files, or over a grid of synthetic forests.
//!
//! Only the engine's own calls are timed. `docs/performance.md` says how to run it and what the columns mean.

mod clock;
mod grid;
mod measure;
mod synthetic;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use pipeline::dataset::{Dataset, FeatureBlock, Request};
use pipeline::model::{Forest, Iterations, load};
use pipeline::pattern::{InstructionSet, Options, Route};

use measure::{Game, Measurement, interactions, measure};

/// Measures attributions of MODEL on ROWS; without them, of synthetic forests of growing size.
#[derive(Parser)]
struct Arguments {
    /// Model file.
    #[arg(requires = "rows")]
    model: Option<PathBuf>,
    /// Parquet file with the model's features.
    rows: Option<PathBuf>,
    /// Explain the first N rows.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    first: usize,
    /// Interventional against the first N rows, each N in turn; path-dependent without it.
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    background: Vec<usize>,
    /// Interaction values, of the fastest instructions.
    #[arg(long, conflicts_with = "each")]
    interactions: bool,
    /// Every instruction set of this machine, by the cheapest ways and without tables, not the fastest alone.
    #[arg(long)]
    each: bool,
    /// Synthetic trees of many sizes, by tables and by sweep.
    #[arg(long, conflicts_with = "model")]
    routes: bool,
    /// Threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Times that each measurement is repeated; the one of least CPU time counts.
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Write the last measurement's attributions, then margins: little-endian f64, `(output · features + feature) · rows + row`; of interaction
    /// values, of one output, `(feature · features + other) · rows + row`.
    #[arg(long, value_name = "FILE")]
    values: Option<PathBuf>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build_global()?;
    if !arguments.json {
        println!("{}", Measurement::HEADER);
    }
    if arguments.routes {
        return grid::routes(arguments.repeats, |measurement| print(measurement, arguments.json));
    }
    let (Some(model), Some(rows)) = (&arguments.model, &arguments.rows) else {
        return grid::run(arguments.repeats, |measurement| print(measurement, arguments.json));
    };
    let forest = Arc::new(load(model, "auto", Iterations::All)?.forest);
    let all = read(&forest, rows)?;
    let explained = first(&all, arguments.first);
    let games = match arguments.background.as_slice() {
        [] => vec![Game::PathDependent],
        sizes => sizes.iter().map(|size| Game::Interventional(first(&all, *size))).collect(),
    };
    if arguments.interactions {
        for game in &games {
            let (measurement, cells) = interactions(&forest, game, &explained, arguments.repeats)?;
            print(&measurement, arguments.json)?;
            arguments.values.as_ref().map_or(Ok(()), |path| write(path, cells.iter()))?;
        }
        return Ok(());
    }
    for game in &games {
        for options in choices(arguments.each, explained.rows() as u64) {
            let (measurement, attributions) = measure(&forest, game, &explained, options, arguments.repeats)?;
            print(&measurement, arguments.json)?;
            let values = attributions.values.iter().chain(&attributions.margins);
            arguments.values.as_ref().map_or(Ok(()), |path| write(path, values))?;
        }
    }
    Ok(())
}

fn print(measurement: &Measurement, json: bool) -> Result<(), Box<dyn Error>> {
    if json {
        println!("{}", serde_json::to_string(measurement)?);
    } else {
        println!("{measurement}");
    }
    Ok(())
}

fn write<'v>(path: &Path, values: impl Iterator<Item = &'v f64>) -> std::io::Result<()> {
    std::fs::write(path, values.flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// The fastest for so many rows, or all that this machine offers.
fn choices(each: bool, rows: u64) -> Vec<Options> {
    if !each {
        return vec![Options { rows, ..Options::default() }];
    }
    let sets = InstructionSet::available().into_iter().rev();
    sets.flat_map(|instructions| [Route::Cheapest, Route::Walk].map(|route| Options { route, instructions, rows })).collect()
}

/// All rows of a Parquet file, as the model's features.
fn read(forest: &Forest, path: &Path) -> Result<FeatureBlock, Box<dyn Error>> {
    let features = forest.features.iter().map(|feature| feature.request()).collect();
    let dataset = Dataset::open(path)?;
    let rows = usize::try_from(dataset.rows())?;
    let mut batches = dataset.select(&Request { features, ..Request::default() })?.batches(rows.max(1));
    let batch = batches.next().ok_or("the file has no rows")??;
    Ok(batch.decode()?.rows.features)
}

/// The first `count` rows, all where there are fewer.
fn first(block: &FeatureBlock, count: usize) -> FeatureBlock {
    let rows = count.min(block.rows());
    let values = (0..block.features()).flat_map(|feature| &block.column(feature)[..rows]).copied().collect();
    FeatureBlock::new(rows, values)
}
