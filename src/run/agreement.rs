//! What the page says of how far methods agree: whether sampling was enough.

use crate::table::Table;

/// Error up to which sampling is enough: values that differ by a tenth of their size.
const ENOUGH: f64 = 0.01;

/// Times that an error may exceed what standard errors predict.
const WITHIN: f64 = 4.0;

/// A sentence for every two methods; of several outputs the one on which they agree least is told.
pub(super) fn sentences(tables: &[Table]) -> Vec<String> {
    let Some(table) = tables.iter().find(|table| table.name == "agreement") else { return Vec::new() };
    let text = |column: &str, row: usize| table.texts(column).value(row);
    let mut worst: Vec<usize> = Vec::new();
    for row in 0..table.len() {
        let pair = |row: usize| (text("method_a", row), text("method_b", row));
        match worst.iter_mut().find(|other| pair(**other) == pair(row)) {
            Some(other) if disagreement(table, row) > disagreement(table, *other) => *other = row,
            Some(_) => {}
            None => worst.push(row),
        }
    }
    worst.into_iter().map(|row| sentence(table, row)).collect()
}

/// The error, where there is one, else the lack of correlation.
fn disagreement(table: &Table, row: usize) -> f64 {
    table.number("normalised_error", row).unwrap_or(1.0 - table.number("spearman", row).unwrap_or(1.0))
}

fn sentence(table: &Table, row: usize) -> String {
    let text = |column: &str| table.texts(column).value(row);
    let (a, b, rows, k) = (text("method_a"), text("method_b"), table.integers("rows").value(row), table.integers("top_k").value(row));
    if rows == 0 {
        return format!("{a} and {b} explain no row in common.");
    }
    let told = |value: Option<f64>| value.map_or("undefined".to_owned(), |value| format!("{value:.2}"));
    let order = format!(
        "over {rows} rows the order of the features correlates by {} and the {k} largest overlap by {}",
        told(table.number("spearman", row)),
        told(table.number("top_k_overlap", row))
    );
    let Some(error) = table.number("normalised_error", row) else {
        return format!("{a} and {b} do not estimate the same numbers; {order}.");
    };
    let percent = |error: f64| format!("{:.2} %", 100.0 * error.sqrt());
    let expected = table.number("expected_error", row).unwrap_or(0.0);
    let verdict = if error <= ENOUGH {
        "sampling was enough".to_owned()
    } else if error <= WITHIN * expected {
        format!("standard errors predict that ({}): more samples would help", percent(expected))
    } else {
        format!(
            "far more than standard errors predict ({}): not for want of samples, so check that both play the same game, such as tree_shap's mode",
            percent(expected)
        )
    };
    format!("{a} and {b} differ by {} of the values' size, root mean square; {verdict}. {}.", percent(error), capital(&order))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{integers, optional_numbers, texts};

    fn told(error: Option<f64>, expected: f64) -> String {
        let columns = vec![
            ("method_a", texts(["kernel_shap"; 2])),
            ("method_b", texts(["tree_shap"; 2])),
            ("output", texts(["x", "y"])),
            ("rows", integers([7, 7])),
            ("spearman", optional_numbers([Some(1.0), Some(0.5)])),
            ("top_k", integers([3, 3])),
            ("top_k_overlap", optional_numbers([Some(1.0), Some(0.75)])),
            ("normalised_error", optional_numbers([error.map(|_| 0.0), error])),
            ("expected_error", optional_numbers([error.map(|_| 0.0), error.map(|_| expected)])),
        ];
        sentences(&[Table::new("agreement", columns)]).concat()
    }

    #[test]
    fn the_reader_learns_whether_sampling_was_enough() {
        let order = "Over 7 rows the order of the features correlates by 0.50 and the 3 largest overlap by 0.75.";
        assert_eq!(
            told(Some(0.0001), 0.0),
            format!("kernel_shap and tree_shap differ by 1.00 % of the values' size, root mean square; sampling was enough. {order}")
        );
        assert!(told(Some(0.04), 0.0225).contains(
            "differ by 20.00 % of the values' size, root mean square; standard errors predict that (15.00 %): more samples would help."
        ));
        assert!(told(Some(0.04), 0.0001).contains("far more than standard errors predict (1.00 %): not for want of samples"));
        assert!(told(None, 0.0).starts_with("kernel_shap and tree_shap do not estimate the same numbers; over 7 rows"));
        assert!(sentences(&[]).is_empty());
    }
}
