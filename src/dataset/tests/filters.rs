//! Filters are SQL conditions on single rows.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Date32Array, Float32Array, TimestampMicrosecondArray};

use super::*;

fn file() -> (tempfile::TempDir, PathBuf) {
    let (folder, path) = scratch();
    write(
        &path,
        vec![
            ("n", array(Int64Array::from(vec![Some(1), Some(2), None, Some(4), Some(i64::MAX)]))),
            ("x", array(Float64Array::from(vec![Some(0.5), Some(f64::NAN), Some(-1.0), None, Some(2.0)]))),
            ("f", array(Float32Array::from(vec![0.1, 0.2, 0.3, 0.4, 0.5]))),
            ("t", array(StringArray::from(vec![Some("north"), Some("south"), None, Some("it's"), Some("")]))),
            ("b", array(BooleanArray::from(vec![Some(true), Some(false), None, Some(true), Some(false)]))),
            ("day", array(Date32Array::from(vec![0, 1, 2, 3, 19_782]))),
            ("at", array(TimestampMicrosecondArray::from(vec![0, 1, 2, 3, 1_709_208_000_000_000]))),
            ("a b", array(Int32Array::from(vec![5, 4, 3, 2, 1]))),
        ],
    );
    (folder, path)
}

/// Numbers of the rows that pass.
fn passing(filter: &str) -> Vec<i64> {
    let (_folder, path) = file();
    let request = Request { filter: Some(filter.into()), ..features(vec![number("f")]) };
    read(&path, &request).unwrap_or_else(|error| panic!("{error}")).rows.ids.as_primitive::<Int64Type>().values().to_vec()
}

fn refused(filter: &str) -> String {
    let (_folder, path) = file();
    fails(&path, &Request { filter: Some(filter.into()), ..features(vec![number("f")]) })
}

#[test]
fn conditions_mean_what_sql_says() {
    let cases: [(&str, &[i64]); 18] = [
        ("n > 1", &[1, 3, 4]),
        ("n = 9223372036854775807", &[4]),
        ("NOT n > 1", &[0]),
        ("n IS NULL", &[2]),
        ("n IN (1, 4)", &[0, 3]),
        ("n NOT IN (1, 4)", &[1, 4]),
        ("n BETWEEN 2 AND 4 AND b", &[3]),
        ("x < 1 OR t = 'south'", &[0, 1, 2]),
        ("t LIKE '%th'", &[0, 1]),
        ("t = 'it''s'", &[3]),
        ("LENGTH(t) > 4", &[0, 1]),
        ("CASE WHEN b THEN n > 1 ELSE n < 3 END", &[1, 3]),
        ("day >= DATE '2024-01-01'", &[4]),
        ("at < TIMESTAMP '2024-01-01 00:00:00'", &[0, 1, 2, 3]),
        ("EXTRACT(YEAR FROM day) = 2024", &[4]),
        ("x > 1", &[1, 4]),
        ("\"a b\" * 2 <= 4", &[3, 4]),
        ("COALESCE(x, 9) > 5 AND ABS(n) = 4", &[3]),
    ];
    for (filter, expected) in cases {
        assert_eq!(passing(filter), expected, "{filter}");
    }
}

#[test]
fn what_looks_beyond_a_row_is_refused() {
    for filter in [
        "n > AVG(n)",
        "SUM(n) > 1",
        "COUNT(*) > 1",
        "n = MAX(n) OVER (PARTITION BY t)",
        "ROW_NUMBER() OVER (ORDER BY n) < 3",
        "n = FIRST(n)",
    ] {
        let message = refused(filter);
        assert!(message.contains("beyond its row") || message.contains("names no column"), "{filter}: {message}");
    }
    let message = refused("n IN (SELECT n FROM other)");
    assert!(message.starts_with("filter `n IN"), "{message}");
}

#[test]
fn what_is_no_condition_is_refused_with_a_reason() {
    for (filter, reason) in [
        ("n >", "filter `n >`: "),
        ("n > 1; DROP TABLE x", "filter"),
        ("n + 1", "it yields i64, not true or false"),
        ("t > 3", "filter `t > 3`: "),
        ("day > '2024-01-01'", "dates are written DATE '2024-01-31'"),
        ("EXISTS (SELECT 1)", "expression Exists"),
        ("1 = 1", "names no column"),
        ("*", "filter `*`: "),
        ("N > 1", "no column `N`, needed by the filter (nearest: `n`"),
    ] {
        let message = refused(filter);
        assert!(message.contains(reason), "{filter}: {message}");
        assert!(message.lines().count() == 1 && message.len() < 300, "{message}");
    }
}

#[test]
fn a_filter_that_nothing_passes_is_an_error_of_the_stream() {
    assert!(refused("n < 0").ends_with("has no rows for which the filter `n < 0` holds; loosen it"));
}
