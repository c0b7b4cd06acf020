//! Values become the documented numbers, codes, ids and texts.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int8Type, Int64Type};
use arrow_array::{Date32Array, Decimal128Array, DictionaryArray, Float32Array, TimestampMillisecondArray, UInt64Array};

use super::*;

fn texts(array: &ArrayRef) -> Vec<Option<&str>> {
    array.as_string::<i32>().iter().collect()
}

/// Equality that takes NaN as equal to NaN.
#[track_caller]
fn same(found: &[f64], expected: &[f64]) {
    let equal =
        found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
    assert!(equal, "{found:?} is not {expected:?}");
}

#[test]
fn german_credit_is_read_with_its_own_categories() {
    let path = committed("data/credit.parquet");
    let request = Request {
        id: Some("applicant_id".into()),
        label: Some("bad".into()),
        extra: vec!["status".into()],
        ..features(vec![number("age"), category("status", &[])])
    };
    let selection = Dataset::open(&path).unwrap().select(&request).unwrap();
    let rows = read(&path, &request).unwrap().rows;
    let names = selection.category_names(1).unwrap();
    for (code, status) in rows.features.column(1).iter().zip(texts(rows.extra.column(0))) {
        assert_eq!(Some(names[*code as usize].as_str()), status);
    }
    assert_eq!(rows.ids.as_primitive::<Int64Type>().len(), 1000);
    // 300 of the 1000 applicants are bad risks (Statlog's own description).
    assert_eq!(rows.label.unwrap().iter().sum::<f64>(), 300.0);
}

#[test]
fn every_kind_of_number_becomes_one() {
    let (_folder, path) = scratch();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("f64", array(Float64Array::from(vec![Some(f64::NEG_INFINITY), None, Some(-0.0)]))),
        ("f32", array(Float32Array::from(vec![0.1, f32::NAN, 3.5]))),
        ("i32", array(Int32Array::from(vec![Some(i32::MIN), None, Some(7)]))),
        ("i64", array(Int64Array::from(vec![(1 << 53) + 1, -3, 0]))),
        ("u64", array(UInt64Array::from(vec![u64::MAX, 1, 2]))),
        ("flag", array(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("day", array(Date32Array::from(vec![Some(-1), Some(10), None]))),
        ("time", array(TimestampMillisecondArray::from(vec![Some(1_500), Some(-250), None]))),
        ("money", array(Decimal128Array::from(vec![Some(1234), None, Some(-5)]).with_precision_and_scale(9, 2).unwrap())),
    ];
    let request = features(columns.iter().map(|(name, _)| number(name)).collect());
    write(&path, columns);
    let block = read(&path, &request).unwrap().rows.features;
    same(block.column(0), &[f64::NEG_INFINITY, f64::NAN, -0.0]);
    same(block.column(1), &[f64::from(0.1f32), f64::NAN, 3.5]);
    same(block.column(2), &[-2_147_483_648.0, f64::NAN, 7.0]);
    // To the nearest f64, as every library converts.
    same(block.column(3), &[9_007_199_254_740_992.0, -3.0, 0.0]);
    same(block.column(4), &[18_446_744_073_709_551_616.0, 1.0, 2.0]);
    same(block.column(5), &[1.0, 0.0, f64::NAN]);
    same(block.column(6), &[-1.0, 10.0, f64::NAN]);
    same(block.column(7), &[1.5, -0.25, f64::NAN]);
    same(block.column(8), &[12.34, f64::NAN, -0.05]);
}

#[test]
fn pandas_files_keep_the_order_of_their_categories() {
    let path = committed("tests/golden/parquet/pandas.parquet");
    let wanted = ["flag", "count", "when", "day", "amount", "half"].map(number);
    let request = Request {
        extra: vec!["name".into(), "when".into(), "day".into(), "grade".into()],
        ..features([vec![category("grade", &[]), category("size", &["40", "10", "30"])], wanted.to_vec()].concat())
    };
    let selection = Dataset::open(&path).unwrap().select(&request).unwrap();
    assert_eq!(selection.category_names(0).unwrap(), ["mid", "unused", "high", "low"]);
    let Decoded { rows, unseen, .. } = read(&path, &request).unwrap();
    assert!(unseen.is_empty());
    let nan = f64::NAN;
    same(rows.features.column(0), &[3.0, 0.0, nan, 3.0, 2.0, 2.0, 3.0, 0.0, 0.0, nan, 2.0, 3.0]);
    same(rows.features.column(1), &[0.0, 1.0, 2.0, nan, 0.0, 1.0, 2.0, 2.0, 1.0, 0.0, nan, 0.0]);
    let three = |feature: usize| &rows.features.column(feature)[..3];
    same(three(2), &[1.0, 0.0, nan]);
    same(three(3), &[1.0, nan, 3.0]);
    // 2024-02-29 23:30:00.25 UTC and 1969-12-31 22:59:59 UTC.
    same(three(4), &[1_709_249_400.25, nan, -3601.0]);
    same(three(5), &[10.0, nan, -1.0]);
    same(three(6), &[12.34, -0.05, nan]);
    same(three(7), &[0.5, -1.25, nan]);
    let text = |column: usize| texts(rows.extra.column(column))[..3].to_vec();
    assert_eq!(text(0), [Some("Zoë"), None, Some("")]);
    assert_eq!(text(1), [Some("2024-02-29T23:30:00.250Z"), None, Some("1969-12-31T22:59:59Z")]);
    assert_eq!(text(2), [Some("1970-01-11"), None, Some("1969-12-31")]);
    assert_eq!(text(3), [Some("low"), Some("mid"), None]);
}

#[test]
fn old_times_and_views_are_read() {
    let path = committed("tests/golden/parquet/old.parquet");
    let request = Request { id: Some("text".into()), ..features(vec![number("time")]) };
    let rows = read(&path, &request).unwrap().rows;
    same(rows.features.column(0), &[1_709_208_000.0, f64::NAN]);
    assert_eq!(texts(&rows.ids), [Some("a"), Some("b")]);
}

#[test]
fn names_codes_and_integers_become_codes_and_strangers_are_counted() {
    let (_folder, path) = scratch();
    let dictionary: DictionaryArray<Int8Type> = vec![Some("b"), None, Some("x"), Some("x")].into_iter().collect();
    write(
        &path,
        vec![
            ("text", array(StringArray::from(vec![Some("b"), Some("a"), Some("y"), None]))),
            ("dictionary", array(dictionary)),
            ("floats", array(Float64Array::from(vec![Some(1.0), Some(2.0), Some(-1.0), None]))),
            ("codes", array(Int32Array::from(vec![1, 0, 7, 0]))),
            ("integers", array(Int64Array::from(vec![Some(10), Some(40), Some(7), None]))),
        ],
    );
    let names = ["a", "b"];
    let columns = ["text", "dictionary", "floats", "codes"].map(|name| category(name, &names));
    let request = features([columns.to_vec(), vec![category("integers", &["40", "10"])]].concat());
    let Decoded { rows, unseen, .. } = read(&path, &request).unwrap();
    let (nan, unknown) = (f64::NAN, UNKNOWN_CATEGORY);
    same(rows.features.column(0), &[1.0, 0.0, unknown, nan]);
    same(rows.features.column(1), &[1.0, nan, unknown, unknown]);
    same(rows.features.column(2), &[1.0, 2.0, -1.0, nan]);
    same(rows.features.column(3), &[1.0, 0.0, 7.0, 0.0]);
    same(rows.features.column(4), &[1.0, 0.0, unknown, nan]);
    let counted = |names: &[(&str, u64)]| UnseenColumn {
        rows: names.iter().map(|(_, rows)| rows).sum(),
        names: names.iter().map(|(name, rows)| (name.to_string(), *rows)).collect(),
    };
    let expected = BTreeMap::from([
        ("text".to_string(), counted(&[("y", 1)])),
        ("dictionary".into(), counted(&[("x", 2)])),
        ("floats".into(), counted(&[("-1", 1), ("2", 1)])),
        ("codes".into(), counted(&[("7", 1)])),
        ("integers".into(), counted(&[("7", 1)])),
    ]);
    assert_eq!(unseen.columns, expected);
    let mut twice = unseen.clone();
    twice.merge(unseen);
    assert_eq!(twice.columns["dictionary"], counted(&[("x", 4)]));
}

/// As a data frame's categories of booleans and floats come out of Parquet.
#[test]
fn booleans_and_floats_become_codes_where_they_are_the_categories() {
    let (_folder, path) = scratch();
    let columns = vec![
        ("flag", array(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("plain_flag", array(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("share", array(Float64Array::from(vec![1.0, 1e300, f64::NAN]))),
        ("whole", array(Int64Array::from(vec![Some(20), None, Some(30)]))),
    ];
    write(&path, columns);
    let request = features(vec![
        category("flag", &["true"]),
        category("plain_flag", &["no", "yes"]),
        category("share", &["0.5", "1e300", "1.0"]),
        category("whole", &["10.0", "20.0"]),
    ]);
    let Decoded { rows, unseen, .. } = read(&path, &request).unwrap();
    let (nan, unknown) = (f64::NAN, UNKNOWN_CATEGORY);
    same(rows.features.column(0), &[0.0, unknown, nan]);
    same(rows.features.column(1), &[1.0, 0.0, nan]);
    same(rows.features.column(2), &[2.0, 1.0, nan]);
    same(rows.features.column(3), &[1.0, nan, unknown]);
    assert_eq!(unseen.columns.keys().collect::<Vec<_>>(), ["flag", "whole"]);
}

#[test]
fn the_config_names_categories_where_the_model_does_not() {
    let (_folder, path) = scratch();
    write(&path, vec![("c", array(StringArray::from(vec!["b", "a"])))]);
    let mut request = features(vec![category("c", &[])]);
    request.categories.insert("c".into(), vec!["b".into(), "a".into()]);
    same(read(&path, &request).unwrap().rows.features.column(0), &[0.0, 1.0]);
}

#[test]
fn the_order_of_one_dataset_holds_for_another() {
    let (_folder, path) = scratch();
    let other: DictionaryArray<Int8Type> = vec!["low", "high", "mid"].into_iter().collect();
    write(&path, vec![("grade", array(other)), ("x", array(Float64Array::from(vec![1.0, 2.0, 3.0])))]);
    let pandas = Dataset::open(&committed("tests/golden/parquet/pandas.parquet")).unwrap();
    let found = pandas.select(&features(vec![category("grade", &[]), number("count")])).unwrap().features();
    assert_eq!(found, [category("grade", &["mid", "unused", "high", "low"]), number("count")]);
    same(read(&path, &features(found[..1].to_vec())).unwrap().rows.features.column(0), &[3.0, 2.0, 0.0]);
}

#[test]
fn ids_are_exact_labels_and_weights_are_numbers() {
    let (_folder, path) = scratch();
    write(
        &path,
        vec![
            ("key", array(UInt64Array::from(vec![(1 << 62) + 1, 0]))),
            ("day", array(Date32Array::from(vec![0, 19_782]))),
            ("bad", array(BooleanArray::from(vec![Some(true), None]))),
            ("w", array(Int32Array::from(vec![0, 3]))),
            ("x", array(Float32Array::from(vec![0.5, 1.5]))),
        ],
    );
    let request = Request { id: Some("key".into()), label: Some("bad".into()), weight: Some("w".into()), ..features(vec![number("x")]) };
    let rows = read(&path, &Request { extra: vec!["x".into(), "bad".into()], ..request.clone() }).unwrap().rows;
    assert_eq!(rows.ids.as_primitive::<Int64Type>().values(), &[(1 << 62) + 1, 0]);
    same(&rows.label.unwrap(), &[1.0, f64::NAN]);
    assert_eq!(rows.weight.unwrap(), [0.0, 3.0]);
    assert_eq!(rows.extra.column(0).as_primitive::<Float64Type>().values(), &[0.5, 1.5]);
    assert_eq!(rows.extra.column(1).as_boolean().iter().collect::<Vec<_>>(), [Some(true), None]);
    let rows = read(&path, &Request { id: Some("day".into()), ..request }).unwrap().rows;
    // 19 782 days after 1970-01-01 (date -d @1709164800 -u).
    assert_eq!(texts(&rows.ids), [Some("1970-01-01"), Some("2024-02-29")]);
}

/// Hashes as CatBoost 1.2.10 writes them into `cat_features_hash`.
#[test]
fn categories_known_by_hash_are_found_by_text_integer_or_boolean() {
    let known = [("red", 3_052_168_893), ("1", 1_121_341_681), ("-5", 2_572_957_386), ("0", 2_856_682_258)];
    let names = ["hash 3052168893", "one", "-5", "zero"].map(String::from).to_vec();
    let feature = |name: &str, complete| {
        let hashes = CategoryHashes { by_code: known.map(|(_, hash)| hash).to_vec(), complete };
        FeatureRequest { name: name.into(), encoding: Encoding::Hashed { names: names.clone(), hashes } }
    };
    let (_folder, path) = scratch();
    let columns = vec![
        ("text", array(StringArray::from(vec![Some("red"), Some("-5"), None, Some("blue")]))),
        ("integer", array(Int64Array::from(vec![Some(-5), Some(1), None, Some(7)]))),
        ("boolean", array(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)]))),
        ("real", array(Float64Array::from(vec![1.0; 4]))),
    ];
    write(&path, columns);
    let mut request = features(vec![feature("text", true), feature("integer", true), feature("boolean", true)]);
    let decoded = read(&path, &request).unwrap();
    // What only the data knows has a code of its own, beyond those of the model.
    same(decoded.rows.features.column(0), &[0.0, 2.0, f64::NAN, 4.0]);
    same(decoded.rows.features.column(1), &[2.0, 1.0, f64::NAN, UNKNOWN_CATEGORY]);
    same(decoded.rows.features.column(2), &[1.0, 3.0, f64::NAN, 1.0]);
    let unseen = |decoded: &Decoded, column: &str| decoded.unseen.columns[column].names.keys().cloned().collect::<Vec<_>>();
    assert_eq!((unseen(&decoded, "text"), unseen(&decoded, "integer")), (vec!["blue".into()], vec!["7".into()]));
    assert!(read(&path, &features(vec![feature("text", false), feature("integer", false)])).unwrap().unseen.is_empty());
    // Texts of the data and names of the config, in any order, replace the names that have their hashes.
    request.categories.insert("integer".into(), ["0", "blue", "1"].map(String::from).to_vec());
    let selection = Dataset::open(&path).unwrap().select(&request).unwrap();
    assert_eq!(selection.category_names(0).unwrap(), ["red", "one", "-5", "zero", "blue"]);
    assert_eq!(selection.category_names(1).unwrap(), ["hash 3052168893", "1", "-5", "0", "blue"]);
    // Another dataset gets the same codes.
    let again = Dataset::open(&path).unwrap().select(&Request { features: selection.features(), ..Request::default() }).unwrap();
    assert_eq!(again.category_names(0), selection.category_names(0));
    assert!(fails(&path, &features(vec![feature("real", true)])).contains("write them as text or integers"));
}

#[test]
fn texts_of_columns_are_all_that_occur() {
    let (_folder, path) = scratch();
    let texts = array(StringArray::from(vec![Some("x"), None, Some("b"), Some("x")]));
    write_groups(&path, vec![("a", texts), ("n", array(Int32Array::from(vec![1, 2, 3, 4])))], 2);
    let found = Dataset::open(&path).unwrap().texts(&["a", "n", "gone"].map(String::from)).unwrap();
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    assert_eq!(found, std::collections::BTreeMap::from([("a".to_owned(), owned(&["b", "x"]))]));
    let many = array(StringArray::from_iter_values((0..100_001).map(|number| number.to_string())));
    write(&path, vec![("a", many)]);
    let error = Dataset::open(&path).unwrap().texts(&["a".to_owned()]).unwrap_err().to_string();
    assert!(error.ends_with("the column has more than 100000 different texts; if it is an identifier, it is no feature"), "{error}");
}
