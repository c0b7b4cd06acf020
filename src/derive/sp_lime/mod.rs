//! SP-LIME: the rows to show to someone who has time for a few (Ribeiro, Singh & Guestrin 2016, section 4).

mod pick;
mod settings;

use std::sync::Arc;

use super::summary::{Row, Sample, id_column};
use super::{Context, Derivation, DeriveError, Explained};
use crate::table::{self, Table};
use pick::{Pick, pick};

pub use settings::{Settings, Source};

/// Share of a row's total beyond which a method that makes nothing exactly zero covers a feature.
const NOTABLE: f64 = 0.05;

/// The greedy pick of rows whose attributions cover the most.
pub struct SpLime {
    context: Arc<Context>,
    settings: Settings,
    /// The source among the methods.
    method: Option<usize>,
    /// The feature columns of all members of all explained features, in order.
    columns: Vec<usize>,
}

impl SpLime {
    /// Of the attributions that `context` announces.
    pub fn new(settings: &Settings, context: &Arc<Context>) -> Self {
        let method = context.methods.iter().position(|schema| schema.method == settings.source.method());
        let columns = context.subject.features.iter().flat_map(|feature| feature.members.iter().map(|member| member.column)).collect();
        Self { context: Arc::clone(context), settings: settings.clone(), method, columns }
    }
}

impl Derivation for SpLime {
    type Partial = Sample;

    fn name(&self) -> &'static str {
        "sp_lime"
    }

    fn start(&self) -> Sample {
        Sample::default()
    }

    fn absorb(&self, partial: &mut Sample, chunk: Explained<'_>) {
        if Some(chunk.method) == self.method {
            partial.absorb(self.context.subject.seed, &self.columns, chunk);
        }
    }

    fn merge(&self, earlier: &mut Sample, later: Sample) {
        earlier.merge(later);
    }

    /// One table of `outputs · picks · features` lines, in this order.
    fn finish(&self, partial: Sample, _earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let source = self.settings.source;
        let Some(schema) = self.method.and_then(|method| self.context.methods.get(method)) else {
            let message = format!("explain.{0} is off; switch it on, or choose another derive.sp_lime.source", source.method());
            return Err(DeriveError { derivation: "sp_lime", message });
        };
        let share = self.settings.share.unwrap_or(if source == Source::Lime { 0.0 } else { NOTABLE });
        let rows = partial.into_rows();
        let features = schema.features.len();
        let mut lines = Lines { source: source.method(), ..Lines::default() };
        for (output, name) in schema.outputs.iter().enumerate() {
            let weights: Vec<&[f64]> = rows.iter().map(|row| &row.attributions[output * features..][..features]).collect();
            for (number, picked) in pick(&weights, self.settings.picks.get(), share).into_iter().enumerate() {
                let row = &rows[picked.row];
                let mut first = 0;
                for (feature, attribution) in self.context.subject.features.iter().zip(weights[picked.row]) {
                    let members = first..first + feature.members.len();
                    first = members.end;
                    lines.labels.push((name, &feature.name));
                    lines.picks.push((number as i64 + 1, picked, row));
                    lines.cells.push((*attribution, feature.text(&row.values[members])));
                }
            }
        }
        Ok(vec![lines.table()])
    }
}

/// The table's columns as they grow.
#[derive(Default)]
struct Lines<'a> {
    source: &'static str,
    /// Output, feature.
    labels: Vec<(&'a str, &'a str)>,
    picks: Vec<(i64, Pick, &'a Row)>,
    /// Attribution, value.
    cells: Vec<(f64, Option<String>)>,
}

impl Lines<'_> {
    fn table(&self) -> Table {
        let rows: Vec<&Row> = self.picks.iter().map(|pick| pick.2).collect();
        Table::new(
            "sp_lime",
            vec![
                ("source", table::texts(self.labels.iter().map(|_| self.source))),
                ("output", table::texts(self.labels.iter().map(|label| label.0))),
                ("pick", table::integers(self.picks.iter().map(|pick| pick.0))),
                ("row_id", id_column(&rows)),
                ("gain", table::numbers(self.picks.iter().map(|pick| pick.1.gain))),
                ("coverage", table::numbers(self.picks.iter().map(|pick| pick.1.coverage))),
                ("feature", table::texts(self.labels.iter().map(|label| label.1))),
                ("attribution", table::numbers(self.cells.iter().map(|cell| cell.0))),
                ("value", table::optional_texts(self.cells.iter().map(|cell| cell.1.as_deref()))),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::Run;

    fn settings(source: Source) -> Settings {
        Settings { source, share: Some(0.0), ..Settings::default() }
    }

    #[test]
    fn picks_are_the_same_in_any_chunks_and_name_their_rows_and_values() {
        let mut run =
            Run::new(&["a", "b"], &["x", "y"], vec![vec![0.0, 0.0, 1.0, 0.0], vec![2.0, 0.0, 0.0, 0.0], vec![0.0, -3.0, 0.0, 4.0]]);
        run.values = vec![vec![10.0, 20.0], vec![11.0, 21.0], vec![12.0, f64::NAN]];
        for chunk in [1, 2, 3] {
            let table = run.derive(&SpLime::new(&settings(Source::TreeShap), &run.context), chunk);
            assert_eq!(table.texts("output").iter().flatten().collect::<String>(), "xxxxyyyy");
            // √3 is more than √2, and √4 more than √1.
            assert_eq!(table.integers("row_id").values(), &[1002, 1002, 1001, 1001, 1002, 1002, 1000, 1000]);
            assert_eq!(table.integers("pick").values(), &[1, 1, 2, 2, 1, 1, 2, 2]);
            assert_eq!(table.numbers("attribution").values(), &[0.0, -3.0, 2.0, 0.0, 0.0, 4.0, 1.0, 0.0]);
            assert_eq!(table.texts("value").iter().take(4).collect::<Vec<_>>(), [Some("12"), None, Some("11"), Some("21")]);
            assert!((table.numbers("coverage").value(2) - 1.0).abs() < 1e-15 && (table.numbers("gain").value(4) - 2.0 / 3.0).abs() < 1e-15);
        }
    }

    #[test]
    fn a_source_that_did_not_run_is_an_error() {
        let run = Run::new(&["a"], &["x"], vec![vec![1.0]]);
        let derivation = SpLime::new(&settings(Source::Lime), &run.context);
        let error = derivation.finish(derivation.start(), &[]).unwrap_err();
        assert_eq!(error.to_string(), "sp_lime: explain.lime is off; switch it on, or choose another derive.sp_lime.source");
    }
}
