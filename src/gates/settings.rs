//! One entry of the config's `gates`.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A limit on numbers of the tables, evaluated when all tables are finished.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Gate {
    /// `table.metric` of a table with metrics, `table.column` of another; `fairness` stands for `fairness_metrics`.
    #[schemars(extend("examples" = ["fairness.adverse_impact_ratio"]))]
    pub metric: String,
    /// Values of other columns; rows that have them all are looked at, and each of their numbers must pass.
    #[serde(default, rename = "where")]
    pub filter: BTreeMap<String, Wanted>,
    /// Column of the number, such as `ci_low`; of a metric the one that holds its value, where null.
    #[serde(default)]
    pub column: Option<String>,
    /// Least value that passes.
    #[serde(default)]
    pub min: Option<f64>,
    /// Greatest value that passes.
    #[serde(default)]
    pub max: Option<f64>,
    /// What a failure means.
    #[serde(default)]
    pub severity: Severity,
    /// What it means that a number of `compare` cannot be there yet, since no run came before; as `severity` where null.
    #[serde(default)]
    pub first_run: Option<Severity>,
}

/// What a failed gate means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Severity {
    /// Exit code 1.
    #[default]
    Error,
    /// A warning; exit code 4 with `--fail-on-warn`.
    Warn,
}

/// A value that a column should have.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Wanted {
    /// True or false.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Flag(flag) => flag.fmt(formatter),
            Wanted::Number(number) => number.fmt(formatter),
            Wanted::Text(text) => formatter.write_str(text),
        }
    }
}

impl Gate {
    /// How far a value is beyond the limits; negative or zero within.
    pub(super) fn excess(&self, value: f64) -> f64 {
        let below = self.min.map_or(f64::NEG_INFINITY, |min| min - value);
        let above = self.max.map_or(f64::NEG_INFINITY, |max| value - max);
        below.max(above)
    }
}
