//! Every kind of bad input has a message that says what, where, and what to do.

use super::*;

fn numbers(values: &[f64]) -> ArrayRef {
    array(Float64Array::from(values.to_vec()))
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{message}` lacks `{part}`");
    }
}

#[test]
fn absent_files_and_files_that_are_not_parquet() {
    let (folder, path) = scratch();
    let request = features(vec![number("x")]);
    says(&fails(&path, &request), &["data not found", "data.parquet", "check the path"]);
    std::fs::write(&path, "a,b\n1,2\n").unwrap();
    says(&fails(&path, &request), &["data.parquet is not a readable Parquet file"]);
    std::fs::write(&path, "").unwrap();
    says(&fails(&path, &request), &["data.parquet is not a readable Parquet file"]);
    std::fs::remove_file(&path).unwrap();
    says(&fails(folder.path(), &request), &["no Parquet files"]);
}

#[test]
fn a_file_cut_off_or_damaged_anywhere_is_an_error() {
    let (_folder, path) = scratch();
    let values: Vec<f64> = (0..80).map(f64::from).collect();
    let names = (0..80).map(|row| (row % 4 != 0).then(|| ["north", "south", "east", "west"][row % 4]));
    let names: arrow_array::DictionaryArray<arrow_array::types::Int8Type> = names.collect();
    write_groups(&path, vec![("x", numbers(&values)), ("c", array(names))], 40);
    let whole = std::fs::read(&path).unwrap();
    let request = features(vec![number("x"), category("c", &[])]);
    assert_eq!(read(&path, &request).unwrap().rows.features.column(0), values);
    for end in (0..whole.len()).step_by(11) {
        std::fs::write(&path, &whole[..end]).unwrap();
        says(&fails(&path, &request), &["is not a readable Parquet file"]);
    }
    for at in (0..whole.len()).step_by(3) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        std::fs::write(&path, &damaged).unwrap();
        // Values carry no checksum here; whatever is noticed is an error and not a panic.
        match read(&path, &request) {
            Ok(decoded) => assert_eq!(decoded.rows.features.rows(), 80),
            Err(error) => says(&error.to_string(), &["data.parquet"]),
        }
    }
}

#[test]
fn absent_columns_are_listed_with_their_neighbours() {
    let (_folder, path) = scratch();
    write(&path, vec![("duration", numbers(&[1.0])), ("amount", numbers(&[1.0]))]);
    let request = Request { id: Some("zzz".into()), ..features(vec![number("Duration"), number("amuont")]) };
    let message = fails(&path, &request);
    says(&message, &["no column `Duration`, needed as a feature of the model (nearest: `duration`)", "`amuont`", "(nearest: `amount`)"]);
    says(&message, &["no column `zzz`, needed as the id"]);
}

#[test]
fn columns_of_unsuitable_types() {
    let (_folder, path) = scratch();
    write(&path, vec![("t", array(StringArray::from(vec!["1"]))), ("x", numbers(&[1.0])), ("n", array(arrow_array::NullArray::new(1)))]);
    says(&fails(&path, &features(vec![number("t")])), &["column `t` holds text", "as a number"]);
    let with = |id: Option<&str>, label: Option<&str>, weight: Option<&str>| Request {
        id: id.map(Into::into),
        label: label.map(Into::into),
        weight: weight.map(Into::into),
        ..features(vec![number("x")])
    };
    says(&fails(&path, &with(Some("x"), None, None)), &["column `x` holds values of type Float64", "an id is an integer or text"]);
    says(&fails(&path, &with(None, Some("t"), None)), &["column `t` holds text", "a label is a number or a boolean"]);
    says(&fails(&path, &with(None, None, Some("t"))), &["column `t` holds text", "a weight is a number"]);
    says(&fails(&committed("tests/golden/parquet/old.parquet"), &features(vec![number("list")])), &["column `list` holds nested values"]);
    assert!(read(&path, &features(vec![number("n")])).unwrap().rows.features.column(0)[0].is_nan());
}

#[test]
fn values_that_cannot_be_used_are_located_in_their_file() {
    let (folder, _) = scratch();
    let keys = |keys: [Option<i64>; 2]| array(Int64Array::from(keys.to_vec()));
    let file = |weights: &[f64], ids| vec![("w", numbers(weights)), ("id", ids), ("x", numbers(&[0.0, 0.0]))];
    write(&folder.path().join("1.parquet"), file(&[1.0, 2.0], keys([Some(1), Some(2)])));
    write(&folder.path().join("2.parquet"), file(&[1.0, -2.0], keys([None, Some(2)])));
    let request = Request { weight: Some("w".into()), ..features(vec![number("x")]) };
    says(&fails(folder.path(), &request), &["2.parquet: column `w`, row 1: the weight is -2"]);
    // Sixty of the one would sum to infinity, and the square of the other is zero.
    for weight in [1e308, 5e-324, f64::INFINITY, f64::NAN] {
        let (_folder, path) = scratch();
        write(&path, vec![("w", numbers(&[0.0, 1e100, 1e-100, weight])), ("x", numbers(&[0.0; 4]))]);
        says(&fails(&path, &request), &["column `w`, row 3", &format!("the weight is {weight:?}; weights are 0, or from 1e-100 to 1e100")]);
    }
    let request = Request { id: Some("id".into()), filter: Some("id IS NULL".into()), ..features(vec![number("x")]) };
    says(&fails(folder.path(), &request), &["2.parquet: column `id`, row 0: the id is null"]);
    let (_folder, path) = scratch();
    write(
        &path,
        vec![("w", array(Float64Array::from(vec![Some(1.0), None]))), ("u", array(arrow_array::UInt64Array::from(vec![1, u64::MAX])))],
    );
    says(&fails(&path, &Request { weight: Some("w".into()), ..features(vec![number("u")]) }), &["row 1: the weight is null"]);
    says(&fails(&path, &Request { id: Some("u".into()), ..features(vec![number("w")]) }), &["column `u`, row 1", "out of range"]);
}

#[test]
fn categories_that_are_unknown_doubled_or_contradictory() {
    let (_folder, path) = scratch();
    write(&path, vec![("c", array(StringArray::from(vec!["b", "a"]))), ("x", numbers(&[1.0, 2.0]))]);
    let plain = features(vec![category("c", &[]), number("x")]);
    says(&fails(&path, &plain), &["column `c`", "the column is plain text", "data.categories: { c: [...] }"]);
    says(&fails(&path, &features(vec![category("c", &["a", "a"])])), &["`a` is named twice"]);
    let named = |column: &str| {
        let mut request = features(vec![category("c", &["a", "b"]), number("x")]);
        request.categories.insert(column.into(), vec!["b".into(), "a".into()]);
        request
    };
    says(&fails(&path, &named("c")), &["column `c`", "otherwise than data.categories"]);
    says(&fails(&path, &named("x")), &["column `x`", "as a number; remove it from data.categories"]);
    says(&fails(&path, &named("cc")), &["column `cc`", "no feature of the model (nearest: `c`)"]);
    let moving = committed("tests/golden/parquet/appearance.parquet");
    says(&fails(&moving, &features(vec![category("grade", &[])])), &["dictionaries of the column's row groups differ", "data.categories"]);
    assert_eq!(read(&moving, &features(vec![category("grade", &["low", "high"])])).unwrap().rows.features.values(), [0.0, 1.0, 1.0, 0.0]);
    let pandas = committed("tests/golden/parquet/pandas.parquet");
    says(&fails(&pandas, &features(vec![category("when", &["a"])])), &["column `when`", "as categories"]);
}

#[test]
fn files_that_are_not_one_table() {
    let (folder, _) = scratch();
    let text = || array(StringArray::from(vec!["1"]));
    let request = features(vec![number("x")]);
    write(&folder.path().join("a/1.parquet"), vec![("x", numbers(&[1.0]))]);
    write(&folder.path().join("a/2.parquet"), vec![("x", text())]);
    says(
        &fails(&folder.path().join("a"), &request),
        &["1.parquet", "2.parquet", "column `x` is Float64 in the first and Utf8 in the second"],
    );
    write(&folder.path().join("a/2.parquet"), vec![("x", numbers(&[1.0])), ("y", text())]);
    says(&fails(&folder.path().join("a"), &request), &["column `y` is only in the second"]);
    write(&folder.path().join("b/k=1/1.parquet"), vec![("x", numbers(&[1.0]))]);
    write(&folder.path().join("b/2.parquet"), vec![("x", numbers(&[1.0]))]);
    says(&fails(&folder.path().join("b"), &request), &["key=value folders name [] and [k]"]);
}

#[test]
fn a_file_that_changes_during_the_run_is_noticed() {
    let (_folder, path) = scratch();
    write(&path, vec![("x", numbers(&[1.0]))]);
    let selection = Dataset::open(&path).unwrap().select(&features(vec![number("x")])).unwrap();
    write(&path, vec![("x", numbers(&[1.0, 2.0]))]);
    let error = selection.batches(10).next().unwrap().unwrap_err();
    says(&error.to_string(), &["it had 1 rows and now has 2"]);
}

#[test]
fn a_dataset_without_rows_and_columns_of_one_name() {
    let (_folder, path) = scratch();
    write(&path, vec![("x", numbers(&[]))]);
    says(&fails(&path, &features(vec![number("x")])), &["data.parquet has no rows"]);
    let fields: Vec<_> = (0..2).map(|_| arrow_schema::Field::new("x", arrow_schema::DataType::Float64, false)).collect();
    let batch = RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), vec![numbers(&[1.0]); 2]).unwrap();
    let mut writer = ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    says(&fails(&path, &features(vec![number("x")])), &["more than one column `x`"]);
}
