//! The plan: what a run will do, from the config, the data's schema and the model; whatever can fail from these fails here.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::{DataType, Schema};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::RunError;
use super::groups::Groups;
use super::model::{Made, RunModel};
use super::protected;
use super::signals::Interrupt;
use crate::config::{Config, Threads};
use crate::dataset::{BackgroundRows, Dataset, Request, Selection};
use crate::derive::fairness::Review;
use crate::explain::ExplainError;
use crate::model::{Feature, FeatureKind, Forest};
use crate::subject::{BackgroundPass, ExplainedFeature, Member, Needs, Values};
use crate::{derive, explain};

/// Rows of a chunk at most: enough that what happens once a chunk costs nothing.
const MOST_ROWS: u64 = 16_384;

/// Rows of a chunk at least, unless its values would take more than [`CHUNK_BYTES`].
const FEWEST_ROWS: u64 = 1_024;

/// Leaves of a forest whose tables stay in a processor's cache between chunks. Those of a larger one are read from memory once a chunk, so its
/// chunks must be long for that to cost little.
const CACHED_LEAVES: u64 = 2_048;

/// Rows of such a chunk times leaves: about a second of one core, so that progress shows and an interrupt is heard.
const LEAF_ROWS: u64 = 2 << 30;

/// Chunks that a small dataset is cut into, so that many processors find work.
const CHUNKS: u64 = 32;

/// Size that one chunk's attributions should not exceed.
const CHUNK_BYTES: u64 = 32 << 20;

/// What the command line may say about a run, beside the config.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Output folder instead of the config's.
    pub output: Option<PathBuf>,
    /// Run id instead of the time.
    pub run_id: Option<String>,
    /// Worker threads instead of the config's.
    pub threads: Option<NonZeroUsize>,
    /// Whether a run with warnings fails.
    pub fail_on_warn: bool,
    /// Whether to go on with a run that ended before it was published.
    pub resume: bool,
}

/// What a run will do. Nothing has been explained yet. Of the data footers have been read, of a review the groups of the first chunk's rows; of a
/// command's data the texts and the first rows, which it has been asked about; and all of it where the model was to be fitted.
pub struct Plan {
    pub(super) config: Config,
    pub(super) options: Options,
    pub(super) pool: ThreadPool,
    pub(super) model: RunModel,
    pub(super) needs: Needs,
    pub(super) data: Selection,
    /// Protected columns from a file of their own, where there is one.
    pub(super) protected: Option<Selection>,
    pub(super) background: Option<Selection>,
    pub(super) groups: Groups,
    /// The fairness review, if there is to be one.
    pub(super) review: Option<Arc<Review>>,
    pub(super) chunk_rows: usize,
    pub(super) threads: usize,
}

impl Plan {
    /// Opens model and data and checks them against the config and each other. A model that is a command is started, and lives as long as the plan.
    ///
    /// # Errors
    /// If one of them cannot be read, or they do not fit together.
    pub fn new(mut config: Config, options: Options, interrupt: &Interrupt) -> Result<Self, RunError> {
        let dataset = Dataset::open(&config.data.path)?;
        let model = RunModel::open(&config, &dataset, interrupt)?;
        let forest = model.forest().map(|forest| &**forest);
        let unsuited = |error: ExplainError| RunError::setting(format!("explain.{}", error.method), error.message);
        config.settle(|sections| sections.explain.suit(forest)).map_err(unsuited)?;
        let names: Vec<String> = model.features.iter().map(|feature| feature.name.clone()).collect();
        let groups = Groups::new(&names, &config.data.feature_groups)?;
        let protected = protected::select(&config)?;
        let further = further_columns(&config, protected.as_ref());
        let request = Request::new(&config.data, model.features.iter().map(Feature::request).collect(), further);
        let data = dataset.select(&request)?;
        protected.as_ref().map_or(Ok(()), |protected| protected::check(protected, &data))?;
        let review = review(&config, (&data, protected.as_ref()), &model, &groups)?;
        check_gates(&config)?;
        let threads = threads(&config, &options);
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| RunError::Internal(error.to_string()))?;
        sources(&config)?;
        let space = config.model.output;
        let needs =
            explain::needs(&config.explain, forest, space).and(derive::needs(&config.derive, config.fairness.as_ref(), forest, space));
        let reasons = review.as_ref().is_some_and(|review| review.reasons().is_some());
        let background = if needs.background() || reasons { Some(background(&config, &data, request)?) } else { None };
        let chunk_rows =
            chunk_rows(data.dataset().rows(), names.len() * model.outputs.len(), forest.map_or(0, |forest| forest.leaves() as u64));
        let plan = Self { pool, model, needs, data, protected, background, groups, review, chunk_rows, threads, config, options };
        derive::check(&plan.config.derive, plan.config.fairness.as_ref(), &plan.features())?;
        let (needed, limit) = (plan.pool.install(|| plan.memory()), plan.config.run.memory_limit);
        if needed > limit.0 {
            tracing::warn!(
                "the run may need {} MiB, more than run.memory_limit ({limit}); fewer --threads, samples and points need less",
                needed >> 20
            );
        }
        Ok(plan)
    }

    /// What of it is needed to explain rows, without derivations.
    pub(super) fn of_methods_alone(mut self) -> Self {
        self.needs = explain::needs(&self.config.explain, self.forest(), self.config.model.output);
        self
    }

    /// The folder that run folders go to.
    pub fn output(&self) -> &Path {
        self.options.output.as_deref().unwrap_or(&self.config.output.dir)
    }

    /// Tries what needs no rows but takes some time, as a check does beforehand.
    ///
    /// # Errors
    /// If the model cannot be explained as configured.
    pub fn probe(&self) -> Result<(), RunError> {
        self.pool.install(|| self.background_pass()).map(drop)
    }

    fn forest(&self) -> Option<&Forest> {
        self.model.forest().map(|forest| &**forest)
    }
}

/// Columns that steps need beside the model's features, and that no other file holds.
fn further_columns(config: &Config, protected: Option<&Selection>) -> Vec<String> {
    let columns = config.fairness.as_ref().map(derive::fairness::Settings::columns).unwrap_or_default();
    let is_held = |column: &String| protected.is_some_and(|protected| protected.extra_schema().field_with_name(column).is_ok());
    columns.into_iter().filter(|column| !is_held(column)).collect()
}

/// Checks that every gate has a limit.
fn check_gates(config: &Config) -> Result<(), RunError> {
    match config.gates.iter().position(|gate| gate.min.is_none() && gate.max.is_none()) {
        None => Ok(()),
        Some(place) => Err(RunError::setting(format!("gates.{place}"), "has no limit; give min, max or both")),
    }
}

/// The fairness review, if there is to be one, checked against data and model.
fn review(
    config: &Config,
    (data, protected): (&Selection, Option<&Selection>),
    model: &RunModel,
    groups: &Groups,
) -> Result<Option<Arc<Review>>, RunError> {
    let features: Vec<&str> = groups.columns().map(|(name, _)| name).collect();
    let review = |settings: &derive::fairness::Settings| {
        settings.check_texts(&features)?;
        if settings.reasons.is_some() && model.trees().is_none() {
            let message = "are exact Shapley values of trees, and the model is not made of trees; leave them out";
            return Err(("fairness.reasons".into(), message.into()));
        }
        settings.check_label(config.data.label.is_some())?;
        let fields = [Some(data), protected].into_iter().flatten().flat_map(|rows| rows.extra_schema().fields().iter().cloned());
        Review::new(settings, &Schema::new(fields.collect::<Vec<_>>()), &model.outputs)
    };
    config.fairness.as_ref().map(review).transpose().map_err(|(key, message)| RunError::setting(key, message))
}

/// Checks that what derivations start from is switched on.
fn sources(config: &Config) -> Result<(), RunError> {
    let Some(settings) = config.derive.sp_lime.settings() else { return Ok(()) };
    let method = settings.source.method();
    if config.explain.is_on(method) {
        return Ok(());
    }
    let message = format!("is {method}, which is off; switch explain.{method} on, or choose another source");
    Err(RunError::setting("derive.sp_lime.source", message))
}

/// The rows that stand in for features left out: other data, other rows of the data, or the data itself.
fn background(config: &Config, data: &Selection, request: Request) -> Result<Selection, RunError> {
    let settings = &config.background;
    if settings.path.is_none() && settings.filter.is_none() {
        return Ok(data.clone());
    }
    let dataset = match &settings.path {
        Some(path) => Dataset::open(path)?,
        None => data.dataset().clone(),
    };
    let data_filter = request.filter.clone().filter(|_| settings.path.is_none());
    let filter = match (data_filter, settings.filter.clone()) {
        (Some(data), Some(background)) => Some(format!("({data}) AND ({background})")),
        (data, background) => data.or(background),
    };
    Ok(dataset.select(&Request { features: data.features(), id: None, label: None, extra: Vec::new(), filter, ..request })?)
}

/// Rows of a chunk: from the data and the model alone, so that chunks, and with them every rounding, are the same on any machine.
fn chunk_rows(rows: u64, values_per_row: usize, leaves: u64) -> usize {
    let fewest = if leaves > CACHED_LEAVES { (LEAF_ROWS / leaves).clamp(FEWEST_ROWS, MOST_ROWS) } else { FEWEST_ROWS };
    let wanted = (rows / CHUNKS).clamp(fewest, MOST_ROWS);
    let affordable = CHUNK_BYTES / (8 * values_per_row.max(1) as u64);
    wanted.min(affordable).max(1) as usize
}

fn threads(config: &Config, options: &Options) -> usize {
    let configured = match config.run.threads {
        Threads::Auto => None,
        Threads::Count(count) => Some(count),
    };
    options.threads.or(configured).or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

impl fmt::Display for Plan {
    /// The plan as `pipeline check` prints it: a line a fact.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (written, data) = (self.config.written(), self.data.dataset().summary());
        let mut line = |label: &str, text: String| writeln!(formatter, "{label:<11} {text}");
        line("audit", self.config.name.clone())?;
        line(
            "data",
            format!("{}: rows {}, files {}, columns {}", written.data.path.display(), data.rows, data.files.len(), data.columns.len()),
        )?;
        if let Some(filter) = &self.config.data.filter {
            line("filter", filter.clone())?;
        }
        match &self.model.made {
            Made::Trees(trees) => {
                let summary = &trees.summary;
                let version = summary.card.version.as_deref().unwrap_or("of unknown version");
                line("model", format!("{}: {} {version}, {}", self.model_text(), summary.card.format, summary.card.objective))?;
                line("", format!("trees {}, leaves {}, depth {}", summary.trees, summary.leaves, summary.max_depth))?;
            }
            Made::Command(_) => line("model", self.model_text())?,
        }
        line("", format!("features {}, outputs {}", self.model.features.len(), self.model.outputs.len()))?;
        if self.background.is_some() {
            line("background", self.background_text())?;
        }
        line("steps", self.steps().join(", "))?;
        line("chunks", format!("{} of up to {} rows", data.rows.div_ceil(self.chunk_rows as u64), self.chunk_rows))?;
        let cost = |seconds: f64| format!("about {seconds:.1} s, threads {}", self.threads);
        line("cost", self.pool.install(|| self.seconds()).map_or_else(|| "unknown: the pace is the command's".into(), cost))?;
        line("memory", format!("about {} MiB of {}", self.pool.install(|| self.memory()) >> 20, self.config.run.memory_limit))?;
        line("output", self.options.output.as_ref().unwrap_or(&written.output.dir).display().to_string())
    }
}

impl Plan {
    /// Where the model comes from.
    pub(super) fn model_text(&self) -> String {
        match (&self.model.made, &self.config.written().model.path) {
            (Made::Command(summary), _) => format!("command: {}", summary.command.join(" ")),
            (Made::Trees(_), Some(path)) => path.display().to_string(),
            (Made::Trees(_), None) => "fitted here".into(),
        }
    }

    /// Where the background comes from and how many of its rows are used.
    pub(super) fn background_text(&self) -> String {
        let written = &self.config.written().background;
        let path = written.path.as_ref().map_or("the data itself".into(), |path| path.display().to_string());
        let filter = written.filter.as_ref().map_or(String::new(), |filter| format!(" where {filter}"));
        match written.rows {
            BackgroundRows::All => format!("{path}{filter}, all rows"),
            BackgroundRows::Sample(rows) => format!("{path}{filter}, a seeded sample of {rows} rows"),
        }
    }

    /// The explained features, as people know them.
    pub(super) fn features(&self) -> Vec<ExplainedFeature> {
        let member = |column: usize, feature: &Feature| Member { name: feature.name.clone(), column, values: self.values(column) };
        let feature = |(name, members): (&str, &[usize])| {
            let members = members.iter().filter_map(|&column| Some(member(column, self.model.features.get(column)?))).collect();
            ExplainedFeature { name: name.into(), members }
        };
        self.groups.columns().map(feature).collect()
    }

    /// The background pass, before its first row.
    pub(super) fn background_pass(&self) -> Result<BackgroundPass, RunError> {
        let limit = usize::try_from(self.config.run.memory_limit.0 / 4).unwrap_or(usize::MAX);
        Ok(BackgroundPass::new(self.needs, self.model.forest(), limit)?)
    }

    fn values(&self, column: usize) -> Values {
        match (self.data.feature_type(column), self.data.category_names(column)) {
            (_, Some(names)) => Values::Category(names.to_vec()),
            (Some(DataType::Date32 | DataType::Date64), _) => Values::Date,
            (Some(DataType::Timestamp(..)), _) => Values::Time,
            _ => match self.model.features.get(column).map(|feature| &feature.kind) {
                Some(FeatureKind::Categorical { names, .. }) => Values::Category(names.clone().unwrap_or_default()),
                _ => Values::Number,
            },
        }
    }

    /// The steps by name: methods, then derivations.
    fn steps(&self) -> Vec<String> {
        [serde_json::to_value(&self.config.explain), serde_json::to_value(&self.config.derive)]
            .into_iter()
            .flatten()
            .filter_map(|section| section.as_object().cloned())
            .flatten()
            .filter(|(_, settings)| *settings != serde_json::Value::Bool(false))
            .map(|(step, _)| step)
            .collect()
    }
}
