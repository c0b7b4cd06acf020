//! Adverse-action reasons: why a decision was not favourable, beside those that were.

use std::sync::Arc;

use arrow_array::{ArrayRef, UInt64Array};
use arrow_select::take::take;

use super::settings::{Reasons as Settings, Side};
use super::{Review, kept};
use crate::attribution::Scores;
use crate::dataset::RowBatch;
use crate::derive::{Context, Derivation, DeriveError};
use crate::pattern::Attributor;
use crate::subject::ExplainedFeature;
use crate::table::{self, Table};

/// The principal reasons of every unfavourable decision: the features (or groups of them) whose interventional Shapley values, with favourable
/// decisions alone as the background, push furthest towards the unfavourable side. Features that do not push that way are no reasons.
pub struct AdverseReasons {
    settings: Settings,
    review: Arc<Review>,
    context: Arc<Context>,
    /// Against the background's favourable decisions.
    attributor: Attributor,
}

#[derive(Clone, Debug)]
struct Reason {
    rank: i64,
    feature: usize,
    attribution: f64,
    value: Option<String>,
}

impl AdverseReasons {
    /// Of a review, by an attributor against the background's favourable decisions.
    pub fn new(settings: &Settings, review: &Arc<Review>, context: &Arc<Context>, attributor: Attributor) -> Self {
        Self { settings: settings.clone(), review: Arc::clone(review), context: Arc::clone(context), attributor }
    }

    fn features(&self) -> &[ExplainedFeature] {
        &self.context.subject.features
    }

    /// The reasons of one of these rows, from `attributions` to the deciding output, a column a model feature.
    fn of_row(&self, values: &[f64], attributions: &[f64]) -> Vec<Reason> {
        let adverse = |attribution: f64| if self.review.settings.favourable == Side::Below { attribution } else { -attribution };
        let sum = |feature: &ExplainedFeature| feature.members.iter().map(|member| attributions[member.column]).sum::<f64>();
        let mut found: Vec<(usize, f64)> = self.features().iter().map(sum).enumerate().filter(|(_, sum)| adverse(*sum) > 0.0).collect();
        found.sort_by(|a, b| adverse(b.1).total_cmp(&adverse(a.1)));
        let reason = |((feature, attribution), rank): ((usize, f64), i64)| {
            let members: Vec<f64> = self.features()[feature].members.iter().map(|member| values[member.column]).collect();
            Reason { rank, feature, attribution, value: self.features()[feature].text(&members) }
        };
        found.into_iter().take(self.settings.top.get()).zip(1..).map(reason).collect()
    }

    /// The configured text, or what the feature is.
    fn text(&self, reason: &Reason) -> String {
        let name = &self.features()[reason.feature].name;
        let template = self.settings.texts.get(name).map_or("{feature}: {value}", String::as_str);
        template.replace("{feature}", name).replace("{value}", reason.value.as_deref().unwrap_or("missing"))
    }

    /// A line a reason, beside the identifier of its row.
    fn table(&self, ids: ArrayRef, reasons: &[Reason]) -> Table {
        Table::new(
            "reasons",
            vec![
                ("row_id", ids),
                ("rank", table::integers(reasons.iter().map(|reason| reason.rank))),
                ("feature", table::texts(reasons.iter().map(|reason| &self.features()[reason.feature].name))),
                ("attribution", table::numbers(reasons.iter().map(|reason| reason.attribution))),
                ("value", table::optional_texts(reasons.iter().map(|reason| reason.value.as_deref()))),
                ("text", table::texts(reasons.iter().map(|reason| self.text(reason)))),
            ],
        )
    }
}

impl Derivation for AdverseReasons {
    type Partial = ();

    fn name(&self) -> &'static str {
        "reasons"
    }

    fn start(&self) {}

    fn wants_scores(&self) -> bool {
        true
    }

    fn lines(&self, rows: &RowBatch, scores: &Scores) -> Result<Option<Table>, DeriveError> {
        let predictions = &scores.predictions[self.review.output * rows.rows()..][..rows.rows()];
        let refused: Vec<usize> = (0..rows.rows()).filter(|&row| !self.review.settings.is_favourable(predictions[row])).collect();
        let (mut owners, mut reasons) = (Vec::new(), Vec::new());
        if !refused.is_empty() {
            let block = kept(&rows.features, &refused);
            let (values, features) = (self.attributor.attribute(&block).values, block.features());
            for (place, &row) in refused.iter().enumerate() {
                let attribution = |feature: usize| values[(self.review.output * features + feature) * block.rows() + place];
                let of_row = self.of_row(&block.row(place), &(0..features).map(attribution).collect::<Vec<_>>());
                owners.extend(std::iter::repeat_n(row as u64, of_row.len()));
                reasons.extend(of_row);
            }
        }
        let refuse = |error: arrow_schema::ArrowError| DeriveError { derivation: "reasons", message: error.to_string() };
        let ids = take(&rows.ids, &UInt64Array::from(owners), None).map_err(refuse)?;
        Ok(Some(self.table(ids, &reasons)))
    }

    fn merge(&self, (): &mut (), (): ()) {}

    fn finish(&self, (): (), _earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        Ok(Vec::new())
    }
}
