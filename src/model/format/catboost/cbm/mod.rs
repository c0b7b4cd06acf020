//! CatBoost's own binary format: `CBM1`, a FlatBuffers table of the model, then tables of target statistics.
//!
//! Fields are numbered as in `catboost/libs/model/flatbuffers/{model,features,ctr_data}.fbs`.

mod flatbuffer;
mod shapes;

use std::collections::BTreeMap;

use super::document::{Combination, Ctr, CtrKind, Document, FloatFeature, OneHot, Place, Table as CtrTable, TableKey};
use super::info::ModelInfo;
use crate::model::error::ReadError;
use flatbuffer::{Buffer, FlatbufferError, Table, scalars};
use shapes::source_trees;

/// What a file begins with.
pub(super) const MAGIC: &[u8] = b"CBM1";
/// The one version there is, by its own spelling.
const VERSION: &str = "FlabuffersModel_v1";

impl From<FlatbufferError> for ReadError {
    fn from(error: FlatbufferError) -> Self {
        ReadError::Malformed(error.to_string())
    }
}

fn malformed<T>(message: impl Into<String>) -> Result<T, ReadError> {
    Err(ReadError::Malformed(message.into()))
}

/// Decodes a whole file.
pub(super) fn decode(bytes: &[u8]) -> Result<Document, ReadError> {
    let mut rest = bytes.strip_prefix(MAGIC).unwrap_or(bytes);
    let core = Buffer::new(sized(&mut rest)?);
    let root = core.root()?;
    let version = root.text(0)?;
    if version != VERSION {
        return Err(ReadError::Unsupported(format!("version `{version}` of the format is not known; {VERSION} is")));
    }
    let trees = root.table(1)?;
    refuse_estimated(&trees)?;
    let tables = if rest.is_empty() { BTreeMap::new() } else { ctr_tables(&mut rest)? };
    let outputs = usize::try_from(trees.number::<i32>(0)?.unwrap_or(0)).unwrap_or(0);
    let bias = match (trees.numbers::<f64>(16)?, trees.number::<f64>(15)?) {
        (several, _) if !several.is_empty() => several,
        (_, one) => one.into_iter().collect(),
    };
    Ok(Document {
        floats: floats(&trees)?,
        categoricals: places(trees.tables(4)?, "CatFeatures", [0, 1, 2])?,
        one_hots: trees.tables(6)?.iter().map(one_hot).collect::<Result<_, _>>()?,
        ctrs: trees.tables(7)?.iter().map(ctr).collect::<Result<_, _>>()?,
        tables,
        texts: texts(&trees)?,
        trees: source_trees(&trees, outputs)?,
        scale: trees.number(14)?.unwrap_or(1.0),
        bias,
        info: info(&root)?.info(),
    })
}

/// The bytes after their length.
fn sized<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], ReadError> {
    let (length, after) = length(rest)?;
    let Some((part, after)) = after.split_at_checked(length) else {
        return malformed(format!(
            "a part of {length} bytes is declared, but the file has {} more: it is cut short or damaged",
            after.len()
        ));
    };
    *rest = after;
    Ok(part)
}

fn length(rest: &[u8]) -> Result<(usize, &[u8]), ReadError> {
    match rest.split_first_chunk() {
        Some((length, after)) => Ok((u32::from_le_bytes(*length) as usize, after)),
        None => malformed("the file ends where a length should stand"),
    }
}

/// Texts, embeddings, and whatever is computed from them, take part in splits under numbers of their own.
fn refuse_estimated(trees: &Table<'_>) -> Result<(), ReadError> {
    if trees.tables(13)?.is_empty() {
        return Ok(());
    }
    let mut names = Vec::new();
    for (list, kind) in [(12, "text"), (18, "embedding")] {
        for place in places(trees.tables(list)?, kind, [0, 1, 2])? {
            names.push(format!("{kind} feature `{}`", super::features::name(&place)));
        }
    }
    Err(ReadError::Unsupported(format!(
        "it computes numbers from {}, which are no inputs that a split can be attributed to; train without, or on the computed numbers",
        names.join(", ")
    )))
}

/// The features of a list, whose numbered fields tell the index (which must be the position), the place among all columns and the name.
fn places(list: Vec<Table<'_>>, what: &str, [index, flat, name]: [usize; 3]) -> Result<Vec<Place>, ReadError> {
    let place = |(position, feature): (usize, &Table<'_>)| {
        let found = feature.number::<i32>(index)?.unwrap_or(-1);
        if usize::try_from(found) != Ok(position) {
            return malformed(format!("entry {position} of `{what}` has index {found}: features are missing or out of order"));
        }
        let Ok(flat) = usize::try_from(feature.number::<i32>(flat)?.unwrap_or(-1)) else {
            return malformed(format!("entry {position} of `{what}` has no place among the columns"));
        };
        Ok(Place { flat, name: feature.text(name)? })
    };
    list.iter().enumerate().map(place).collect()
}

fn floats(trees: &Table<'_>) -> Result<Vec<FloatFeature>, ReadError> {
    let list = trees.tables(5)?;
    let places = places(list.clone(), "FloatFeatures", [1, 2, 4])?;
    let float = |(feature, place): (&Table<'_>, Place)| {
        let has_nans = feature.number::<u8>(0)?.unwrap_or(0) != 0;
        let above = match feature.number::<u8>(5)?.unwrap_or(0) {
            0 | 1 => false,
            2 => true,
            other => return malformed(format!("treatment {other} of NaN by feature `{}` does not exist", place.name)),
        };
        Ok(FloatFeature { place, borders: feature.numbers(3)?, nan_above: has_nans && above })
    };
    list.iter().zip(places).map(float).collect()
}

fn one_hot(categories: &Table<'_>) -> Result<OneHot, ReadError> {
    let Ok(feature) = usize::try_from(categories.number::<i32>(0)?.unwrap_or(-1)) else {
        return malformed("an entry of `OneHotFeatures` is of no feature");
    };
    Ok(OneHot { feature, hashes: categories.numbers(1)? })
}

/// Texts of single categories, where the file has them.
fn texts(trees: &Table<'_>) -> Result<BTreeMap<u32, String>, ReadError> {
    let mut texts = BTreeMap::new();
    for categories in trees.tables(6)? {
        texts.extend(categories.numbers::<u32>(1)?.into_iter().zip(categories.texts(2)?));
    }
    Ok(texts)
}

fn ctr(feature: &Table<'_>) -> Result<Ctr, ReadError> {
    let ctr = feature.table(0)?;
    let (source, kind) = key(&ctr.table(0)?)?;
    let Ok(target_border) = usize::try_from(ctr.number::<i32>(1)?.unwrap_or(0)) else {
        return malformed("a CTR's target border is negative");
    };
    Ok(Ctr {
        source,
        kind,
        target_border,
        prior_numerator: ctr.number(2)?.unwrap_or(0.0),
        prior_denominator: ctr.number(3)?.unwrap_or(1.0),
        shift: ctr.number(4)?.unwrap_or(0.0),
        scale: ctr.number(5)?.unwrap_or(1.0),
        borders: feature.numbers(1)?,
    })
}

fn key(base: &Table<'_>) -> Result<TableKey, ReadError> {
    let kind = match base.number::<u8>(1)?.unwrap_or(0) {
        0 => CtrKind::Borders,
        1 => CtrKind::Buckets,
        2 => CtrKind::BinarizedTargetMeanValue,
        3 => CtrKind::FloatTargetMeanValue,
        4 => CtrKind::Counter,
        5 => CtrKind::FeatureFreq,
        other => return malformed(format!("kind {other} of CTR does not exist")),
    };
    let source = base.table(0)?;
    let indices = |list: Vec<i32>| list.into_iter().map(|index| usize::try_from(index).unwrap_or(usize::MAX)).collect();
    let floats = source.numbers::<(i32, f32)>(1)?.into_iter().map(|(feature, _)| feature).collect();
    let one_hots = source.numbers::<(i32, i32)>(2)?.into_iter().map(|(feature, _)| feature).collect();
    Ok((Combination { categoricals: indices(source.numbers(0)?), floats: indices(floats), one_hots: indices(one_hots) }, kind))
}

/// The tables after the model: their number, then each after its length.
fn ctr_tables(rest: &mut &[u8]) -> Result<BTreeMap<TableKey, CtrTable>, ReadError> {
    let (count, after) = length(rest)?;
    *rest = after;
    let mut tables = BTreeMap::new();
    for index in 0..count {
        let part = Buffer::new(sized(rest)?);
        let (key, table) = ctr_table(&part.root()?).map_err(|error| ReadError::Malformed(format!("CTR table {index}: {error}")))?;
        tables.insert(key, table);
    }
    Ok(tables)
}

fn ctr_table(table: &Table<'_>) -> Result<(TableKey, CtrTable), ReadError> {
    let key = key(&table.table(0)?)?;
    let classes = usize::try_from(table.number::<i32>(4)?.unwrap_or(0)).unwrap_or(0);
    let numbers = table.bytes(2)?;
    let (counts, width): (Vec<f64>, _) = match key.1 {
        CtrKind::BinarizedTargetMeanValue | CtrKind::FloatTargetMeanValue => {
            (scalars::<(f32, i32)>(numbers).flat_map(|(sum, count)| [sum.into(), count.into()]).collect(), 2)
        }
        CtrKind::Borders | CtrKind::Buckets => (scalars::<i32>(numbers).map(f64::from).collect(), classes),
        CtrKind::Counter | CtrKind::FeatureFreq => (scalars::<i32>(numbers).map(f64::from).collect(), 1),
    };
    let categories = scalars::<(u64, u32)>(table.bytes(1)?).map(|(hash, row)| (hash, row as usize)).collect();
    let denominator = table.number(3)?.unwrap_or(0);
    let kind = key.1;
    Ok((key, CtrTable::new(kind, categories, counts, width, denominator)))
}

/// Facts that are JSON in text.
fn info(root: &Table<'_>) -> Result<ModelInfo, ReadError> {
    let mut info = ModelInfo::default();
    for entry in root.tables(2)? {
        let (key, value) = (entry.text(0)?, entry.text(1)?);
        let broken = |error: serde_json::Error| ReadError::Malformed(format!("`{key}` of the model's facts: {error}"));
        match key.as_str() {
            "params" => info.params = Some(serde_json::from_str(&value).map_err(broken)?),
            "class_params" => info.class_params = Some(serde_json::from_str(&value).map_err(broken)?),
            "catboost_version_info" => info.catboost_version_info = Some(value),
            _ => {}
        }
    }
    Ok(info)
}
