//! Category names from the Parquet dictionaries of a column.

use std::collections::BTreeSet;
use std::path::Path;

use arrow_schema::DataType;
use parquet::column::page::Page;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::source::{Column, guarded, open, plain_type};
use super::{DataError, Dataset};

/// Texts of a column that are kept at most.
const KEPT_TEXTS: usize = 100_000;

/// The names of a dictionary column, in the order in which every row group's dictionary holds them.
///
/// Writers that keep categories (Arrow from pandas or R) store the whole list in order with every row group. One that stores only
/// what it met, in order of appearance, cannot be told from them unless row groups differ; then the order is unknown.
///
/// # Errors
/// If the column is not a dictionary of text in every file, or its row groups' dictionaries differ.
pub(super) fn names(dataset: &Dataset, column: &Column) -> Result<Vec<String>, DataError> {
    let advise = |why: &str| DataError::Categories {
        path: dataset.inner.path.clone(),
        column: column.name.clone(),
        message: format!(
            "the model does not name them, and {why}; list them in code order as data.categories: {{ {}: [...] }}",
            column.name
        ),
    };
    if !matches!(column.data_type, DataType::Dictionary(..)) {
        return Err(advise("the column is plain text"));
    }
    if *plain_type(&column.data_type) != DataType::Utf8 {
        return Err(advise("the column's dictionary is not of text"));
    }
    let mut names: Option<Vec<String>> = None;
    for file in &dataset.inner.files {
        for found in of_file(&file.path, &column.name)? {
            let found = found.ok_or_else(|| advise("a row group has no dictionary"))?;
            if names.get_or_insert_with(|| found.clone()) != &found {
                return Err(advise("the dictionaries of the column's row groups differ, so that their order means nothing"));
            }
        }
    }
    names.ok_or_else(|| advise("no row group has a dictionary"))
}

/// Texts of a column, in ascending order, as far as its row groups have dictionaries; of many the first [`KEPT_TEXTS`].
pub(super) fn texts(dataset: &Dataset, column: &Column) -> Result<BTreeSet<String>, DataError> {
    let mut texts = BTreeSet::new();
    if *plain_type(&column.data_type) != DataType::Utf8 {
        return Ok(texts);
    }
    for file in &dataset.inner.files {
        texts.extend(of_file(&file.path, &column.name)?.into_iter().flatten().flatten());
        while texts.len() > KEPT_TEXTS {
            texts.pop_last();
        }
    }
    Ok(texts)
}

/// One dictionary for each row group that has rows.
fn of_file(path: &Path, column: &str) -> Result<Vec<Option<Vec<String>>>, DataError> {
    let file = open(path)?;
    guarded(path, || {
        let reader = SerializedFileReader::new(file)?;
        let schema = reader.metadata().file_metadata().schema_descr();
        let Some(leaf) = schema.columns().iter().position(|leaf| leaf.path().parts() == [column]) else { return Ok(Vec::new()) };
        let groups = (0..reader.num_row_groups()).filter(|&group| reader.metadata().row_group(group).num_rows() > 0);
        groups.map(|group| first_page(&reader, group, leaf)).collect::<parquet::errors::Result<_>>()
    })
}

/// The dictionary page of one column chunk, which precedes its data.
fn first_page(reader: &SerializedFileReader<std::fs::File>, group: usize, leaf: usize) -> parquet::errors::Result<Option<Vec<String>>> {
    let mut pages = reader.get_row_group(group)?.get_column_page_reader(leaf)?;
    match pages.get_next_page()? {
        Some(Page::DictionaryPage { buf, num_values, .. }) => {
            let names = plain_text(&buf, num_values as usize);
            names.map(Some).ok_or_else(|| parquet::errors::ParquetError::General("a dictionary page is damaged".into()))
        }
        _ => Ok(None),
    }
}

/// PLAIN encoding of byte arrays: for each a little-endian u32 length, then its bytes (Parquet format, Encodings.md).
fn plain_text(mut bytes: &[u8], count: usize) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    for _ in 0..count {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        texts.push(String::from_utf8(text.to_vec()).ok()?);
        bytes = rest;
    }
    Some(texts)
}
