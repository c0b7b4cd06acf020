//! The page: one HTML file that opens from disk, offline, without scripts.

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use super::ReportError;
use super::chart::Figure;
use super::number;

/// Figures are part of the page while all of them together stay below this many bytes; beyond, all are linked from `figures/`.
const INLINE_BYTES: usize = 2_000_000;

/// What the page tells. Nothing in it may vary between runs of the same inputs: no run id, no times, no host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page {
    /// The audit's name.
    pub name: String,
    /// How the run ended.
    pub verdict: Verdict,
    /// One sentence about the verdict.
    pub message: String,
    /// The few numbers at the top: rows, features, trees, ….
    pub headline: Vec<Fact>,
    /// The data: files, rows, label, filter, background, ….
    pub data: Vec<Fact>,
    /// The model: format, objective, outputs, trees, depth, base margin, cover, ….
    pub model: Vec<Fact>,
    /// What else matters about the model file.
    pub model_notes: Vec<String>,
    /// What came of the gates.
    pub gates: Vec<Gate>,
    /// The fairness review, if there was one.
    pub fairness: Option<Fairness>,
    /// The attribution methods.
    pub methods: Vec<Method>,
    /// How far they agree, in sentences.
    pub agreement: Vec<String>,
    /// The additivity certificate: a line for each method and output.
    pub additivity: Vec<Certificate>,
    /// The figures.
    pub figures: Vec<Figure>,
    /// The tables and attribution files.
    pub tables: Vec<Link>,
    /// What the reader must know before trusting the numbers.
    pub warnings: Vec<String>,
    /// Versions, seed, hashes: what it takes to get these bytes again.
    pub reproducibility: Vec<Fact>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything ran and no gate failed.
    Passed,
    /// Only warnings.
    Warned,
    /// A gate failed or could not be evaluated.
    Failed,
}

/// A labelled value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// Its value, as shown.
    pub value: String,
}

/// An attribution method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Method {
    /// Name, as in the config.
    pub name: String,
    /// What it computes, in a sentence.
    pub description: String,
    /// Its settings.
    pub facts: Vec<Fact>,
}

/// A gate, evaluated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gate {
    /// The metric.
    pub metric: String,
    /// Conditions, as `column=value`.
    pub filter: String,
    /// The number that decided.
    pub value: Option<f64>,
    /// The limits.
    pub limits: String,
    /// `error` or `warn`.
    pub severity: &'static str,
    /// `passed`, `failed` or `not_evaluable`.
    pub status: &'static str,
    /// Which number decided, or why there is none.
    pub message: String,
}

/// What a fairness review found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fairness {
    /// How groups were screened.
    pub facts: Vec<Fact>,
    /// The groups, attribute by attribute.
    pub groups: Vec<GroupLine>,
    /// The groups among rows that are alike in a stratum column.
    pub conditional: Vec<ConditionalLine>,
    /// Numbers of the metrics table.
    pub numbers: usize,
    /// How many of them are not given.
    pub unknown: usize,
}

/// One group of a fairness review.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupLine {
    /// Attribute or combination.
    pub attribute: String,
    /// The group.
    pub group: String,
    /// The group that it is compared with.
    pub reference: String,
    /// Its rows.
    pub rows: i64,
    /// Share of favourable decisions.
    pub rate: Option<f64>,
    /// Adverse impact ratio.
    pub ratio: Option<f64>,
    /// Lower limit of the ratio.
    pub ratio_low: Option<f64>,
    /// Upper limit of the ratio.
    pub ratio_high: Option<f64>,
    /// Equal opportunity difference, where there are labels.
    pub opportunity: Option<f64>,
    /// What the screen says.
    pub screen: &'static str,
    /// Features behind its gap in mean prediction.
    pub features: String,
}

/// One group beside its reference within the strata of a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConditionalLine {
    /// Attribute or combination.
    pub attribute: String,
    /// The group.
    pub group: String,
    /// The group that it is compared with.
    pub reference: String,
    /// The column whose strata are held fixed.
    pub stratum: String,
    /// Strata in which there was something to compare.
    pub strata: i64,
    /// Rows of the group in them.
    pub rows: i64,
    /// Conditional demographic disparity, its interval and status.
    pub disparity: Bounded,
    /// Mantel–Haenszel rate ratio, its interval and status.
    pub ratio: Bounded,
}

/// A number with its interval, where it is given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bounded {
    /// The number.
    pub value: Option<f64>,
    /// Lower limit.
    pub low: Option<f64>,
    /// Upper limit.
    pub high: Option<f64>,
    /// `ok`, or why there is no number.
    pub status: String,
}

/// How exactly base value and attributions add up to the prediction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Certificate {
    /// The method.
    pub method: String,
    /// The output.
    pub output: String,
    /// Rows checked: all of them.
    pub rows: u64,
    /// Largest |residual|.
    pub largest: f64,
    /// Largest |residual| relative to |base| + Σ|φ| of its row.
    pub relative: f64,
}

/// A file beside the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What it is called.
    pub name: String,
    /// Path from the run folder.
    pub path: String,
    /// Number of rows.
    pub rows: u64,
    /// What it holds, in a sentence.
    pub description: String,
}

impl Fact {
    /// A labelled value.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into() }
    }

    /// A labelled whole number, its thousands apart.
    pub fn count(label: impl Into<String>, value: u64) -> Self {
        Self::new(label, number::grouped(value.cast_signed()))
    }
}

/// What the template sees.
#[derive(Serialize)]
struct View<'a> {
    page: &'a Page,
    inline: bool,
    version: &'static str,
}

/// The page as HTML.
///
/// # Errors
/// If the template cannot be filled.
pub fn render(page: &Page) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_filter("short", number::short);
    environment.add_filter("grouped", number::grouped);
    environment.add_filter("prose", number::prose);
    environment.add_template("index.html", include_str!("index.html"))?;
    let inline = page.figures.iter().map(|figure| figure.svg.len()).sum::<usize>() < INLINE_BYTES;
    let view = View { page, inline, version: env!("CARGO_PKG_VERSION") };
    Ok(environment.get_template("index.html")?.render(Value::from(Serde(&view)))?)
}
