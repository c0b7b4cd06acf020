//! Gates: limits on numbers of the tables, whose verdict a scheduler acts on.

mod cells;
mod settings;

use std::convert::Infallible;
use std::iter;

use serde::Serialize;

use crate::table::{self, Table};
use cells::{Cell, cells, place_of};

pub use settings::{Gate, Severity, Wanted};

/// What came of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every number is within its limits.
    Passed,
    /// A number is beyond them.
    Failed,
    /// A number is missing, not a number, or based on too few rows: as bad as failed.
    NotEvaluable,
}

/// A gate, evaluated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Its place among the config's gates, from 1 on.
    pub gate: usize,
    /// The metric, as configured.
    pub metric: String,
    /// Conditions, as `column=value, …`.
    #[serde(rename = "where")]
    pub filter: String,
    /// The number that is furthest beyond its limits, or nearest to them.
    pub value: Option<f64>,
    /// Least value.
    pub min: Option<f64>,
    /// Greatest value.
    pub max: Option<f64>,
    /// What a failure means.
    pub severity: Severity,
    /// What came of it.
    pub status: Status,
    /// Which number decided, or why there is none.
    pub message: String,
}

impl Status {
    /// As in tables and on the page.
    pub fn name(self) -> &'static str {
        match self {
            Status::Passed => "passed",
            Status::Failed => "failed",
            Status::NotEvaluable => "not_evaluable",
        }
    }
}

impl Severity {
    /// As in the config.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warn => "warn",
        }
    }
}

impl Outcome {
    /// Whether it fails the run.
    pub fn fails(&self) -> bool {
        self.status != Status::Passed && self.severity == Severity::Error
    }

    /// Whether it is a warning.
    pub fn warns(&self) -> bool {
        self.status != Status::Passed && self.severity == Severity::Warn
    }

    /// What came of it, in a line.
    pub fn told(&self) -> String {
        let filter = if self.filter.is_empty() { String::new() } else { format!(" where {}", self.filter) };
        let status = match self.status {
            Status::Passed => "passed",
            Status::Failed => "failed",
            Status::NotEvaluable => "could not be evaluated",
        };
        format!("gate {} {status}: {}{filter}, wanted {}: {}", self.gate, self.metric, self.limits(), self.message)
    }

    /// The limits as text: `≥ 0.8`, `≤ 1`, `0.8 to 1.25`.
    pub fn limits(&self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("≥ {min}"),
            (None, Some(max)) => format!("≤ {max}"),
            (None, None) => String::new(),
        }
    }
}

/// Every gate, in the config's order.
pub fn evaluate(gates: &[Gate], tables: &[Table]) -> Vec<Outcome> {
    let whole = |name: &str| tables.iter().find(|table| table.name == name).map(|table| iter::once(Ok::<_, Infallible>(table.clone())));
    let Ok(outcomes) = evaluate_pieces(gates, whole);
    outcomes
}

/// Every gate, in the config's order. `pieces` gives a table by its name: its rows in pieces, so that one of any length need not be held.
///
/// # Errors
/// If a piece cannot be had.
pub fn evaluate_pieces<E, P: Iterator<Item = Result<Table, E>>>(
    gates: &[Gate],
    pieces: impl Fn(&str) -> Option<P>,
) -> Result<Vec<Outcome>, E> {
    gates.iter().zip(1..).map(|(gate, number)| outcome(number, gate, &pieces)).collect()
}

/// The process's exit code: 1 where a gate fails, 4 where there are warnings that are to fail, else 0.
pub fn exit_code(outcomes: &[Outcome], failing_warnings: bool) -> u8 {
    match () {
        () if outcomes.iter().any(Outcome::fails) => 1,
        () if failing_warnings => 4,
        () => 0,
    }
}

/// The outcomes as a table.
pub fn table(outcomes: &[Outcome]) -> Table {
    Table::new(
        "gates",
        vec![
            ("gate", table::integers(outcomes.iter().map(|outcome| outcome.gate as i64))),
            ("metric", table::texts(outcomes.iter().map(|outcome| &outcome.metric))),
            ("where", table::texts(outcomes.iter().map(|outcome| &outcome.filter))),
            ("value", table::optional_numbers(outcomes.iter().map(|outcome| outcome.value))),
            ("min", table::optional_numbers(outcomes.iter().map(|outcome| outcome.min))),
            ("max", table::optional_numbers(outcomes.iter().map(|outcome| outcome.max))),
            ("severity", table::texts(outcomes.iter().map(|outcome| outcome.severity.name()))),
            ("status", table::texts(outcomes.iter().map(|outcome| outcome.status.name()))),
            ("message", table::texts(outcomes.iter().map(|outcome| &outcome.message))),
        ],
    )
}

fn outcome<E, P: Iterator<Item = Result<Table, E>>>(number: usize, gate: &Gate, pieces: impl Fn(&str) -> Option<P>) -> Result<Outcome, E> {
    let filter: Vec<String> = gate.filter.iter().map(|(column, wanted)| format!("{column}={wanted}")).collect();
    let mut outcome = Outcome {
        gate: number,
        metric: gate.metric.clone(),
        filter: filter.join(", "),
        value: None,
        min: gate.min,
        max: gate.max,
        severity: gate.severity,
        status: Status::NotEvaluable,
        message: String::new(),
    };
    let found = place_of(gate).and_then(|(table, name)| match pieces(table) {
        Some(pieces) => Ok((table, name, pieces)),
        None => Err(format!("this run has no table `{table}`")),
    });
    let (table, name, pieces) = match found {
        Ok(found) => found,
        Err(message) => return Ok(Outcome { message, ..outcome }),
    };
    let mut seen = Seen::default();
    for piece in pieces {
        let piece = piece?;
        if is_first_run(&piece) {
            let message = "there is no earlier run to compare with".into();
            return Ok(Outcome { severity: gate.first_run.unwrap_or(gate.severity), message, ..outcome });
        }
        match cells(gate, name, &piece) {
            Ok(cells) => cells.into_iter().for_each(|cell| seen.absorb(gate, cell)),
            Err(message) => return Ok(Outcome { message, ..outcome }),
        }
    }
    seen.settle(gate, table, &mut outcome);
    Ok(outcome)
}

/// Whether a table is a comparison that has no baseline yet: all its lines say so.
fn is_first_run(table: &Table) -> bool {
    table.name == "compare" && !table.is_empty() && table.texts("status").iter().all(|status| status == Some("no_baseline"))
}

/// Cells without a number that a message tells of: a table may have as many as rows.
const TOLD: usize = 5;

/// What a gate has seen of its cells.
#[derive(Debug, Default)]
struct Seen {
    cells: usize,
    /// The number furthest beyond the limits, the last of equals, and its cell.
    worst: Option<(f64, Cell)>,
    /// Cells without a number.
    unknown: usize,
    /// Why the first of them have none.
    told: Vec<String>,
}

impl Seen {
    fn absorb(&mut self, gate: &Gate, cell: Cell) {
        self.cells += 1;
        match &cell.value {
            Err(why) => {
                self.unknown += 1;
                self.told.extend((self.unknown <= TOLD).then(|| cell.told(why)));
            }
            Ok(value) if self.worst.as_ref().is_none_or(|(worst, _)| gate.excess(*value).total_cmp(&gate.excess(*worst)).is_ge()) => {
                self.worst = Some((*value, cell));
            }
            Ok(_) => {}
        }
    }

    /// Settles an outcome when all cells have been seen.
    fn settle(&self, gate: &Gate, table: &str, outcome: &mut Outcome) {
        outcome.value = self.worst.as_ref().map(|(value, _)| *value);
        let (status, message) = match &self.worst {
            Some((value, cell)) if gate.excess(*value) > 0.0 => (Status::Failed, cell.told(&readable(*value, gate))),
            _ if self.unknown > TOLD => (Status::NotEvaluable, format!("{}; and {} more", self.told.join("; "), self.unknown - TOLD)),
            _ if self.unknown > 0 => (Status::NotEvaluable, self.told.join("; ")),
            Some((value, cell)) => (Status::Passed, cell.told(&readable(*value, gate))),
            None => (Status::NotEvaluable, format!("no row of table {table} fits")),
        };
        let many = if self.cells > 1 { format!("{} numbers; ", self.cells) } else { String::new() };
        (outcome.status, outcome.message) = (status, format!("{many}{message}"));
    }
}

/// A number to four significant digits, or as many more as tell on which side of each limit it lies; a whole number as such.
fn readable(value: f64, gate: &Gate) -> String {
    if value.fract() == 0.0 && value.abs() < 1e9 {
        return value.to_string();
    }
    let sides = |value: f64| [gate.min, gate.max].map(|limit| limit.and_then(|limit| value.partial_cmp(&limit)));
    let digits = |after_first: usize| {
        let text = format!("{value:.after_first$e}");
        let exponent = text.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok()).unwrap_or(0);
        match usize::try_from(after_first as i32 - exponent) {
            Ok(decimals) if exponent >= -5 => format!("{value:.decimals$}"),
            _ => text,
        }
    };
    (3..17).map(digits).find(|text| text.parse().is_ok_and(|shown| sides(shown) == sides(value))).unwrap_or_else(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables() -> Vec<Table> {
        let groups = ["female", "other", "male"];
        let metrics = Table::new(
            "fairness_metrics",
            vec![
                ("attribute", table::texts(["sex"; 3])),
                ("group", table::texts(groups)),
                ("metric", table::texts(["adverse_impact_ratio"; 3])),
                ("value", table::optional_numbers([Some(0.75), None, Some(0.9)])),
                ("ci_low", table::optional_numbers([Some(0.6), None, Some(0.8)])),
                ("status", table::texts(["ok", "insufficient_data", "ok"])),
            ],
        );
        let importance = Table::new(
            "importance",
            vec![
                ("feature", table::texts(["age", "amount"])),
                ("rank", table::integers([1, 2])),
                ("mean_abs", table::numbers([0.5, f64::NAN])),
            ],
        );
        vec![metrics, importance]
    }

    fn evaluated(yaml: &str) -> Outcome {
        let gate: Gate = serde_json::from_str(yaml).unwrap();
        evaluate(&[gate], &tables()).remove(0)
    }

    #[test]
    fn numbers_are_found_by_metric_or_by_column() {
        let gate = |filter: &str, limits: &str| {
            let outcome = evaluated(&format!(r#"{{"metric": "fairness.adverse_impact_ratio", "where": {filter}, {limits}}}"#));
            (outcome.status, outcome.value)
        };
        assert_eq!(gate(r#"{"group": "male"}"#, r#""min": 0.8"#), (Status::Passed, Some(0.9)));
        assert_eq!(gate(r#"{"group": "male"}"#, r#""min": 0.85, "column": "ci_low""#), (Status::Failed, Some(0.8)));
        assert_eq!(gate(r#"{"group": "female"}"#, r#""min": 0.8"#), (Status::Failed, Some(0.75)));
        assert_eq!(gate(r#"{"group": "female"}"#, r#""max": 0.75"#), (Status::Passed, Some(0.75)));
        let rank = evaluated(r#"{"metric": "importance.rank", "where": {"feature": "age"}, "max": 1}"#);
        assert_eq!((rank.status, rank.value), (Status::Passed, Some(1.0)));
        assert_eq!(evaluated(r#"{"metric": "importance.mean_abs", "where": {"rank": 1}, "max": 1}"#).status, Status::Passed);
    }

    #[test]
    fn messages_hold_as_many_digits_as_tell_a_number_from_its_limits() {
        let told = |value: f64, limits: &str| {
            let gate: Gate = serde_json::from_str(&format!(r#"{{"metric": "importance.mean_abs", {limits}}}"#)).unwrap();
            readable(value, &gate)
        };
        assert_eq!(told(0.849_152_173_913_043_5, r#""min": 0.8"#), "0.8492");
        assert_eq!(told(0.799_999_6, r#""min": 0.8"#), "0.7999996");
        assert_eq!(told(0.8, r#""min": 0.8, "max": 1.25"#), "0.8000");
        assert_eq!(told(0.8_f64.next_down(), r#""min": 0.8"#), "0.7999999999999999");
        assert_eq!(told(-0.000_012_345_6, r#""max": 0"#), "-0.00001235");
        assert_eq!(told(123_456.7, r#""max": 1e6"#), "1.235e5");
        assert_eq!((told(1.0, r#""max": 1"#), told(0.0, r#""max": 1"#)), ("1".into(), "0".into()));
        assert_eq!(told(2.0e-9, r#""max": 1"#), "2.000e-9");
    }

    #[test]
    fn the_worst_of_several_decides_and_one_that_is_missing_never_passes() {
        let all = evaluated(r#"{"metric": "fairness.adverse_impact_ratio", "min": 0.8}"#);
        assert_eq!((all.status, all.value), (Status::Failed, Some(0.75)));
        assert!(all.message.contains("3 numbers") && all.message.contains("female"), "{}", all.message);
        let lenient = evaluated(r#"{"metric": "fairness.adverse_impact_ratio", "min": 0.1}"#);
        assert_eq!(lenient.status, Status::NotEvaluable);
        assert!(lenient.message.contains("other") && lenient.message.contains("insufficient_data"), "{}", lenient.message);
    }

    #[test]
    fn a_message_tells_of_a_few_missing_numbers_and_counts_the_others() {
        let values = std::iter::once(Some(3.0)).chain([None; 10_000]);
        let summary =
            Table::new("summary", vec![("feature", table::texts(["age"; 10_001])), ("value_number", table::optional_numbers(values))]);
        let outcome = evaluate(&[serde_json::from_str(r#"{"metric": "summary.value_number", "min": 0}"#).unwrap()], &[summary]).remove(0);
        assert_eq!((outcome.status, outcome.value), (Status::NotEvaluable, Some(3.0)));
        let expected = format!("10001 numbers; {}and 9995 more", "age: there is no number; ".repeat(5));
        assert_eq!(outcome.message, expected);
    }

    #[test]
    fn before_the_first_run_a_gate_on_the_comparison_is_never_passed_but_may_only_warn() {
        let comparison = |status: &'static str| {
            Table::new(
                "compare",
                vec![
                    ("metric", table::texts(["importance_ndcg"])),
                    ("change", table::optional_numbers([None])),
                    ("status", table::texts([status])),
                ],
            )
        };
        let outcome = |gate: &str, status| evaluate(&[serde_json::from_str(gate).unwrap()], &[comparison(status)]).remove(0);
        let told = |outcome: Outcome| (outcome.status, outcome.fails(), outcome.warns());
        let strict = r#"{"metric": "compare.feature_psi", "where": {"feature": "age"}, "max": 0.2}"#;
        let lenient = r#"{"metric": "compare.importance_ndcg", "min": 0.9, "first_run": "warn"}"#;
        assert_eq!(told(outcome(strict, "no_baseline")), (Status::NotEvaluable, true, false));
        assert_eq!(told(outcome(lenient, "no_baseline")), (Status::NotEvaluable, false, true));
        assert_eq!(told(outcome(lenient, "unusable_baseline")), (Status::NotEvaluable, true, false));
        assert!(outcome(lenient, "no_baseline").message.contains("no earlier run"));
    }

    #[test]
    fn what_is_not_there_is_not_evaluable_and_says_why() {
        for (gate, words) in [
            (r#"{"metric": "compare.importance_ndcg", "min": 0.9}"#, "no table `compare`"),
            (r#"{"metric": "fairness.auc", "min": 0.9}"#, "neither a metric nor a numeric column"),
            (r#"{"metric": "fairness.adverse_impact_ratio", "where": {"group": "nobody"}, "min": 0.9}"#, "no row"),
            (r#"{"metric": "fairness.adverse_impact_ratio", "where": {"grup": "male"}, "min": 0.9}"#, "no column `grup`"),
            (r#"{"metric": "importance.mean_abs", "where": {"feature": "amount"}, "min": 0}"#, "not a number"),
            (r#"{"metric": "importance.feature", "min": 0}"#, "neither a metric nor a numeric column"),
            (r#"{"metric": "importance", "min": 0}"#, "table.metric"),
        ] {
            let outcome = evaluated(gate);
            assert_eq!(outcome.status, Status::NotEvaluable);
            assert!(outcome.fails() && outcome.message.contains(words), "{}", outcome.message);
        }
    }
}
