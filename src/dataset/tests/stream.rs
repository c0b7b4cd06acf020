//! What is in a batch depends on the data and the batch size alone.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use proptest::prelude::*;

use super::*;

/// All decoded batches, after a check of their sizes.
fn batches(path: &Path, request: &Request, size: usize) -> Vec<RowBatch> {
    let batches = Dataset::open(path).unwrap().select(request).unwrap().batches(size);
    let batches: Vec<RowBatch> = batches.map(|batch| batch.unwrap().decode().unwrap().rows).collect();
    let mut first_row = 0;
    for (index, batch) in batches.iter().enumerate() {
        assert_eq!(batch.first_row, first_row);
        assert!(batch.rows() == size || (index + 1 == batches.len() && batch.rows() < size && batch.rows() > 0));
        first_row += batch.rows() as u64;
    }
    batches
}

/// Row number, number and code of every row, as bits.
fn rows(batches: &[RowBatch]) -> Vec<(i64, u64, u64)> {
    let of = |batch: &RowBatch| {
        let ids = batch.ids.as_primitive::<Int64Type>().values().to_vec();
        let bits = |feature: usize| batch.features.column(feature).iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        ids.into_iter().zip(bits(0)).zip(bits(1)).map(|((id, x), c)| (id, x, c)).collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn columns(values: &[(i32, Option<usize>)]) -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("x", array(values.iter().map(|(x, _)| Some(f64::from(*x))).collect::<Float64Array>())),
        ("c", array(values.iter().map(|(_, c)| c.map(|c| NAMES[c])).collect::<StringArray>())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn batches_do_not_depend_on_row_groups_or_files(
        values in prop::collection::vec((-50..50, prop::option::of(0_usize..5)), 1..200),
        size in 1_usize..70,
        group in 1_usize..40,
        cuts in prop::collection::vec(0_usize..200, 0..4),
        filtered in any::<bool>(),
    ) {
        let kept: Vec<usize> = (0..values.len()).filter(|&row| !filtered || (values[row].0 > -20 && values[row].1 != Some(2))).collect();
        prop_assume!(!kept.is_empty());
        // The rule of SQL: a null category is neither equal to 'c' nor different from it.
        let filter = filtered.then(|| "x > -20 AND (c <> 'c' OR c IS NULL)".to_string());
        let request = Request { filter, ..features(vec![number("x"), category("c", &["d", "a", "b", "e", "c"])]) };
        let code = [1.0, 2.0, 4.0, 0.0, 3.0];
        let expected: Vec<(i64, u64, u64)> = kept
            .iter()
            .map(|&row| {
                let code = values[row].1.map_or(f64::NAN, |c| code[c]);
                (row as i64, f64::from(values[row].0).to_bits(), code.to_bits())
            })
            .collect();

        let (folder, path) = scratch();
        write_groups(&path, columns(&values), group);
        prop_assert_eq!(&rows(&batches(&path, &request, size)), &expected);

        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(values.len())).chain([0, values.len()]).collect();
        cuts.sort_unstable();
        for (index, ends) in cuts.windows(2).enumerate() {
            write_groups(&folder.path().join(format!("parts/{index}.parquet")), columns(&values[ends[0]..ends[1]]), group);
        }
        prop_assert_eq!(&rows(&batches(&folder.path().join("parts"), &request, size)), &expected);
        prop_assert_eq!(&rows(&batches(&folder.path().join("part[s]/*.parquet"), &request, size)), &expected);
    }
}

#[test]
fn folders_become_columns() {
    let (folder, _) = scratch();
    let column = |x: f64| vec![("x", array(Float64Array::from(vec![x, x + 0.5])))];
    write(&folder.path().join("year=2023/region=north/a.parquet"), column(1.0));
    write(&folder.path().join("year=2024/region=__HIVE_DEFAULT_PARTITION__/a.parquet"), column(2.0));
    let request = Request {
        extra: vec!["region".into()],
        filter: Some("year >= 2023 AND x < 2.5".into()),
        ..features(vec![number("year"), category("region", &["south", "north"]), number("x")])
    };
    let types: Vec<String> = Dataset::open(folder.path()).unwrap().summary().columns.into_iter().map(|column| column.data_type).collect();
    assert_eq!(types, ["Float64", "Utf8", "Int64"]);
    let rows = read(folder.path(), &request).unwrap().rows;
    assert_eq!(rows.features.column(0), [2023.0, 2023.0, 2024.0]);
    assert_eq!(rows.features.column(1)[..2], [1.0, 1.0]);
    assert!(rows.features.column(1)[2].is_nan());
    assert_eq!(rows.features.column(2), [1.0, 1.5, 2.0]);
    assert_eq!(rows.extra.column(0).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("north"), Some("north"), None]);
    assert_eq!(rows.ids.as_primitive::<Int64Type>().values(), &[0, 1, 2]);
}

#[test]
fn files_may_differ_in_column_order_and_dictionaries() {
    let (folder, _) = scratch();
    let text = || array(StringArray::from(vec!["b"]));
    let dictionary: arrow_array::DictionaryArray<arrow_array::types::Int8Type> = vec!["a"].into_iter().collect();
    write(&folder.path().join("1.parquet"), vec![("x", array(Float64Array::from(vec![1.0]))), ("c", text())]);
    write(&folder.path().join("2.parquet"), vec![("c", array(dictionary)), ("x", array(Float64Array::from(vec![2.0])))]);
    let rows = read(folder.path(), &features(vec![number("x"), category("c", &["a", "b"])])).unwrap().rows;
    assert_eq!(rows.features.values(), [1.0, 2.0, 1.0, 0.0]);
}

#[test]
fn a_sample_is_nested_ordered_and_blind_to_the_layout() {
    let (folder, path) = scratch();
    let values: Vec<(i32, Option<usize>)> = (0..20_000).map(|row| (row, Some(row as usize % 5))).collect();
    write_groups(&path, columns(&values), 3_000);
    write_groups(&folder.path().join("parts/1.parquet"), columns(&values[..7_001]), 500);
    write_groups(&folder.path().join("parts/2.parquet"), columns(&values[7_001..]), 20_000);
    let request = Request { filter: Some("x >= 10000".into()), ..features(vec![number("x"), category("c", &NAMES)]) };
    let sample = |path: &Path, count, seed| {
        rows(&[Dataset::open(path).unwrap().select(&request).unwrap().sample(count, seed, "background").unwrap().rows])
    };
    let large = sample(&path, 1_000, 1);
    assert_eq!(large.len(), 1_000);
    assert!(large.is_sorted_by(|a, b| a.0 < b.0));
    assert!(large.iter().all(|(row, x, _)| *row >= 10_000 && f64::from_bits(*x) == *row as f64));
    // The mean of a simple random sample: 15 000 with standard error 10 000 / √12 / √1000 ≈ 91.
    let mean = large.iter().map(|(row, ..)| *row as f64).sum::<f64>() / 1e3;
    assert!((mean - 15_000.0).abs() < 4.0 * 91.0, "{mean}");
    assert_eq!(sample(&folder.path().join("parts"), 1_000, 1), large);
    assert!(sample(&path, 10, 1).iter().all(|row| large.contains(row)));
    assert_ne!(sample(&path, 1_000, 2), large);
    assert_eq!(sample(&path, 50_000, 1).len(), 10_000);
}
