//! The way that trees are computed is near the best of the ways measured, on trees of many sizes and any number of rows.

use std::sync::Arc;

use pipeline::pattern::{Cost, Options, Route};
use serde::Deserialize;

#[expect(dead_code, reason = "rows are the benchmark's")]
#[path = "../../benches/attribution/synthetic.rs"]
mod synthetic;

/// A line of `cargo bench --bench attribution -- --routes --json`.
#[derive(Deserialize)]
struct Measured {
    leaves: usize,
    route: String,
    rows: f64,
    compile_cpu: f64,
    rows_cpu: f64,
}

impl Measured {
    /// Seconds for `rows` rows.
    fn seconds(&self, rows: u64) -> f64 {
        self.compile_cpu + self.rows_cpu / self.rows * rows as f64
    }
}

/// Bytes of the tables that are built.
fn bytes(forest: &Arc<pipeline::model::Forest>, route: Route, rows: u64) -> f64 {
    Cost::path_dependent(forest, Options { route, rows, ..Options::default() }).bytes as f64
}

/// Times are of one machine (AMD EPYC of 2024, AVX-512, one thread, the best of three runs): on another the ways differ by other factors, and the choice is near the best as far as those factors are alike.
#[test]
fn trees_are_computed_about_as_fast_as_the_best_way_measured() {
    let lines = include_str!("../golden/routes/measured.jsonl").lines();
    let measured: Vec<Measured> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut chosen = [0; 2];
    for (size, pair) in synthetic::sizes().zip(measured.chunks(2)) {
        let [tables, sweep] = pair else { panic!("two lines a size") };
        assert_eq!([&*tables.route, &*sweep.route], ["Tables", "Walk"]);
        let forest = Arc::new(synthetic::forest(size, &mut synthetic::source()).unwrap());
        assert_eq!(forest.leaves(), tables.leaves, "{size:?}: measured on other trees");
        let all = bytes(&forest, Route::Tables, 1);
        for rows in [1, 10, 100, 1_000, 3_000, 10_000, 30_000, 100_000, 1_000_000].into_iter().filter(|_| all > 0.0) {
            let share = bytes(&forest, Route::Cheapest, rows) / all;
            let [tables, sweep] = [tables, sweep].map(|way| way.seconds(rows));
            let (taken, best) = (share * tables + (1.0 - share) * sweep, tables.min(sweep));
            // Three milliseconds more are nothing, and what a clock may be off by.
            assert!(taken <= 1.3 * best + 0.003, "{size:?}, {rows} rows: {taken:.4} s, tables {tables:.4} s, sweep {sweep:.4} s");
            chosen[usize::from(share > 0.5)] += 1;
        }
    }
    assert_eq!(measured.len(), 2 * synthetic::sizes().count());
    assert!(chosen.iter().all(|count| *count > 20), "both ways are worth taking: {chosen:?}");
}
