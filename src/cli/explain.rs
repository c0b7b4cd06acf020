//! `pipeline explain`: one row in the terminal, or as JSON.

use std::fmt::Write;
use std::io::{self, IsTerminal};

use super::args::{Explain, Form};
use super::failure::Failure;
use super::{is_coloured, pretty};
use crate::config::Config;
use crate::run::{self, Contribution, Decision, ExplainedOutput, Level, Log, LogFormat, Options, RowExplanation, RowQuestion};

/// Characters of the longest bar.
const BAR: f64 = 24.0;

/// Significant digits of the largest number.
const DIGITS: i32 = 5;

/// The text to print.
pub(super) fn explain(arguments: Explain) -> Result<String, Failure> {
    let log = Log::start(LogFormat::Text, Level::WARN);
    let config = Config::load(&arguments.config, &arguments.sets)?;
    let options = Options { threads: arguments.threads, ..Options::default() };
    let question = RowQuestion { id: arguments.id, method: arguments.method, output: arguments.output_name };
    let explanation = run::explain_row(config, options, &question, &log)?;
    match arguments.format {
        Form::Json => pretty(&explanation),
        Form::Text => Ok(text(&explanation, arguments.top.get(), is_coloured(io::stdout().is_terminal()))),
    }
}

fn text(row: &RowExplanation, top: usize, coloured: bool) -> String {
    let id = row.id_column.as_deref().unwrap_or("row");
    let mut text = format!("{}: {id} {}, by {}\n", printable(&row.audit), printable(&row.row_id), row.method);
    for output in &row.outputs {
        text.push('\n');
        if row.outputs.len() > 1 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "output {}", printable(&output.output));
        }
        text += &of_output(output, top, coloured);
    }
    row.warnings.iter().for_each(|warning| text += &format!("\nwarning: {}\n", printable(warning)));
    text += &row.decision.as_ref().map(of_decision).unwrap_or_default();
    text
}

fn of_output(output: &ExplainedOutput, top: usize, coloured: bool) -> String {
    let rest = output.attributions.get(top..).unwrap_or_default();
    let shown = output.attributions.iter().take(if rest.len() > 1 { top } else { usize::MAX });
    let mut lines: Vec<(f64, String)> = shown.map(|part| (part.attribution, label(part))).collect();
    if rest.len() > 1 {
        lines.push((rest.iter().map(|part| part.attribution).sum(), format!("{} other features", rest.len())));
    }
    let largest = lines.iter().map(|line| line.0.abs()).fold(0.0, f64::max);
    let ends = [output.base_value, output.prediction].map(f64::abs);
    let decimals = decimals(ends.into_iter().fold(largest, f64::max));
    let number = |x: f64| format!("{:>12}", format!("{x:+.decimals$}").replace('-', "−"));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let mut line = |x: f64, bar: String, label: &str| {
        let _ = writeln!(text, "{}", format!("{}  {bar}  {label}", number(x)).trim_end());
    };
    let blank = || " ".repeat(BAR as usize);
    line(output.base_value, blank(), &format!("base value ({})", output.space));
    for (attribution, label) in &lines {
        line(*attribution, bar(*attribution, largest, coloured), label);
    }
    let half = 0.5 * 10_f64.powi(-i32::try_from(decimals).unwrap_or(0));
    if output.residual.abs() >= half {
        line(output.residual, blank(), "residual");
    }
    let response = if output.response == output.prediction { String::new() } else { format!(": the model says {}", output.response) };
    line(output.prediction, blank(), &format!("prediction{response}"));
    text
}

fn label(part: &Contribution) -> String {
    let value = part.value.as_deref().unwrap_or("missing");
    // A group's value names its members already.
    let value = if value.contains('=') { format!("{} ({value})", part.feature) } else { format!("{} = {value}", part.feature) };
    printable(&part.standard_error.map_or(value.clone(), |error| format!("{value} (± {error:.1e})")))
}

/// Text of the data without characters that a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Decimals at which the largest number has its significant digits.
fn decimals(largest: f64) -> usize {
    let magnitude = if largest > 0.0 && largest.is_finite() { largest.log10().floor() as i32 } else { 0 };
    usize::try_from((DIGITS - 1 - magnitude).clamp(0, 12)).unwrap_or(0)
}

/// A bar of whole characters, shaded where the number is negative; on a coloured terminal red for positive numbers and blue for negative ones.
fn bar(x: f64, largest: f64, coloured: bool) -> String {
    let length = if largest > 0.0 { (x.abs() / largest * BAR).round() as usize } else { 0 };
    let bar = if x < 0.0 { "░" } else { "█" }.repeat(length);
    let blank = " ".repeat((BAR as usize).saturating_sub(length));
    match (coloured, x < 0.0) {
        (false, _) => bar + &blank,
        (true, negative) => format!("\u{1b}[{}m{bar}\u{1b}[0m{blank}", if negative { 34 } else { 31 }),
    }
}

fn of_decision(decision: &Decision) -> String {
    let mut text = format!("\nThe decision is {}.\n", if decision.favourable { "favourable" } else { "unfavourable" });
    for (reason, rank) in decision.reasons.iter().zip(1..) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{rank}. {}", printable(&reason.text));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> ExplainedOutput {
        let part = |feature: &str, value: Option<&str>, attribution| Contribution {
            feature: feature.into(),
            value: value.map(str::to_owned),
            attribution,
            standard_error: None,
        };
        ExplainedOutput {
            output: "1".into(),
            space: "margin: log-odds",
            base_value: -1.0,
            prediction: 0.25,
            residual: 0.0,
            response: 0.5621765008857981,
            attributions: vec![
                part("age", Some("30"), 1.5),
                part("sex", None, -0.75),
                part("a", Some("1"), 0.25),
                part("b", Some("2"), 0.25),
            ],
        }
    }

    #[test]
    fn bars_are_in_proportion_and_the_rest_is_summed() {
        let lines: Vec<String> = of_output(&output(), 2, false).lines().map(str::to_owned).collect();
        let (full, half, third) = ("█".repeat(24), "░".repeat(12), "█".repeat(8));
        assert_eq!(
            lines,
            [
                format!("     −1.0000  {}  base value (margin: log-odds)", " ".repeat(24)),
                format!("     +1.5000  {full}  age = 30"),
                format!("     −0.7500  {half}{}  sex = missing", " ".repeat(12)),
                format!("     +0.5000  {third}{}  2 other features", " ".repeat(16)),
                format!("     +0.2500  {}  prediction: the model says 0.5621765008857981", " ".repeat(24)),
            ]
        );
        // One that is left is shown itself.
        assert!(of_output(&output(), 3, false).contains("b = 2"));
    }

    #[test]
    fn the_data_cannot_steer_the_terminal() {
        let mut output = output();
        output.attributions[0].value = Some("\u{1b}[2Jgone\r\n".into());
        assert!(of_output(&output, 4, false).contains("age =  [2Jgone\n"));
    }

    #[test]
    fn colours_are_asked_for() {
        let text = of_output(&output(), 4, true);
        assert!(text.contains("\u{1b}[31m█") && text.contains("\u{1b}[34m░"));
        assert!(!of_output(&output(), 4, false).contains('\u{1b}'));
    }
}
