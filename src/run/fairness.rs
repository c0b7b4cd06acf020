//! The fairness section of the page: what was screened, with what result, and which features make the gaps.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::Array;

use super::plan::Plan;
use crate::derive::fairness::{NOT_EVALUATED, Side};
use crate::report::page::{Bounded, ConditionalLine, Fact, Fairness, GroupLine};
use crate::table::Table;

/// Four fifths: the adverse impact ratio below which a screen asks for a closer look (EEOC Uniform Guidelines 1978, § 1607.4 D).
const FOUR_FIFTHS: f64 = 0.8;

/// Features that are named behind a gap.
const NAMED: usize = 3;

/// Rate of false discoveries below which a feature is named.
const DISCOVERY: f64 = 0.05;

/// The section, where there is a review.
pub(super) fn section(plan: &Plan, tables: &[Table]) -> Option<Fairness> {
    let settings = plan.config.fairness.as_ref()?;
    let metrics = tables.iter().find(|table| table.name == "fairness_metrics")?;
    let attributions = tables.iter().find(|table| table.name == "fairness_attributions");
    let text = |name: &str, row: usize| metrics.texts(name).value(row);
    let find: BTreeMap<[&str; 3], usize> =
        (0..metrics.len()).map(|row| ([text("attribute", row), text("group", row), text("metric", row)], row)).collect();
    let rates = (0..metrics.len()).filter(|row| text("metric", *row) == "favourable_rate");
    let groups: Vec<GroupLine> = rates
        .map(|row| {
            let (attribute, group) = (text("attribute", row), text("group", row));
            let of = |metric: &str| find.get(&[attribute, group, metric]).copied();
            let ratio = of("adverse_impact_ratio");
            GroupLine {
                attribute: attribute.into(),
                group: group.into(),
                reference: text("reference", row).into(),
                rows: metrics.integers("rows").value(row),
                rate: metrics.number("value", row),
                ratio: ratio.and_then(|row| metrics.number("value", row)),
                ratio_low: ratio.and_then(|row| metrics.number("ci_low", row)),
                ratio_high: ratio.and_then(|row| metrics.number("ci_high", row)),
                opportunity: of("equal_opportunity_difference").and_then(|row| metrics.number("value", row)),
                screen: screen(metrics, ratio),
                features: attributions.map(|table| features(table, attribute, group)).unwrap_or_default(),
            }
        })
        .collect();
    let unknown = (0..metrics.len()).filter(|row| text("status", *row) != "ok").count();
    let side = if settings.favourable == Side::Below { "below" } else { "at or above" };
    let facts = vec![
        Fact::new("Favourable decision", format!("prediction {side} {}", settings.threshold)),
        Fact::new("Least rows behind a number", settings.min_group.to_string()),
        Fact::new("Confidence level", format!("{}", settings.intervals)),
    ];
    let conditional = tables.iter().find(|table| table.name == "fairness_conditional").map(conditional).unwrap_or_default();
    Some(Fairness { facts, groups, conditional, numbers: metrics.len(), unknown })
}

/// The groups within the strata of each column, where there is a reference to compare with.
fn conditional(table: &Table) -> Vec<ConditionalLine> {
    let text = |name: &str, row: usize| table.texts(name).value(row);
    let keys = |row: usize| ["attribute", "group", "stratum", "metric"].map(|name| text(name, row));
    let find: BTreeMap<[&str; 4], usize> = (0..table.len()).map(|row| (keys(row), row)).collect();
    let bounded = |row: usize| Bounded {
        value: table.number("value", row),
        low: table.number("ci_low", row),
        high: table.number("ci_high", row),
        status: text("status", row).replace('_', " "),
    };
    let line = |row: usize| {
        let [attribute, group, stratum, _] = keys(row);
        let disparity = find.get(&[attribute, group, stratum, "conditional_demographic_disparity"])?;
        Some(ConditionalLine {
            attribute: attribute.into(),
            group: group.into(),
            reference: text("reference", row).into(),
            stratum: stratum.into(),
            strata: table.integers("strata").value(row),
            rows: table.integers("rows").value(row),
            disparity: bounded(*disparity),
            ratio: bounded(row),
        })
    };
    let ratios = (0..table.len()).filter(|row| text("metric", *row) == "mantel_haenszel_rate_ratio");
    ratios.filter_map(line).collect()
}

/// What could not be compared at all, for want of rows in a reference group, or since there are too many groups or strata.
pub(super) fn warnings(plan: &Plan, tables: &[Table]) -> Vec<String> {
    let (Some(settings), Some(metrics)) = (&plan.config.fairness, tables.iter().find(|table| table.name == "fairness_metrics")) else {
        return Vec::new();
    };
    let text = |name: &str, row: usize| metrics.texts(name).value(row);
    let mut rates: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let of_rates = (0..metrics.len()).filter(|row| text("metric", *row) == "favourable_rate");
    of_rates.for_each(|row| rates.entry(text("attribute", row)).or_default().push(row));
    let warning = |(attribute, lines): (&&str, &Vec<usize>)| {
        if lines.iter().any(|row| text("status", *row) == NOT_EVALUATED) {
            let many = text("group", *lines.first()?);
            return Some(format!(
                "fairness: `{attribute}` has {many} and is not screened; give a number bins, join small groups in the data, or choose another column"
            ));
        }
        let is_reference = |row: &&usize| text("group", **row) == text("reference", **row);
        let (references, others): (Vec<&usize>, Vec<&usize>) = lines.iter().partition(is_reference);
        let rows = |row: usize| metrics.integers("rows").value(row);
        let (reference, count) = references.first().map(|row| (text("group", **row), rows(**row)))?;
        let known: Vec<&str> = others.iter().map(|row| text("group", **row)).collect();
        let known = if known.is_empty() { "no others".to_owned() } else { known.join(", ") };
        let about = format!("fairness: {attribute}: the reference group `{reference}` has");
        match count {
            0 => Some(format!("{about} no row, so that nothing can be compared with it; the groups with rows are {known}")),
            few if few < settings.min_group as i64 => {
                Some(format!("{about} {few} rows, fewer than fairness.min_group, so that nothing can be compared with it"))
            }
            _ if reference == "missing" && others.is_empty() => {
                Some(format!("fairness: {attribute}: every value is missing; there are no groups to compare"))
            }
            _ => None,
        }
    };
    let is_crowded = |lines: &Vec<usize>| lines.iter().any(|row| text("status", *row) == NOT_EVALUATED);
    let crowded: BTreeSet<&str> = rates.iter().filter(|(_, lines)| is_crowded(lines)).map(|(attribute, _)| *attribute).collect();
    rates.iter().filter_map(warning).chain(crowded_strata(tables, &crowded)).collect()
}

/// Which columns have too many strata to compare groups within: all that was not looked at, but for the `crowded` attributes.
fn crowded_strata(tables: &[Table], crowded: &BTreeSet<&str>) -> Vec<String> {
    let Some(table) = tables.iter().find(|table| table.name == "fairness_conditional") else { return Vec::new() };
    let text = |name: &str, row: usize| table.texts(name).value(row);
    let of_strata = |row: &usize| text("status", *row) == NOT_EVALUATED && !crowded.contains(text("attribute", *row));
    let columns: BTreeSet<&str> = (0..table.len()).filter(of_strata).map(|row| text("stratum", row)).collect();
    let told = columns.into_iter().map(|column| {
        format!("fairness: `{column}` has too many strata to compare groups within; give a number bins, or choose another column")
    });
    told.collect()
}

/// What the screen says of a group; the reference has no ratio.
fn screen(metrics: &Table, ratio: Option<usize>) -> &'static str {
    let Some(row) = ratio else { return "reference" };
    match (metrics.number("value", row), metrics.number("ci_high", row)) {
        (None, _) if metrics.texts("status").value(row) == "undefined" => "undefined",
        (None, _) if metrics.texts("status").value(row) == NOT_EVALUATED => "not evaluated",
        (None, _) => "insufficient data",
        (Some(value), _) if value >= FOUR_FIFTHS => "not below 0.8",
        (Some(_), Some(high)) if high < FOUR_FIFTHS => "below 0.8, interval too",
        _ => "below 0.8",
    }
}

/// The features behind a group's gap in the first method, with their signs, the largest first.
fn features(table: &Table, attribute: &str, group: &str) -> String {
    let text = |name: &str, row: usize| table.texts(name).value(row);
    let Some(method) = (!table.is_empty()).then(|| text("method", 0)) else { return String::new() };
    let is_meant = |row: &usize| {
        table.integers("label").is_null(*row)
            && [text("method", *row), text("attribute", *row), text("group", *row)] == [method, attribute, group]
    };
    let discovered = |row: &usize| table.number("q_value", *row).is_some_and(|q| q < DISCOVERY);
    let found = (0..table.len()).filter(|row| is_meant(row) && discovered(row));
    let mut found: Vec<(f64, &str)> = found.filter_map(|row| Some((table.number("difference", row)?, text("feature", row)))).collect();
    found.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    let sign = |difference: f64| if difference < 0.0 { '−' } else { '+' };
    found.iter().take(NAMED).map(|(difference, feature)| format!("{feature} ({})", sign(*difference))).collect::<Vec<_>>().join(", ")
}
