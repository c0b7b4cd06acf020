//! Inner loops on synthetic trees, one thread, with every instruction set of this machine: `cargo bench --bench kernels [NAME]`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use pipeline::dataset::FeatureBlock;
use pipeline::model::Forest;
use pipeline::pattern::{Attributor, BackgroundCounter, Coalitions, InstructionSet, Interactions, Options, Route};
use rand::RngExt;
use synthetic::Size;

#[expect(dead_code, reason = "sizes are the other benchmark's")]
#[path = "../attribution/synthetic.rs"]
mod synthetic;

const ROWS: usize = 4096;
const FEATURES: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global()?;
    divan::Divan::default().max_time(Duration::from_secs(1)).config_with_args().main();
    Ok(())
}

/// 100 trees and rows for them.
fn made(depth: usize) -> (Arc<Forest>, FeatureBlock) {
    made_of(Size { trees: 100, depth, features: FEATURES, outputs: 1 })
}

/// Trees of a size and rows for them.
fn made_of(size: Size) -> (Arc<Forest>, FeatureBlock) {
    let mut random = synthetic::source();
    let Ok(forest) = synthetic::forest(size, &mut random) else { unreachable!("random trees are sound") };
    (Arc::new(forest), synthetic::block(ROWS, FEATURES, &mut random))
}

/// Benchmarks attributions by one route.
fn attribute(bencher: Bencher, instructions: InstructionSet, depth: usize, route: Route) {
    let (forest, rows) = made(depth);
    let options = Options { instructions, route, ..Options::default() };
    let compiled = Attributor::path_dependent_with(forest, options);
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| compiled.as_ref().map(|compiled| compiled.attribute(&rows)).ok());
}

/// Look-ups in tables of groups of leaves.
#[divan::bench(args = InstructionSet::available())]
fn tables_of_depth_6(bencher: Bencher, instructions: InstructionSet) {
    attribute(bencher, instructions, 6, Route::Tables);
}

/// The quadrature sweep.
#[divan::bench(args = InstructionSet::available())]
fn sweep_of_depth_6(bencher: Bencher, instructions: InstructionSet) {
    attribute(bencher, instructions, 6, Route::Walk);
}

/// The quadrature sweep of deep trees.
#[divan::bench(args = InstructionSet::available())]
fn sweep_of_depth_16(bencher: Bencher, instructions: InstructionSet) {
    attribute(bencher, instructions, 16, Route::Walk);
}

/// Trees compiled to tables, by the values of a leaf; items are leaves.
#[divan::bench(args = [1, 10, 30])]
fn compile_to_tables(bencher: Bencher, outputs: usize) {
    let (forest, _) = made_of(Size { trees: 100 / outputs, depth: 6, features: FEATURES, outputs });
    let options = Options { route: Route::Tables, ..Options::default() };
    bencher.counter(ItemsCount::new(forest.leaves())).bench_local(|| Attributor::path_dependent_with(Arc::clone(&forest), options));
}

/// Background rows counted by the patterns of groups.
#[divan::bench(args = InstructionSet::available())]
fn count_background(bencher: Bencher, instructions: InstructionSet) {
    let (forest, rows) = made(6);
    let counter = BackgroundCounter::with(forest, Options { instructions, ..Options::default() }).ok();
    let count = |mut counter: Option<BackgroundCounter>| {
        counter.iter_mut().for_each(|counter| counter.count(&rows, None));
        counter
    };
    bencher.counter(ItemsCount::new(ROWS)).with_inputs(|| counter.clone()).bench_local_values(count);
}

/// The value function of one row under many coalitions; items are coalitions.
#[divan::bench(args = InstructionSet::available())]
fn value_coalitions(bencher: Bencher, instructions: InstructionSet) {
    const COUNT: usize = 2048;
    let (forest, rows) = made(6);
    let counted = BackgroundCounter::with(forest, Options { instructions, ..Options::default() }).and_then(|mut counter| {
        counter.count(&rows, None);
        counter.value_function()
    });
    let (mut random, mut coalitions, mut out) = (synthetic::source(), Coalitions::new(FEATURES, COUNT), vec![0.0; COUNT]);
    for coalition in 0..COUNT {
        (0..FEATURES).filter(|_| random.random_bool(0.5)).for_each(|feature| coalitions.insert(coalition, feature));
    }
    bencher.counter(ItemsCount::new(COUNT)).bench_local(|| {
        counted.iter().for_each(|counted| counted.values(&rows, 0, &coalitions, &mut out));
        out[0]
    });
}

/// SHAP interaction values.
#[divan::bench(args = InstructionSet::available())]
fn interactions(bencher: Bencher, instructions: InstructionSet) {
    let (forest, rows) = made(6);
    let compiled = Interactions::path_dependent_with(forest, Options { instructions, ..Options::default() });
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| compiled.as_ref().map(|compiled| compiled.values(&rows, 0..ROWS)).ok());
}
