//! Figures and page: well-formed, legible, inside their bounds, and the same every time.

use pipeline::report::chart::{self, Figure, Options};
use pipeline::report::page::{self, Certificate, Fact, Link, Method, Page, Verdict};
use pipeline::table::{self, Table};

/// What the tables of a figure hold: features and outputs by name, sampled rows, the attributions' scale.
struct Case {
    features: Vec<String>,
    outputs: Vec<&'static str>,
    sampled: usize,
    rows: i64,
    scale: f64,
    top: usize,
}

impl Case {
    fn new(features: &[&str]) -> Self {
        let features = features.iter().map(|name| (*name).to_owned()).collect();
        Self { features, outputs: vec!["bad"], sampled: 60, rows: 1000, scale: 1.0, top: 20 }
    }

    fn tables(&self) -> Vec<Table> {
        vec![self.importance(), self.summary()]
    }

    fn lines(&self) -> impl Iterator<Item = (&str, &str, usize)> {
        self.outputs.iter().flat_map(|output| self.features.iter().enumerate().map(|(i, feature)| (*output, feature.as_str(), i)))
    }

    fn importance(&self) -> Table {
        let size = |(_, _, i): (&str, &str, usize)| self.scale / (1.0 + i as f64);
        Table::new(
            "importance",
            vec![
                ("method", table::texts(self.lines().map(|_| "tree_shap"))),
                ("output", table::texts(self.lines().map(|line| line.0))),
                ("feature", table::texts(self.lines().map(|line| line.1))),
                ("rank", table::integers(self.lines().map(|line| line.2 as i64 + 1))),
                ("mean_abs", table::numbers(self.lines().map(size))),
                ("mean", table::numbers(self.lines().map(size))),
                ("std", table::numbers(self.lines().map(size))),
                ("ci_low", table::optional_numbers(self.lines().map(|line| (self.rows > 1).then(|| 0.9 * size(line))))),
                ("ci_high", table::optional_numbers(self.lines().map(|line| (self.rows > 1).then(|| 1.1 * size(line))))),
                ("level", table::optional_numbers(self.lines().map(|_| (self.rows > 1).then_some(0.95)))),
                ("rows", table::integers(self.lines().map(|_| self.rows))),
            ],
        )
    }

    /// Every third feature is a category; every seventh value is missing.
    fn summary(&self) -> Table {
        let cells = || self.lines().flat_map(|line| (0..self.sampled).map(move |row| (line, row)));
        let known = |i: usize, row: usize| (i + row) % 7 != 6;
        let share = |i: usize, row: usize| ((row * 37 + i * 11) % 101) as f64 / 100.0;
        Table::new(
            "summary",
            vec![
                ("method", table::texts(cells().map(|_| "tree_shap"))),
                ("output", table::texts(cells().map(|(line, _)| line.0))),
                ("feature", table::texts(cells().map(|(line, _)| line.1))),
                ("row_id", table::integers(cells().map(|(_, row)| row as i64))),
                ("value", table::optional_texts(cells().map(|((_, _, i), row)| known(i, row).then(|| share(i, row).to_string())))),
                (
                    "value_number",
                    table::optional_numbers(cells().map(|((_, _, i), row)| (known(i, row) && i % 3 != 2).then(|| share(i, row)))),
                ),
                ("attribution", table::numbers(cells().map(|((_, _, i), row)| self.scale * (share(i, row) - 0.4) / (1.0 + i as f64)))),
                ("density", table::numbers(cells().map(|((_, _, i), row)| share(i + 5, row)))),
            ],
        )
    }

    fn draw(&self) -> Vec<Figure> {
        chart::draw(&self.tables(), &Options { top_features: self.top, space: "margin: log-odds".into() }).unwrap()
    }
}

fn cases() -> Vec<Case> {
    let odd = [
        "petal <length> & \"width\"",
        "Größe_der_Kreditsumme_in_Ländern_mit_sehr_langen_Wörtern",
        "'quoted'\u{1}",
        "名前名前名前名前名前名前名前名前名前名前",
    ];
    let long = "number_of_enquiries_at_credit_bureaus_within_the_last_six_months";
    vec![
        Case::new(&[long, "age", "purpose", "duration_in_month"]),
        Case::new(&["age"]),
        Case { features: (0..200).map(|i| format!("feature_{i:03}")).collect(), rows: 5_000_000, ..Case::new(&[]) },
        Case { outputs: vec!["a", "<b>", "Ü \"c\"", "d", "e", "f"], ..Case::new(&odd) },
        Case { rows: 1, sampled: 1, ..Case::new(&["age", "purpose"]) },
        Case { scale: 0.0, ..Case::new(&["age", "purpose"]) },
        Case { scale: 1e-9, ..Case::new(&["age", "purpose"]) },
        Case { scale: 1e9, ..Case::new(&["age", "purpose"]) },
        Case { scale: f64::NAN, ..Case::new(&["age", "purpose"]) },
        Case { sampled: 0, ..Case::new(&["age", "purpose"]) },
    ]
}

/// Advance widths of U+0020…U+007E in DejaVu Sans 2.37, the widest of the common sans-serif fonts, in 2048ths of an em.
const WIDTHS: [u16; 95] = [
    651, 821, 942, 1716, 1303, 1946, 1597, 563, 799, 799, 1024, 1716, 651, 739, 651, 690, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303,
    1303, 1303, 690, 690, 1716, 1716, 1716, 1087, 2048, 1401, 1405, 1430, 1577, 1294, 1178, 1587, 1540, 604, 604, 1343, 1141, 1767, 1532,
    1612, 1235, 1612, 1423, 1300, 1251, 1499, 1401, 2025, 1403, 1251, 1403, 799, 690, 799, 1716, 1024, 1024, 1255, 1300, 1126, 1300, 1260,
    721, 1300, 1298, 569, 569, 1186, 569, 1995, 1298, 1253, 1300, 1300, 842, 1067, 803, 1298, 1212, 1675, 1212, 1212, 1075, 1303, 690,
    1303, 1716,
];

fn advance(c: char) -> f64 {
    let ascii = (c as usize).checked_sub(0x20).and_then(|place| WIDTHS.get(place));
    ascii.map_or(if c < '\u{1100}' { 0.65 } else { 1.0 }, |width| f64::from(*width) / 2048.0)
}

fn text_box(node: roxmltree::Node) -> [f64; 4] {
    let number = |name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
    let text: String = node.children().filter(|child| child.is_text()).filter_map(|child| child.text()).collect();
    let ems: f64 = text.trim().chars().map(advance).sum();
    let (x, y, size) = (number("x"), number("y"), number("font-size"));
    let left = match node.attribute("text-anchor").unwrap() {
        "start" => x,
        "middle" => x - ems * size / 2.0,
        _ => x - ems * size,
    };
    [left, y - size / 2.0, left + ems * size, y + size / 2.0]
}

#[test]
fn figures_are_well_formed_and_nothing_is_cut_off_or_covered() {
    for figure in cases().iter().flat_map(Case::draw) {
        let document = roxmltree::Document::parse(&figure.svg).unwrap_or_else(|error| panic!("{}: {error}", figure.stem));
        let root = document.root_element();
        let view: Vec<f64> = root.attribute("viewBox").unwrap().split(' ').map(|side| side.parse().unwrap()).collect();
        let named = |name: &str| root.children().find(|child| child.has_tag_name(("http://www.w3.org/2000/svg", name))).unwrap();
        assert_eq!(named("title").text(), Some(figure.title.as_str()));
        assert!(!named("desc").text().unwrap().is_empty());
        let texts: Vec<_> = root.descendants().filter(|node| node.tag_name().name() == "text").collect();
        let boxes: Vec<[f64; 4]> = texts.iter().map(|node| text_box(*node)).collect();
        for (node, [left, top, right, bottom]) in texts.iter().zip(&boxes) {
            assert!(*left >= 0.0 && *top >= 0.0 && *right <= view[2] && *bottom <= view[3], "{}: {node:?} is cut off", figure.stem);
            // Two units are a CSS pixel at the figure's own size.
            assert!(node.attribute("font-size").unwrap().parse::<f64>().unwrap() >= 23.9);
        }
        for (i, a) in boxes.iter().enumerate() {
            for (j, b) in boxes.iter().enumerate().skip(i + 1) {
                let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
                assert!(apart, "{}: {:?} covers {:?}", figure.stem, texts[i].text(), texts[j].text());
            }
        }
        for node in root.descendants().filter(|node| node.tag_name().name() == "circle") {
            let at = |name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
            assert!((0.0..=view[2]).contains(&at("cx")) && (0.0..=view[3]).contains(&at("cy")));
        }
    }
}

#[test]
fn figures_are_pure() {
    for case in cases() {
        assert_eq!(case.draw(), case.draw());
    }
}

#[test]
fn long_names_are_told_in_full_on_hovering() {
    let figures = Case::new(&["number_of_enquiries_at_credit_bureaus_within_the_last_six_months & more"]).draw();
    assert!(
        figures.iter().all(|figure| figure
            .svg
            .contains("<title>number_of_enquiries_at_credit_bureaus_within_the_last_six_months &amp; more</title>"))
    );
}

#[test]
fn figures_stay_within_the_features_and_outputs_asked_for() {
    let many = &cases()[2];
    let figures = Case { top: 7, ..Case::new(&[]) }.draw();
    assert!(figures.is_empty());
    for figure in (Case { features: many.features.clone(), top: 7, ..Case::new(&[]) }).draw() {
        assert!(figure.svg.contains("feature_006") && !figure.svg.contains("feature_007"));
        assert!(figure.svg.contains("the top 7 of 200 features"));
    }
    let stems: Vec<String> = cases()[3].draw().into_iter().map(|figure| figure.stem).collect();
    let expected = ["importance", "beeswarm"].iter().flat_map(|chart| (0..4).map(move |place| format!("{chart}-tree_shap-{place}")));
    assert_eq!(stems, expected.collect::<Vec<_>>());
}

#[test]
fn bars_are_as_long_as_their_numbers() {
    let figure = Case::new(&["a", "b", "c", "d"]).draw().remove(0);
    let document = roxmltree::Document::parse(&figure.svg).unwrap();
    let bars = document.descendants().filter(|node| node.attribute("fill") == Some("#6B9AC4"));
    let lengths: Vec<f64> = bars.map(|bar| bar.attribute("width").unwrap().parse().unwrap()).collect();
    // 1, 1/2, 1/3, 1/4 of the first, to half a unit.
    for (place, length) in lengths.iter().enumerate() {
        assert!((length - lengths[0] / (1.0 + place as f64)).abs() <= 1.0, "{lengths:?}");
    }
    assert_eq!(lengths.len(), 4);
}

fn page(figures: Vec<Figure>) -> Page {
    Page {
        name: "credit <b>&\"audit\"".into(),
        verdict: Verdict::Warned,
        message: "Every step ran; one warning.".into(),
        headline: vec![Fact::new("Rows", "1000")],
        data: vec![Fact::new("Filter", "age < 30 AND name <> '</dd><script>'")],
        model: vec![Fact::new("Objective", "binary:logistic")],
        model_notes: vec!["a note".into()],
        methods: vec![Method { name: "tree_shap".into(), description: "Exact.".into(), facts: vec![] }],
        additivity: vec![Certificate {
            method: "tree_shap".into(),
            output: "bad".into(),
            rows: 48_842,
            largest: 3.55e-15,
            relative: 4.1e-16,
        }],
        figures,
        tables: vec![Link { name: "importance".into(), path: "tables/importance.parquet".into(), rows: 20, description: "Bars.".into() }],
        warnings: vec!["12 rows have categories that the model does not know".into()],
        reproducibility: vec![Fact::new("Seed", "42")],
    }
}

#[test]
fn the_page_escapes_what_it_is_told_and_needs_nothing_from_outside() {
    let html = page::render(&page(Case::new(&["<i>"]).draw())).unwrap();
    assert!(!html.contains("<b>") && !html.contains("<script") && !html.contains("<i>"));
    assert!(html.contains("48,842") && html.contains("3.55e−15") && html.contains("4.10e−16"));
    assert!(html.contains("<a href=\"tables&#x2f;importance.parquet\">importance</a>"));
    // The one address is the name of SVG itself.
    assert!(html.matches("http").count() == html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    assert!(html.contains("<svg ") && !html.contains("<img"));
    assert_eq!(html, page::render(&page(Case::new(&["<i>"]).draw())).unwrap());
}

#[test]
fn heavy_figures_are_linked_rather_than_inlined() {
    let mut figures = Case::new(&["age"]).draw();
    figures[0].svg.push_str(&" ".repeat(2_000_000));
    let html = page::render(&page(figures)).unwrap();
    assert!(html.len() < 100_000 && !html.contains("<svg"));
    assert!(html.contains("<img src=\"figures/beeswarm-tree_shap.svg\" alt=\"One row of points"));
}
