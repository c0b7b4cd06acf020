//! How cost grows: synthetic forests that differ from one another in one dimension at a time.

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;

use pipeline::pattern::{Options, Route};
use rayon::ThreadPoolBuilder;

use crate::measure::{Game, Measurement, measure};
use crate::synthetic::{Size, block, forest, sizes, source};

/// A forest's size, and the rows to explain.
#[derive(Clone, Copy)]
struct Case {
    size: Size,
    rows: usize,
    /// Background rows; 0 is the path-dependent game.
    background: usize,
    /// 0 is as many as were asked for.
    threads: usize,
}

const SIZE: Size = Size { trees: 100, depth: 6, features: 32, outputs: 1 };
const START: Case = Case { size: SIZE, rows: 20_000, background: 0, threads: 0 };

/// Measures every case and hands it to `show`.
pub fn run(repeats: usize, mut show: impl FnMut(&Measurement) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    for case in cases() {
        let random = &mut source();
        let forest = Arc::new(forest(case.size, random)?);
        let rows = block(case.rows, case.size.features, random);
        let game = match case.background {
            0 => Game::PathDependent,
            count => Game::Interventional(block(count, case.size.features, random)),
        };
        let options = Options { rows: case.rows as u64, ..Options::default() };
        let measure = || measure(&forest, &game, &rows, options, repeats).map_err(|error| error.to_string());
        let measured = match case.threads {
            0 => measure(),
            threads => ThreadPoolBuilder::new().num_threads(threads).build()?.install(measure),
        };
        show(&measured?.0)?;
    }
    Ok(())
}

fn cases() -> Vec<Case> {
    let mut cases = vec![START];
    cases.extend([10, 1_000].map(|trees| Case { size: Size { trees, ..SIZE }, ..START }));
    cases.extend([2, 4, 8, 10, 12, 16, 24].map(|depth| Case { size: Size { depth, ..SIZE }, ..START }));
    cases.extend([8, 128, 512].map(|features| Case { size: Size { features, ..SIZE }, ..START }));
    cases.extend([100, 1_000, 100_000].map(|rows| Case { rows, ..START }));
    cases.extend([100, 1_000, 10_000, 100_000].map(|background| Case { background, ..START }));
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    cases.extend([2, 4, 8, 16, 32, 64].into_iter().filter(|threads| *threads <= cores).map(|threads| Case { threads, ..START }));
    cases
}

/// Measures trees of many sizes both ways, by tables and by sweep.
pub fn routes(repeats: usize, mut show: impl FnMut(&Measurement) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    for size in sizes() {
        let random = &mut source();
        let forest = Arc::new(forest(size, random)?);
        let rows = block(START.rows, size.features, random);
        for route in [Route::Tables, Route::Walk] {
            show(&measure(&forest, &Game::PathDependent, &rows, Options { route, ..Options::default() }, repeats)?.0)?;
        }
    }
    Ok(())
}
