//! Accumulated local effects: a panel a feature, those that move the prediction most.

use super::effects::{Words, curves, figures};
use super::{Figure, Options};
use crate::report::ReportError;
use crate::table::Table;

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [ale] = tables else { return Ok(Vec::new()) };
    let words = Words {
        chart: "ale",
        title: "Accumulated local effects",
        about: "how the prediction changes along a feature among rows that have such values; 0 is the average over rows".into(),
        quantity: format!("change of the prediction ({})", options.effect_space),
    };
    figures(ale, options, &words, |output| curves(ale, output, "right", "effect"))
}
