//! A first config for a dataset and a model: what their names and types tell, and what is left to decide as comments.
//!
//! Lines that begin with `# ` explain; lines that begin with `#` and a key, or more than one space, are config that is switched off.

use std::fmt::Write;
use std::path::Path;

use super::emit::word;
use crate::dataset::{ColumnSummary, DataError, Dataset, DatasetSummary};
use crate::model::{self, Feature, Iterations, Link, Model, ModelError};

/// Rows of a dataset beyond which a sample of it is proposed as background.
const BACKGROUND_ROWS: u64 = 1_000_000;

/// Why no config can be proposed.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model's features are not in the data.
    #[error("{message}")]
    Mismatch {
        /// What is missing and what to do.
        message: String,
    },
}

/// A commented config that runs; its paths are written as `located` makes of them.
///
/// # Errors
/// If data or model cannot be read, or the data lack one of the model's features.
pub fn propose(data: &Path, model: &Path, located: impl Fn(&Path) -> String) -> Result<String, ProposeError> {
    let summary = Dataset::open(data)?.summary();
    let loaded = model::load(model, "auto", Iterations::All)?;
    let guess = Guess::new(&summary.columns, &loaded.forest.features)?;
    let name = data.file_stem().map_or_else(|| "audit".into(), |stem| stem.to_string_lossy().into_owned());
    let name = if name.contains(['*', '?', '[']) || name.is_empty() { "audit".to_owned() } else { name };
    let mut text = format!(
        "# An audit proposed by `pipeline init`: look through it, then run it with `pipeline run` and this file's name.\n\
         # Relative paths start from this file's folder; `pipeline schema` describes every key.\n\
         version: 1\nname: {}\n\nrun:\n  seed: 42 # of everything random: bootstrap intervals, samples\n\n",
        word(&name)
    );
    text += &data_section(&summary, &guess, &located(data));
    text += &model_section(&loaded, &located(model), summary.rows);
    text += &method_sections(&loaded);
    text += &decisions(&loaded, &guess);
    // Writing to a string cannot fail.
    let _ = write!(text, "output:\n  dir: {}\n  keep: 30 # runs, the newest\n", word(&format!("reports/{name}")));
    Ok(text)
}

/// What the columns may be, by name and type.
#[derive(Debug, Default, PartialEq)]
struct Guess {
    /// The model's features in its order, of a model that has only numbers for names.
    features: Option<Vec<String>>,
    id: Option<String>,
    label: Option<String>,
    weight: Option<String>,
    /// Columns that may divide people into groups, and whether they are ages.
    attributes: Vec<(String, bool)>,
    /// Columns that nothing is known of.
    others: Vec<String>,
}

const IDS: [&str; 5] = ["id", "key", "uuid", "guid", "identifier"];
const LABELS: [&str; 15] = [
    "label",
    "target",
    "y",
    "outcome",
    "class",
    "bad",
    "default",
    "defaulted",
    "churn",
    "churned",
    "fraud",
    "response",
    "survived",
    "event",
    "clicked",
];
const WEIGHTS: [&str; 5] = ["weight", "weights", "sample_weight", "exposure", "wt"];
const ATTRIBUTES: [&str; 9] = ["sex", "gender", "age", "race", "ethnicity", "nationality", "religion", "disability", "marital"];

impl Guess {
    fn new(columns: &[ColumnSummary], features: &[Feature]) -> Result<Self, ProposeError> {
        let mut guess = Self::default();
        let is_feature = |column: &ColumnSummary| features.iter().any(|feature| feature.name == column.name);
        for column in columns.iter().filter(|column| !is_feature(column)) {
            guess.take(column);
        }
        if guess.label.is_none() {
            // One number that is left over is what a model has learned more often than not.
            let numbers = columns.iter().filter(|column| guess.others.contains(&column.name) && is_numeric(column));
            if let [column] = numbers.collect::<Vec<_>>().as_slice() {
                guess.label = Some(column.name.clone());
                guess.others.retain(|name| *name != column.name);
            }
        }
        let exact: Vec<_> = columns.iter().filter_map(|column| attribute(column, |name| ATTRIBUTES.contains(&name))).collect();
        let parts = || columns.iter().filter_map(|column| attribute(column, |name| words(name).any(|word| ATTRIBUTES.contains(&word))));
        guess.attributes = if exact.is_empty() { parts().collect() } else { exact };
        guess.match_features(columns, features)?;
        Ok(guess)
    }

    /// Files a column that is no feature.
    fn take(&mut self, column: &ColumnSummary) {
        let name = column.name.to_ascii_lowercase();
        let free = |slot: &Option<String>| slot.is_none();
        let slot = if free(&self.id) && words(&name).any(|word| IDS.contains(&word)) && (is_integer(column) || is_text(column)) {
            &mut self.id
        } else if free(&self.label) && LABELS.contains(&name.as_str()) && is_numeric(column) {
            &mut self.label
        } else if free(&self.weight) && WEIGHTS.contains(&name.as_str()) && is_numeric(column) {
            &mut self.weight
        } else {
            return self.others.push(column.name.clone());
        };
        *slot = Some(column.name.clone());
    }

    /// Finds each of the model's features among the columns, or lists the columns that stand for numbered ones.
    fn match_features(&mut self, columns: &[ColumnSummary], features: &[Feature]) -> Result<(), ProposeError> {
        let missing: Vec<&str> =
            features.iter().map(|feature| feature.name.as_str()).filter(|name| columns.iter().all(|column| column.name != *name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if !Feature::are_numbered(features) {
            let message = format!("the data have no column for {} of the model's features: {}", missing.len(), missing.join(", "));
            return Err(ProposeError::Mismatch { message });
        }
        let taken = [&self.id, &self.label, &self.weight];
        let left = columns.iter().map(|column| &column.name).filter(|name| taken.iter().all(|slot| slot.as_ref() != Some(*name)));
        let left: Vec<String> = left.cloned().collect();
        if left.len() != features.len() {
            let message = format!(
                "the model has numbers for feature names, {} of them, and {} columns of the data may stand for them: {}; write the config by hand, \
                 with data.features naming the columns in the model's order",
                features.len(),
                left.len(),
                left.join(", ")
            );
            return Err(ProposeError::Mismatch { message });
        }
        self.others.clear();
        self.features = Some(left);
        Ok(())
    }
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|mark: char| !mark.is_ascii_alphanumeric())
}

/// A column that may divide people into groups, and whether it is an age.
fn attribute(column: &ColumnSummary, is_meant: impl Fn(&str) -> bool) -> Option<(String, bool)> {
    let name = column.name.to_ascii_lowercase();
    let is_age = words(&name).any(|word| word == "age") && is_numeric(column);
    let is_group = is_text(column) || is_integer(column) || column.data_type == "Boolean";
    (is_meant(&name) && (is_age || is_group)).then(|| (column.name.clone(), is_age))
}

fn is_integer(column: &ColumnSummary) -> bool {
    column.data_type.starts_with("Int") || column.data_type.starts_with("UInt")
}

fn is_numeric(column: &ColumnSummary) -> bool {
    is_integer(column) || ["Float", "Decimal", "Boolean"].iter().any(|name| column.data_type.starts_with(name))
}

fn is_text(column: &ColumnSummary) -> bool {
    column.data_type.contains("Utf8")
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| word(name)).collect::<Vec<_>>().join(", ")
}

fn data_section(summary: &DatasetSummary, guess: &Guess, path: &str) -> String {
    let mut text = format!("# {} rows, {} columns.\ndata:\n  path: {}\n", summary.rows, summary.columns.len(), word(path));
    let mut line = |line: String| text.push_str(&(line + "\n"));
    match &guess.id {
        Some(id) => line(format!("  id: {} # by its name and type: check that it tells rows apart", word(id))),
        None => line("#  id: null # a column that identifies a row; the row's number where there is none".into()),
    }
    match &guess.label {
        Some(label) => line(format!("  label: {} # check that it is what the model predicts", word(label))),
        None => line("#  label: null # the column that the model predicts, where there is one".into()),
    }
    if let Some(weight) = &guess.weight {
        line(format!("#  weight: {} # switch on where a row should count this often", word(weight)));
    }
    if let Some(features) = &guess.features {
        line("  # The model has numbers for feature names: check that these columns are in its order.".into());
        line(format!("  features: [{}]", list(features)));
    }
    if !guess.others.is_empty() {
        line(format!("  # Columns that are no feature of the model: {}.", list(&guess.others)));
        line("#  filter: null # a condition on columns, such as split = 'test'".into());
    }
    text + "\n"
}

fn model_section(model: &Model, path: &str, rows: u64) -> String {
    let (card, forest) = (&model.card, &model.forest);
    let version = card.version.as_ref().map_or(String::new(), |version| format!(" {version}"));
    let about = format!("{}{version}, {}: {} trees, {} features", card.format, card.objective, forest.trees.len(), forest.features.len());
    let background = if rows > BACKGROUND_ROWS { "100000 # a seeded sample; `all` is exact, and reads the data once more" } else { "all" };
    format!(
        "# {about}.\nmodel:\n  path: {}\n  iterations: all # or best, or a number of boosting rounds\n\n\
         # The rows that stand in for features left out of a coalition: the data itself.\nbackground:\n  rows: {background}\n\n",
        word(path)
    )
}

fn method_sections(model: &Model) -> String {
    let linear = model.forest.trees.iter().any(|tree| !tree.linear.is_empty());
    let explain = if linear {
        "  tree_shap: false # leaves are linear functions, which TreeSHAP does not cover\n  kernel_shap: { rows: 200 } # a sample, for it is slow\n  \
         # A linear leaf predicts no finite number of an infinite value, and the run would end there: leave such rows out by data.filter.\n"
    } else {
        "  tree_shap: { mode: interventional } # or path_dependent\n#  lime: { rows: 500 }\n"
    };
    let effects = "#  ale: { features: top(6) }\n#  pdp: { features: top(6), grid: quantiles(50) }\n#  surrogate: { depth: 3 }\n";
    format!("explain:\n{explain}\nderive:\n  importance: {{ intervals: 0.95 }}\n  summary: {{}}\n{effects}\n")
}

/// The sections that need a decision, switched off.
fn decisions(model: &Model, guess: &Guess) -> String {
    let output = match model.forest.outputs.as_slice() {
        [_] | [] => String::new(),
        several => format!("#  output: {} # of {}\n", word(several.last().map_or("", |name| name)), several.join(", ")),
    };
    let threshold = match model.forest.link {
        Link::Logistic | Link::Softmax => "0.5 # on the predicted probability",
        _ => "0.5 # on the prediction",
    };
    let attribute = |(name, is_age): &(String, bool)| {
        let bins = if *is_age { ", bins: [25, 40, 60]" } else { "" };
        format!("#    - {{ column: {}{bins} }}\n", word(name))
    };
    let attributes: String = guess.attributes.iter().map(attribute).collect();
    let (fairness, gate) = if attributes.is_empty() {
        ("# A fairness review needs columns that divide the rows into groups; none looks like one (docs/fairness.md).\n".to_owned(), "")
    } else {
        let fairness = format!(
            "# Which decisions are favourable, and for whom they are compared (docs/fairness.md).\n#fairness:\n\
             #  favourable: below # or above: the side of the threshold on which a decision is favourable\n#  threshold: {threshold}\n\
             {output}#  attributes:\n{attributes}"
        );
        (fairness, "#  - { metric: fairness.adverse_impact_ratio, min: 0.8 }\n")
    };
    format!(
        "{fairness}\n# What changed since the run before (docs/compare.md).\n#compare: {{ baseline: latest }}\n\n\
         # Limits on numbers of the tables; one that fails ends the run with exit code 1 (docs/gates.md).\n#gates:\n{gate}\
         #  - {{ metric: compare.importance_ndcg, min: 0.9, severity: warn, first_run: warn }}\n\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(columns: &[(&str, &str)]) -> Vec<ColumnSummary> {
        columns.iter().map(|(name, data_type)| ColumnSummary { name: (*name).into(), data_type: (*data_type).into() }).collect()
    }

    fn features(names: &[&str]) -> Vec<Feature> {
        names.iter().map(|name| Feature::numeric(*name)).collect()
    }

    #[test]
    fn columns_are_known_by_name_and_type() {
        let data = [("Customer_ID", "Utf8"), ("age", "Int32"), ("amount", "Float64"), ("bad", "Int8"), ("Sex", "Dictionary(Int8, Utf8)")];
        let more = [("exposure", "Float32"), ("branch", "Utf8"), ("personal_status_sex", "Utf8")];
        let guess = Guess::new(&columns(&[&data[..], &more[..]].concat()), &features(&["age", "amount"])).unwrap();
        assert_eq!(
            (guess.id.as_deref(), guess.label.as_deref(), guess.weight.as_deref()),
            (Some("Customer_ID"), Some("bad"), Some("exposure"))
        );
        assert_eq!(guess.attributes, [("age".to_owned(), true), ("Sex".to_owned(), false)]);
        assert_eq!((guess.features, guess.others), (None, vec!["Sex".to_owned(), "branch".into(), "personal_status_sex".into()]));
    }

    #[test]
    fn names_of_columns_stay_in_their_comments() {
        let guess = Guess { others: vec!["branch".into(), "two\nlines: 1".into()], ..Guess::default() };
        let path = std::path::PathBuf::from("rows.parquet");
        let summary = DatasetSummary { path, files: Vec::new(), rows: 1, row_groups: 1, bytes: 1, columns: Vec::new() };
        let text = data_section(&summary, &guess, "rows.parquet");
        assert!(text.contains("the model: branch, \"two\\nlines: 1\".\n") && !text.contains("\nlines"), "{text}");
    }

    #[test]
    fn one_number_that_is_left_over_is_the_label_and_several_are_none() {
        let label = |more: &[(&str, &str)]| {
            Guess::new(&columns(&[&[("a", "Float64"), ("split", "Utf8")], more].concat()), &features(&["a"])).unwrap().label
        };
        assert_eq!(label(&[("income_over_50k", "Int8")]).as_deref(), Some("income_over_50k"));
        assert_eq!(label(&[("b", "Int8"), ("c", "Int8")]), None);
    }

    #[test]
    fn numbered_features_are_the_other_columns_in_order() {
        let data = columns(&[("id", "Int64"), ("x", "Float64"), ("z", "Float64"), ("target", "Int8")]);
        let guess = Guess::new(&data, &features(&["f0", "f1"])).unwrap();
        assert_eq!(guess.features, Some(vec!["x".to_owned(), "z".into()]));
        let said = |names: &[&str]| Guess::new(&data, &features(names)).unwrap_err().to_string();
        assert!(said(&["f0", "f1", "f2"]).contains("3 of them, and 2 columns"), "{}", said(&["f0", "f1", "f2"]));
        assert_eq!(said(&["x", "y"]), "the data have no column for 1 of the model's features: y");
    }
}
