//! The fairness review of the shipped credit config, end to end: every table and figure of it, against the run's own rows by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use tempfile::TempDir;

use crate::fairness_runs::texts;
use crate::support::{pipeline, read, shipped, stderr};

/// A run's folder, and what is kept of each applicant in its order: decision and explained margin.
struct Review {
    _home: TempDir,
    folder: PathBuf,
    data: RecordBatch,
    parts: RecordBatch,
}

/// One run for all tests.
fn review() -> &'static Review {
    static REVIEW: OnceLock<Review> = OnceLock::new();
    REVIEW.get_or_init(|| {
        let home = tempfile::tempdir().unwrap();
        let output = pipeline().arg("run").arg(shipped("configs/credit.yaml")).arg("--output").arg(home.path()).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let folder = home.path().join("latest").canonicalize().unwrap();
        let parts = read(&folder.join("attributions/tree_shap/part-00000.parquet"));
        Review { _home: home, folder, data: read(&shipped("data/credit.parquet")), parts }
    })
}

impl Review {
    fn table(&self, name: &str) -> RecordBatch {
        read(&self.folder.join(format!("tables/{name}.parquet")))
    }

    /// Rows of a group of an attribute, by hand.
    fn members(&self, attribute: &str, group: &str) -> Vec<usize> {
        let (sexes, ages) = (texts(&self.data, "sex"), integers(&self.data, "age"));
        let band = |age: i64| match age {
            ..25 => "under 25",
            25..40 => "25 to under 40",
            40..60 => "40 to under 60",
            _ => "60 and over",
        };
        let of = |row: &usize| match attribute {
            "sex" => sexes[*row] == group,
            "age" => band(ages[*row]) == group,
            _ => format!("{} & {}", sexes[*row], band(ages[*row])) == group,
        };
        (0..self.data.num_rows()).filter(of).collect()
    }

    fn mean(&self, rows: &[usize], value: impl Fn(usize) -> f64) -> f64 {
        rows.iter().map(|row| value(*row)).sum::<f64>() / rows.len() as f64
    }

    /// Whether a margin is below that of a probability of one half.
    fn favoured(&self) -> Vec<bool> {
        numbers(&self.parts, "_prediction").iter().map(|margin| *margin < 0.0).collect()
    }
}

/// NaN where there is none.
fn numbers(batch: &RecordBatch, column: &str) -> Vec<f64> {
    let column = batch.column_by_name(column).unwrap().as_primitive::<Float64Type>();
    column.iter().map(|number| number.unwrap_or(f64::NAN)).collect()
}

fn integers(batch: &RecordBatch, column: &str) -> Vec<i64> {
    let column = arrow_cast::cast(batch.column_by_name(column).unwrap(), &arrow_schema::DataType::Int64).unwrap();
    column.as_primitive::<Int64Type>().iter().map(Option::unwrap_or_default).collect()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(b.abs()).max(1.0)
}

const ATTRIBUTES: [(&str, usize); 3] = [("sex", 2), ("age", 4), ("sex & age", 8)];

#[test]
fn group_metrics_hold_every_row_and_the_rates_of_the_decisions() {
    let (review, metrics) = (review(), review().table("fairness_metrics"));
    let [attributes, groups, names, statuses] = ["attribute", "group", "metric", "status"].map(|column| texts(&metrics, column));
    let (values, lows, highs, rows) =
        (numbers(&metrics, "value"), numbers(&metrics, "ci_low"), numbers(&metrics, "ci_high"), integers(&metrics, "rows"));
    let favoured = review.favoured();
    for (attribute, count) in ATTRIBUTES {
        let rates: Vec<usize> = (0..names.len()).filter(|row| attributes[*row] == attribute && names[*row] == "favourable_rate").collect();
        assert_eq!(rates.len(), count);
        assert_eq!(rates.iter().map(|row| rows[*row]).sum::<i64>(), 1000);
        for row in rates {
            let members = review.members(attribute, &groups[row]);
            assert_eq!(rows[row] as usize, members.len());
            let enough = members.len() >= 30;
            assert_eq!(statuses[row], if enough { "ok" } else { "insufficient_data" });
            let rate = review.mean(&members, |row| f64::from(u8::from(favoured[row])));
            assert!(if enough { near(values[row], rate) } else { values[row].is_nan() }, "{attribute} {}", groups[row]);
        }
    }
    for row in (0..names.len()).filter(|row| statuses[*row] == "ok" && lows[*row].is_finite()) {
        assert!(lows[row] <= values[row] && values[row] <= highs[row], "{} {} {}", attributes[row], groups[row], names[row]);
    }
    assert!(statuses.iter().all(|status| ["ok", "insufficient_data", "undefined"].contains(&status.as_str())));
}

#[test]
fn gaps_add_up_and_importance_is_the_mean_size_within_each_group() {
    let review = review();
    let gaps = review.table("fairness_attributions");
    let [attributes, groups, references, features, statuses] =
        ["attribute", "group", "reference", "feature", "status"].map(|column| texts(&gaps, column));
    let [differences, whole, residuals, p_values, q_values] =
        ["difference", "gap", "residual", "p_value", "q_value"].map(|column| numbers(&gaps, column));
    let predictions = numbers(&review.parts, "_prediction");
    let mut sums: BTreeMap<[&str; 3], (f64, f64, f64)> = BTreeMap::new();
    for row in (0..gaps.num_rows()).filter(|row| statuses[*row] == "ok") {
        let sum = sums.entry([&attributes[row], &groups[row], &references[row]]).or_insert((0.0, whole[row], residuals[row]));
        sum.0 += differences[row];
        assert!(p_values[row] >= 0.001 && q_values[row] >= p_values[row] && q_values[row] <= 1.0);
        let column = numbers(&review.parts, &features[row]);
        let mean = |group: &str| review.mean(&review.members(&attributes[row], group), |row| column[row]);
        assert!(near(differences[row], mean(&groups[row]) - mean(&references[row])), "{} {}", groups[row], features[row]);
    }
    // One of two sexes, three of four bands, and of eight combinations all but the reference and one of fewer than thirty rows a side.
    assert!(sums.len() >= 9, "{}", sums.len());
    for ([attribute, group, reference], (sum, gap, residual)) in sums {
        let mean = |group: &str| review.mean(&review.members(attribute, group), |row| predictions[row]);
        assert!((sum - gap).abs() <= 1e-12 && residual.abs() <= 1e-12 && near(gap, mean(group) - mean(reference)), "{attribute} {group}");
    }
    let importance = review.table("fairness_importance");
    let [attributes, groups, features, statuses] = ["attribute", "group", "feature", "status"].map(|column| texts(&importance, column));
    let (sizes, ranks) = (numbers(&importance, "mean_abs"), integers(&importance, "rank"));
    let mut seen: BTreeMap<(&str, &str), Vec<(i64, f64)>> = BTreeMap::new();
    for row in (0..importance.num_rows()).filter(|row| statuses[*row] == "ok") {
        let (members, column) = (review.members(&attributes[row], &groups[row]), numbers(&review.parts, &features[row]));
        assert!(near(sizes[row], review.mean(&members, |row| column[row].abs())), "{} {}", groups[row], features[row]);
        seen.entry((&attributes[row], &groups[row])).or_default().push((ranks[row], sizes[row]));
    }
    assert!(seen.len() >= 12);
    for mut ranked in seen.into_values() {
        ranked.sort_by_key(|(rank, _)| *rank);
        assert!(ranked.iter().zip(1..).all(|((rank, _), place)| *rank == place) && ranked.is_sorted_by(|a, b| a.1 >= b.1));
    }
}

#[test]
fn calibration_strata_proxies_and_effects_are_of_the_same_rows() {
    let review = review();
    let (bad, favoured) = (integers(&review.data, "bad"), review.favoured());
    let chance: Vec<f64> = numbers(&review.parts, "_prediction").iter().map(|margin| 1.0 / (1.0 + (-margin).exp())).collect();
    let calibration = review.table("fairness_calibration");
    let [attributes, groups, statuses] = ["attribute", "group", "status"].map(|column| texts(&calibration, column));
    let [lefts, means, labels, lows, highs] =
        ["left", "mean_prediction", "mean_label", "ci_low", "ci_high"].map(|column| numbers(&calibration, column));
    let rows = integers(&calibration, "rows");
    assert_eq!(rows.iter().sum::<i64>(), 3000);
    for row in 0..calibration.num_rows() {
        let band = |member: &usize| (chance[*member] * 10.0).floor().min(9.0) == (lefts[row] * 10.0).round();
        let members: Vec<usize> = review.members(&attributes[row], &groups[row]).into_iter().filter(band).collect();
        assert_eq!((rows[row] as usize, statuses[row] == "ok"), (members.len(), members.len() >= 30));
        if statuses[row] == "ok" {
            assert!(
                near(labels[row], review.mean(&members, |row| bad[row] as f64)) && lows[row] <= labels[row] && labels[row] <= highs[row]
            );
            assert!(near(means[row], review.mean(&members, |row| chance[row])), "{} {}", means[row], groups[row]);
        }
    }
    let conditional = review.table("fairness_conditional");
    let [groups, strata, names] = ["group", "stratum", "metric"].map(|column| texts(&conditional, column));
    let line = (0..names.len()).find(|row| groups[*row] == "female" && names[*row] == "mantel_haenszel_rate_ratio").unwrap();
    let purposes = texts(&review.data, &strata[line]);
    let (mut own, mut other, mut women) = (0.0, 0.0, 0);
    for purpose in purposes.iter().collect::<BTreeSet<_>>() {
        let of = |sex: &str| review.members("sex", sex).into_iter().filter(|row| purposes[*row] == *purpose).collect::<Vec<_>>();
        let (female, male) = (of("female"), of("male"));
        let favours = |rows: &[usize]| rows.iter().filter(|row| favoured[**row]).count() as f64;
        if !female.is_empty() && !male.is_empty() {
            let all = (female.len() + male.len()) as f64;
            own += favours(&female) * male.len() as f64 / all;
            other += favours(&male) * female.len() as f64 / all;
            women += female.len();
        }
    }
    assert!(near(numbers(&conditional, "value")[line], own / other));
    assert_eq!(integers(&conditional, "rows")[line] as usize, women);
    let proxy = review.table("fairness_proxy");
    let [attributes, features, names] = ["attribute", "feature", "metric"].map(|column| texts(&proxy, column));
    let telling = (0..names.len()).filter(|row| attributes[*row] == "sex" && names[*row] == "feature_auc");
    let best = telling.max_by(|a, b| (numbers(&proxy, "value")[*a] - 0.5).abs().total_cmp(&(numbers(&proxy, "value")[*b] - 0.5).abs()));
    assert_eq!(features[best.unwrap()], "personal_status_sex");
    let effects = review.table("fairness_effects");
    let [attributes, groups, features, kinds, statuses] =
        ["attribute", "group", "feature", "kind", "status"].map(|column| texts(&effects, column));
    let (values, counts, sizes) = (numbers(&effects, "value"), integers(&effects, "rows"), integers(&effects, "group_rows"));
    let mut curves: BTreeMap<[&str; 4], (i64, f64, i64)> = BTreeMap::new();
    for row in 0..effects.num_rows() {
        assert_eq!(statuses[row] == "ok", sizes[row] >= 30 && values[row].is_finite());
        let curve = curves.entry([&attributes[row], &groups[row], &features[row], &kinds[row]]).or_insert((0, 0.0, sizes[row]));
        curve.0 += counts[row];
        curve.1 += counts[row] as f64 * if kinds[row] == "ale" { values[row] } else { 0.0 };
    }
    for (key, (rows, weighted, size)) in &curves {
        assert_eq!(*size as usize, review.members(key[0], key[1]).len());
        assert!(*size < 30 || rows == size, "{key:?}");
        // Accumulated effects of a category are centred over the group's rows.
        assert!(key[2] != "personal_status_sex" || *size < 30 || (weighted / *size as f64).abs() < 1e-12, "{key:?} {weighted}");
    }
}

/// The figure's text without its tags.
fn words(folder: &Path, stem: &str) -> String {
    let svg = std::fs::read_to_string(folder.join(format!("figures/{stem}.svg"))).unwrap();
    svg.split('<')
        .filter_map(|part| part.split_once('>'))
        .map(|(_, text)| text.trim())
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn figures_and_page_name_the_groups_their_rows_and_the_level_of_intervals() {
    let review = review();
    let folder = &review.folder;
    let page = std::fs::read_to_string(folder.join("index.html")).unwrap().replace("&#x2f;", "/");
    for (stem, told) in [
        (
            "fairness-tree_shap-0",
            vec!["Gap in mean prediction by sex: female less male", "310 rows in the group", "95 % bootstrap intervals"],
        ),
        (
            "fairness_importance-tree_shap-0",
            vec!["Feature importance by sex", "female (310 rows)", "male (690 rows)", "95 % bootstrap intervals"],
        ),
        (
            "fairness_effects-0",
            vec![
                "Effects of features by sex",
                "female (310 rows)",
                "partial dependence",
                "accumulated local effect",
                "personal_status_sex",
            ],
        ),
        (
            "fairness_calibration-0",
            vec!["Calibration by sex", "female (310 rows)", "95 % Wilson intervals", "mean prediction; rows in each band:"],
        ),
        ("fairness_proxy-tree_shap", vec!["Proxy check", "sex: female", "95 % interval", "personal_sta"]),
    ] {
        let text = words(folder, stem);
        told.iter().for_each(|words| assert!(text.contains(words), "{stem} does not say `{words}`: {text}"));
        assert!(page.contains(&format!("figures/{stem}.svg")), "{stem}");
    }
    for table in ["metrics", "attributions", "importance", "effects", "calibration", "conditional", "proxy"] {
        assert!(page.contains(&format!("tables/fairness_{table}.parquet")), "{table}");
    }
    assert!(
        page.contains("Fairness screen")
            && page.contains("Among people who are alike in a column")
            && page.contains("tables/reasons.parquet")
    );
    assert!(!page.to_lowercase().contains("compliant") && !page.contains("NaN"));
}
