//! Summary: a sample of rows with their attributions and feature values, as a beeswarm draws them.

mod density;
mod sample;
mod settings;

use std::sync::Arc;

use super::{Context, Derivation, DeriveError, Explained};
use crate::table::{self, Table};
use density::densities;

pub use sample::Sample;
pub use settings::Settings;

/// All features of at most a thousand rows, drawn at random by the run's seed (rows count alike, whatever their weight).
#[derive(Debug)]
pub struct Summary {
    context: Arc<Context>,
    /// The feature columns of all members of all explained features, in order.
    columns: Vec<usize>,
}

impl Summary {
    /// Of the attributions that `context` announces.
    pub fn new(context: &Arc<Context>) -> Self {
        let columns = context.features.iter().flat_map(|feature| feature.members.iter().map(|member| member.column)).collect();
        Self { context: Arc::clone(context), columns }
    }
}

impl Derivation for Summary {
    type Partial = Sample;

    fn name(&self) -> &'static str {
        "summary"
    }

    fn start(&self) -> Sample {
        Sample::default()
    }

    fn absorb(&self, partial: &mut Sample, chunk: Explained<'_>) {
        partial.absorb(self.context.seed, &self.columns, chunk);
    }

    fn merge(&self, earlier: &mut Sample, later: Sample) {
        earlier.merge(later);
    }

    /// One table of `methods · outputs · features · sampled rows` lines, in this order.
    fn finish(&self, partial: Sample) -> Result<Vec<Table>, DeriveError> {
        let rows = partial.into_rows();
        // Texts and numbers of each feature are the same for every method and output.
        let (mut texts, mut numbers, mut first) = (Vec::new(), Vec::new(), 0);
        for feature in &self.context.features {
            let members = first..first + feature.members.len();
            texts.push(rows.iter().map(|row| feature.text(&row.values[members.clone()])).collect::<Vec<_>>());
            numbers.push(rows.iter().map(|row| feature.number(&row.values[members.clone()])).collect::<Vec<_>>());
            first = members.end;
        }
        let outputs = self.context.methods.iter().flat_map(|schema| schema.outputs.iter().map(|output| (schema.method, output.as_str())));
        let outputs: Vec<(&str, &str)> = outputs.collect();
        let columns = outputs.len() * self.context.features.len();
        let attributions: Vec<Vec<f64>> = (0..columns).map(|column| rows.iter().map(|row| row.attributions[column]).collect()).collect();
        let lines = || outputs.iter().flat_map(|output| self.context.features.iter().map(move |feature| (output, feature)));
        let spread = |text: Vec<&str>| table::texts(text.into_iter().flat_map(|text| std::iter::repeat_n(text, rows.len())));
        Ok(vec![Table::new(
            "summary",
            vec![
                ("method", spread(lines().map(|(output, _)| output.0).collect())),
                ("output", spread(lines().map(|(output, _)| output.1).collect())),
                ("feature", spread(lines().map(|(_, feature)| feature.name.as_str()).collect())),
                ("row_id", sample::id_column(&rows, columns)),
                ("value", table::optional_texts(outputs.iter().flat_map(|_| texts.iter().flatten().map(Option::as_deref)))),
                ("value_number", table::optional_numbers(outputs.iter().flat_map(|_| numbers.iter().flatten().copied()))),
                ("attribution", table::numbers(attributions.iter().flatten().copied())),
                ("density", table::numbers(attributions.iter().flat_map(|column| densities(column)))),
            ],
        )])
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;

    use super::sample::SAMPLE;
    use super::*;
    use crate::derive::testing::Run;
    use crate::derive::{Member, Values};

    fn summary(run: &Run, chunk: usize) -> Table {
        run.derive(&Summary::new(&run.context), chunk)
    }

    #[test]
    fn few_rows_are_all_there_in_order() {
        let mut run = Run::new(&["age", "sex"], &["p"], vec![vec![0.5, -1.0], vec![1.5, -1.0], vec![0.5, -1.0]]);
        run.values = vec![vec![30.0, 0.0], vec![f64::NAN, 1.0], vec![41.5, f64::NAN]];
        let mut context = Context::clone(&run.context);
        context.features[1].members[0].values = Values::Category(vec!["female".into(), "male".into()]);
        run.context = Arc::new(context);
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
        let mut context = Context::clone(&run.context);
        let member = |name: &str, column| Member { name: name.into(), column, values: Values::Number };
        context.features[0].members = vec![member("rent", 1), member("own", 0)];
        run.context = Arc::new(context);
        let table = summary(&run, 1);
        assert_eq!(table.texts("value").value(0), "rent=1; own=0");
        assert!(table.numbers("value_number").is_null(0));
    }
}
