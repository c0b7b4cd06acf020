//! Means of clusters: a column a cluster, a line a feature, with the clusters' rows above.

use plotters::style::text_anchor::HPos;

use super::canvas::{Canvas, Drawn, Face, svg};
use super::frame::{Frame, NOTE};
use super::output::{OUTPUTS, Output};
use super::text::width;
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::{counted, grouped, short};
use crate::table::Table;

const ROW: f64 = 22.0;
/// Height of the clusters' numbers, rows and sums.
const HEADER: f64 = 56.0;
const NUMBER: Face = Face { size: 11.0, bold: false, colour: palette::INK, anchor: HPos::Center };

/// One method's and output's clusters.
struct Means<'a> {
    method: &'a str,
    output: &'a str,
    /// Rows and sum of mean attributions of each cluster.
    clusters: Vec<(i64, f64)>,
    /// Each feature's mean in each cluster.
    features: Vec<(&'a str, Vec<f64>)>,
}

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [table] = tables else { return Ok(Vec::new()) };
    let all = means(table);
    let mut figures = Vec::new();
    for (number, means) in all.iter().enumerate() {
        let place = all[..number].iter().filter(|other| other.method == means.method).count();
        let count = all.iter().filter(|other| other.method == means.method).count();
        if place < OUTPUTS {
            figures.push(figure(means, Output::new(means.output, place, count), options)?);
        }
    }
    Ok(figures)
}

fn means(table: &Table) -> Vec<Means<'_>> {
    let [methods, outputs, features] = ["method", "output", "feature"].map(|column| table.texts(column));
    let mut all: Vec<Means> = Vec::new();
    for row in 0..table.len() {
        let (method, output, feature) = (methods.value(row), outputs.value(row), features.value(row));
        if all.last().is_none_or(|last| (last.method, last.output) != (method, output)) {
            all.push(Means { method, output, clusters: Vec::new(), features: Vec::new() });
        }
        let Some(means) = all.last_mut() else { continue };
        let cluster = table.integers("cluster").value(row) as usize;
        if means.clusters.len() == cluster {
            means.clusters.push((table.integers("rows").value(row), table.numbers("total").value(row)));
        }
        let mean = table.numbers("mean").value(row);
        match means.features.iter_mut().find(|(known, _)| *known == feature) {
            Some((_, means)) => means.push(mean),
            None => means.features.push((feature, vec![mean])),
        }
    }
    let size = |means: &[f64]| means.iter().fold(0.0_f64, |size, mean| size.max(mean.abs()));
    all.iter_mut().for_each(|means| means.features.sort_by(|a, b| size(&b.1).total_cmp(&size(&a.1))));
    all
}

fn figure(means: &Means, output: Output<'_>, options: &Options) -> Result<Figure, ReportError> {
    let shown = &means.features[..means.features.len().min(options.top_features)];
    let names: Vec<&str> = shown.iter().map(|feature| feature.0).collect();
    let title = output.title("What sets clusters of rows apart");
    let rows: i64 = means.clusters.iter().map(|cluster| cluster.0).sum();
    let subtitle = format!(
        "{}; {} in {} clusters: mean attribution ({}) of each feature; above: cluster, rows, and the sum of mean attributions",
        super::ranking::method_title(means.method),
        counted(rows),
        means.clusters.len(),
        options.space_of(means.method)
    );
    let stem = output.stem(&format!("cluster_means-{}", means.method));
    let told: Vec<String> = means.clusters.iter().map(|(rows, total)| format!("{rows} rows with sum {}", short(*total))).collect();
    let alt = format!("A table of mean attributions by cluster. Clusters: {}.", told.join(", "));
    let frame = Frame::new(title.clone(), &subtitle, &names, (ROW, HEADER, 0.0));
    let picture = |canvas: &Canvas| -> Drawn {
        frame.draw(canvas, &names)?;
        draw_cells(canvas, &frame, means, shown)
    };
    let svg = svg(frame.size(), (&stem, &title, &alt), picture).map_err(chart_error("cluster_means"))?;
    Ok(Figure { stem, title, alt, svg })
}

fn draw_cells(canvas: &Canvas, frame: &Frame, means: &Means, shown: &[(&str, Vec<f64>)]) -> Drawn {
    let column = ((frame.sides.1 - frame.sides.0) / means.clusters.len().max(1) as f64).min(110.0);
    let middle = |cluster: usize| frame.sides.0 + column * (cluster as f64 + 0.5);
    let text =
        |at: (f64, f64), face: Face, text: &str| if width(text, face.size) <= column - 2.0 { canvas.text(at, face, text) } else { Ok(()) };
    for (cluster, (rows, total)) in means.clusters.iter().enumerate() {
        let y = |line: f64| frame.ends.0 - HEADER + 10.0 + 16.0 * line;
        text((middle(cluster), y(0.0)), Face { bold: true, ..NUMBER }, &(cluster + 1).to_string())?;
        text((middle(cluster), y(1.0)), Face { colour: palette::MUTED, ..NUMBER }, &grouped(*rows))?;
        text((middle(cluster), y(2.0)), NUMBER, &short(*total))?;
    }
    for (label, line) in [("cluster", 0.0), ("rows", 1.0), ("sum", 2.0)] {
        let at = (frame.sides.0 - 12.0, frame.ends.0 - HEADER + 10.0 + 16.0 * line);
        canvas.text(at, Face { anchor: HPos::Right, ..NOTE }, label)?;
    }
    let largest = shown.iter().flat_map(|feature| &feature.1).fold(0.0_f64, |largest, mean| largest.max(mean.abs()));
    for (row, (_, values)) in shown.iter().enumerate() {
        for (cluster, mean) in values.iter().enumerate() {
            let share = if largest > 0.0 { mean / largest } else { 0.0 };
            let (left, y) = (frame.sides.0 + column * cluster as f64, frame.middle(row));
            let fill = palette::diverging(share);
            canvas.rect((left + 1.0, y - ROW / 2.0 + 1.0), (left + column - 1.0, y + ROW / 2.0 - 1.0), fill)?;
            text((middle(cluster), y), Face { colour: palette::text_on(fill), ..NUMBER }, &short(*mean))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    #[test]
    fn every_cluster_has_its_rows_its_sum_and_every_mean() {
        let table = Table::new(
            "cluster_means",
            vec![
                ("method", table::texts(["tree_shap"; 4])),
                ("output", table::texts(["p"; 4])),
                ("cluster", table::integers([0, 0, 1, 1])),
                ("feature", table::texts(["age", "sex", "age", "sex"])),
                ("mean", table::numbers([-0.5, 0.125, 0.25, 0.75])),
                ("total", table::numbers([-0.375, -0.375, 1.0, 1.0])),
                ("rows", table::integers([1200, 1200, 34, 34])),
            ],
        );
        let options = Options { top_features: 20, space: "margin".into(), effect_space: "margin".into() };
        let [figure] = &draw(&[&table], &options).unwrap()[..] else { panic!("one figure") };
        assert_eq!(figure.stem, "cluster_means-tree_shap");
        for number in ["−0.500", "0.125", "0.250", "0.750", "−0.375", "1.00", "1,200", "34"] {
            assert_eq!(figure.svg.matches(&format!("\n{number}\n")).count(), 1, "{number}");
        }
        assert!(figure.svg.contains("1,234 rows in 2 clusters"), "{}", figure.svg);
    }
}
