//! Summary: a sample of rows with their attributions and feature values, as a beeswarm draws them.

mod density;
mod sample;
mod settings;

use std::sync::Arc;

use super::{Context, Derivation, DeriveError, Explained};
use crate::table::{self, Table};
use density::densities;

pub(in crate::derive) use sample::id_column;
pub use sample::{Row, Sample};
pub use settings::Settings;

/// All features of at most a thousand rows, drawn at random by the run's seed (rows count alike, whatever their weight).
pub struct Summary {
    context: Arc<Context>,
    /// The feature columns of all members of all explained features, in order.
    columns: Vec<usize>,
}

impl Summary {
    /// Of the attributions that `context` announces.
    pub fn new(context: &Arc<Context>) -> Self {
        let columns = context.subject.features.iter().flat_map(|feature| feature.members.iter().map(|member| member.column)).collect();
        Self { context: Arc::clone(context), columns }
    }
}

impl Derivation for Summary {
    type Partial = Vec<Sample>;

    fn name(&self) -> &'static str {
        "summary"
    }

    fn start(&self) -> Vec<Sample> {
        vec![Sample::default(); self.context.methods.len()]
    }

    fn absorb(&self, partial: &mut Vec<Sample>, chunk: Explained<'_>) {
        if let Some(sample) = partial.get_mut(chunk.method) {
            sample.absorb(self.context.subject.seed, &self.columns, chunk);
        }
    }

    fn merge(&self, earlier: &mut Vec<Sample>, later: Vec<Sample>) {
        earlier.iter_mut().zip(later).for_each(|(earlier, later)| earlier.merge(later));
    }

    /// One table of `methods · outputs · features · sampled rows` lines, in this order.
    fn finish(&self, partial: Vec<Sample>, _earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let samples: Vec<Vec<sample::Row>> = partial.into_iter().map(Sample::into_rows).collect();
        let mut lines = Lines::default();
        for (schema, rows) in self.context.methods.iter().zip(&samples) {
            for (output, name) in schema.outputs.iter().enumerate() {
                let mut first = 0;
                for (number, feature) in self.context.subject.features.iter().enumerate() {
                    let members = first..first + feature.members.len();
                    first = members.end;
                    let column = output * schema.features.len() + number;
                    lines.labels.extend(std::iter::repeat_n((schema.method, name.as_str(), feature.name.as_str()), rows.len()));
                    lines.texts.extend(rows.iter().map(|row| feature.text(&row.values[members.clone()])));
                    lines.numbers.extend(rows.iter().map(|row| feature.number(&row.values[members.clone()])));
                    let attributions: Vec<f64> = rows.iter().map(|row| row.attributions[column]).collect();
                    lines.densities.extend(densities(&attributions));
                    lines.attributions.extend(attributions);
                    lines.rows.extend(rows);
                }
            }
        }
        Ok(vec![lines.table()])
    }
}

/// The table's columns as they grow.
#[derive(Default)]
struct Lines<'a> {
    /// Method, output, feature.
    labels: Vec<(&'a str, &'a str, &'a str)>,
    rows: Vec<&'a sample::Row>,
    texts: Vec<Option<String>>,
    numbers: Vec<Option<f64>>,
    attributions: Vec<f64>,
    densities: Vec<f64>,
}

impl Lines<'_> {
    fn table(&self) -> Table {
        Table::new(
            "summary",
            vec![
                ("method", table::texts(self.labels.iter().map(|label| label.0))),
                ("output", table::texts(self.labels.iter().map(|label| label.1))),
                ("feature", table::texts(self.labels.iter().map(|label| label.2))),
                ("row_id", id_column(&self.rows)),
                ("value", table::optional_texts(self.texts.iter().map(Option::as_deref))),
                ("value_number", table::optional_numbers(self.numbers.iter().copied())),
                ("attribution", table::numbers(self.attributions.iter().copied())),
                ("density", table::numbers(self.densities.iter().copied())),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;

    use super::sample::SAMPLE;
    use super::*;
    use crate::derive::testing::Run;
    use crate::subject::{Member, Values};

    fn summary(run: &Run, chunk: usize) -> Table {
        run.derive(&Summary::new(&run.context), chunk)
    }

    #[test]
    fn few_rows_are_all_there_in_order() {
        let mut run = Run::new(&["age", "sex"], &["p"], vec![vec![0.5, -1.0], vec![1.5, -1.0], vec![0.5, -1.0]]);
        run.values = vec![vec![30.0, 0.0], vec![f64::NAN, 1.0], vec![41.5, f64::NAN]];
        let values = Values::Category(vec!["female".into(), "male".into()]);
        run.set_members(1, vec![Member { name: "sex".into(), column: 1, values }]);
        for chunk in [1, 2, 3] {
            let table = summary(&run, chunk);
            assert_eq!(table.texts("feature").iter().flatten().collect::<Vec<_>>(), ["age", "age", "age", "sex", "sex", "sex"]);
            assert_eq!(table.integers("row_id").values(), &[1000, 1001, 1002, 1000, 1001, 1002]);
            let values: Vec<Option<&str>> = table.texts("value").iter().collect();
            assert_eq!(values, [Some("30"), None, Some("41.5"), Some("female"), Some("male"), None]);
            let numbers: Vec<Option<f64>> = table.numbers("value_number").iter().collect();
            assert_eq!(numbers, [Some(30.0), None, Some(41.5), None, None, None]);
            assert_eq!(table.numbers("attribution").values(), &[0.5, 1.5, 0.5, -1.0, -1.0, -1.0]);
            assert_eq!(&table.numbers("density").values()[3..], &[1.0; 3]);
        }
    }

    #[test]
    fn a_large_run_is_sampled_alike_in_any_chunks() {
        let rows = 20_000_u32;
        let mut run = Run::new(&["a"], &["x", "y"], (0..rows).map(|row| vec![f64::from(row), -f64::from(row)]).collect());
        run.values = (0..rows).map(|row| vec![f64::from(row)]).collect();
        let whole = summary(&run, 20_000);
        assert_eq!(whole.len(), 2 * SAMPLE);
        for chunk in [333, 1000, 4096] {
            assert_eq!(summary(&run, chunk), whole);
        }
        // A row's cells belong together.
        let rows = whole.integers("row_id").values().iter().zip(whole.numbers("attribution").values()).enumerate();
        rows.for_each(|(line, (id, value))| assert_eq!((*id - 1000) as f64, if line < SAMPLE { *value } else { -value }));
        // Uniform: the mean of 1000 draws from 0..20000 has a standard error of 178.
        let mean = whole.numbers("attribution").values()[..SAMPLE].iter().sum::<f64>() / SAMPLE as f64;
        assert!((mean - 9_999.5).abs() < 5.0 * 178.0, "{mean}");
    }

    #[test]
    fn groups_have_text_but_no_number() {
        let mut run = Run::new(&["housing"], &["p"], vec![vec![0.5]]);
        run.values = vec![vec![0.0, 1.0]];
        let member = |name: &str, column| Member { name: name.into(), column, values: Values::Number };
        run.set_members(0, vec![member("rent", 1), member("own", 0)]);
        let table = summary(&run, 1);
        assert_eq!(table.texts("value").value(0), "rent=1; own=0");
        assert!(table.numbers("value_number").is_null(0));
    }
}
