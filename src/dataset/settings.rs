//! Which rows and columns are read: the `data` and `background` sections of the config.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rows to explain.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct DataSettings {
    /// Parquet file, directory of them (hive partitions become columns), or glob.
    #[schemars(extend("format" = "data-path"))]
    pub path: PathBuf,
    /// Column that identifies a row; its number in the source where null.
    #[serde(default)]
    pub id: Option<String>,
    /// Column of the true outcome, if there is one.
    #[serde(default)]
    pub label: Option<String>,
    /// Column of row weights; every row counts once where null.
    #[serde(default)]
    pub weight: Option<String>,
    /// Columns of the model's features; matched by the model's own names where null.
    #[serde(default)]
    #[schemars(extend("uniqueItems" = true, "minItems" = 1))]
    pub features: Option<Vec<String>>,
    /// SQL expression over the columns; rows for which it does not hold are left out.
    #[serde(default)]
    pub filter: Option<String>,
    /// Names for sets of features whose attributions are summed, as for one-hot columns.
    #[serde(default)]
    pub feature_groups: BTreeMap<String, Vec<String>>,
    /// Category names in code order, for categorical features whose names the model file does not hold.
    #[serde(default)]
    pub categories: BTreeMap<String, Vec<String>>,
}

/// The rows that stand in for features left out of a coalition.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct BackgroundSettings {
    /// Parquet file, directory or glob; the data itself where null.
    #[schemars(extend("format" = "data-path"))]
    pub path: Option<PathBuf>,
    /// How many of the rows are used.
    pub rows: BackgroundRows,
    /// SQL expression over the columns; rows for which it does not hold are left out.
    pub filter: Option<String>,
}

/// How many background rows are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum BackgroundRows {
    /// All of them.
    #[default]
    All,
    /// A sample of `n`, drawn with the run's seed.
    #[serde(untagged)]
    Sample(NonZeroUsize),
}
