//! The labelled rows of a dataset, in memory.

use crate::dataset::{DataSettings, Dataset, Encoding, FeatureBlock, FeatureRequest, Request, RowBatch, Selection};
use crate::model::format::pipeline::{DocumentFeature, MOST_CATEGORIES};

use super::TrainError;

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 16_384;

/// Rows with a label.
#[derive(Debug)]
pub(super) struct Rows {
    pub features: Vec<DocumentFeature>,
    /// Finite numbers, and codes of known categories.
    pub values: FeatureBlock,
    /// Finite numbers.
    pub labels: Vec<f64>,
    /// Rows without a label, which are left out.
    pub unlabelled: u64,
}

/// Reads the rows that `data` selects: the columns of `data.features`, or all but id, label and weight.
///
/// # Errors
/// If a column cannot be read or holds something that cannot be fitted.
pub(super) fn read(dataset: &Dataset, data: &DataSettings) -> Result<Rows, TrainError> {
    let request = Request::new(data, requests(dataset, data)?, Vec::new());
    let selection = dataset.select(&request)?;
    let features = features(&selection)?;
    let (mut columns, mut labels, mut unlabelled) = (vec![Vec::new(); features.len()], Vec::new(), 0);
    for batch in selection.batches(BATCH_ROWS) {
        let batch = batch?.decode()?.rows;
        let label = batch.label.as_deref().unwrap_or_default();
        let chosen: Vec<usize> = (0..label.len()).filter(|&row| !label[row].is_nan()).collect();
        unlabelled += (label.len() - chosen.len()) as u64;
        for (index, (feature, column)) in features.iter().zip(&mut columns).enumerate() {
            append(feature, &batch, index, &chosen, column)?;
        }
        for row in chosen {
            if label[row].is_infinite() {
                let message = format!("the label in row {} is infinite; filter such rows out", batch.first_row + row as u64);
                return Err(TrainError::column(data.label.as_deref().unwrap_or_default(), message));
            }
            // −0 is 0.
            labels.push(label[row] + 0.0);
        }
    }
    Ok(Rows { features, values: FeatureBlock::new(labels.len(), columns.concat()), labels, unlabelled })
}

/// What to ask the dataset for: text and columns of `data.categories` as categories, all else as numbers.
fn requests(dataset: &Dataset, data: &DataSettings) -> Result<Vec<FeatureRequest>, TrainError> {
    let columns = dataset.summary().columns;
    let other = [&data.id, &data.label, &data.weight];
    let is_other = |name: &str| other.iter().any(|column| column.as_deref() == Some(name));
    let names: Vec<String> = match &data.features {
        Some(names) => names.clone(),
        None => columns.iter().map(|column| column.name.clone()).filter(|name| !is_other(name)).collect(),
    };
    if let Some(name) = names.iter().find(|name| data.label.as_ref() == Some(name)) {
        return Err(TrainError::setting("data.features", format!("`{name}` is the label; a model that is given it learns nothing else")));
    }
    if names.is_empty() {
        return Err(TrainError::Rows("the data has no column beside id, label and weight".into()));
    }
    let is_text = |name: &str| columns.iter().any(|column| column.name == name && column.data_type.contains("Utf8"));
    let encoding = |name: &String| {
        let is_category = is_text(name) || data.categories.contains_key(name);
        if is_category { Encoding::Category { names: None } } else { Encoding::Number }
    };
    Ok(names.iter().map(|name| FeatureRequest { name: name.clone(), encoding: encoding(name) }).collect())
}

/// The features with the names of their categories.
fn features(selection: &Selection) -> Result<Vec<DocumentFeature>, TrainError> {
    let feature = |request: FeatureRequest| {
        let categories = match request.encoding {
            Encoding::Category { names } => names,
            _ => None,
        };
        match categories.as_ref().map(Vec::len).filter(|count| *count > MOST_CATEGORIES) {
            None => Ok(DocumentFeature { name: request.name, categories }),
            Some(count) => {
                let message = format!("{count} categories are more than {MOST_CATEGORIES}; leave it out of data.features, or group them");
                Err(TrainError::column(&request.name, message))
            }
        }
    };
    selection.features().into_iter().map(feature).collect()
}

/// Appends the chosen rows' values, which must be finite, and codes of known categories where they are codes.
fn append(feature: &DocumentFeature, batch: &RowBatch, index: usize, chosen: &[usize], out: &mut Vec<f64>) -> Result<(), TrainError> {
    let values = batch.features.column(index);
    let usable = |x: f64| match &feature.categories {
        None => x.is_finite(),
        Some(names) => (0.0..names.len() as f64).contains(&x) && x.fract() == 0.0,
    };
    match chosen.iter().find(|&&row| !usable(values[row])) {
        None => out.extend(chosen.iter().map(|&row| values[row])),
        Some(&row) => {
            let what = match values[row] {
                x if x.is_nan() => "is missing",
                x if x.is_infinite() => "is infinite",
                _ => "is of no known category",
            };
            let at = batch.first_row + row as u64;
            let message =
                format!("the value in row {at} {what}, and smartcore cannot fit it; filter such rows out, or leave the column out");
            return Err(TrainError::column(&feature.name, message));
        }
    }
    Ok(())
}
