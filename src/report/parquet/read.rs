//! Chunks of finished parts, read back as the batches that they were.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::parts::RESERVED;
use crate::attribution::{AttributionBatch, AttributionSchema};
use crate::report::ReportError;

/// The chunk that is row group `group` of a part, bit for bit; `ids` are the identifiers that its rows must have.
///
/// What stands in the features' columns becomes [`AttributionBatch::values`], standard errors too.
///
/// # Errors
/// If the part cannot be read, or holds other rows or columns.
pub fn read_chunk(
    path: &Path,
    group: usize,
    schema: &Arc<AttributionSchema>,
    extra: &[&'static str],
    ids: &ArrayRef,
) -> Result<AttributionBatch, ReportError> {
    let parquet = |source| ReportError::Parquet { path: path.into(), source };
    let file = File::open(path).map_err(|source| ReportError::Io { path: path.into(), source })?;
    let (rows, outputs) = (ids.len(), schema.outputs.len());
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(parquet)?;
    if group >= builder.metadata().num_row_groups() {
        return Err(parquet(ParquetError::General(format!("it has no row group {group}"))));
    }
    let reader = builder.with_row_groups(vec![group]).with_batch_size((rows * outputs).max(1)).build().map_err(parquet)?;
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| parquet(error.into()))?;
    let chunk = match batches.as_slice() {
        [chunk] if chunk.num_rows() == rows * outputs && chunk.column(0).slice(0, rows).as_ref() == ids.as_ref() => chunk,
        _ => return Err(parquet(ParquetError::General(format!("row group {group} holds other rows")))),
    };
    batch(chunk, rows, schema, extra).ok_or_else(|| parquet(ParquetError::General("it holds other columns".into())))
}

fn batch(chunk: &RecordBatch, rows: usize, schema: &Arc<AttributionSchema>, extra: &[&'static str]) -> Option<AttributionBatch> {
    let (outputs, features, first) = (schema.outputs.len(), schema.features.len(), RESERVED.len() + extra.len());
    if chunk.num_columns() != first + features {
        return None;
    }
    let column = |place: usize| chunk.column(place).as_primitive_opt::<Float64Type>().map(|numbers| numbers.values().to_vec());
    let mut values = vec![0.0; outputs * features * rows];
    for feature in 0..features {
        let numbers = column(first + feature)?;
        for (output, numbers) in numbers.chunks_exact(rows.max(1)).enumerate() {
            values.get_mut((output * features + feature) * rows..)?.get_mut(..rows)?.copy_from_slice(numbers);
        }
    }
    let named = |(place, name): (usize, &&'static str)| Some((*name, column(RESERVED.len() + place)?));
    Some(AttributionBatch {
        schema: Arc::clone(schema),
        rows,
        base: column(2)?,
        prediction: column(3)?,
        values,
        standard_errors: None,
        extra: extra.iter().enumerate().map(named).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;

    use super::super::{Content, PartEncoder, PartWriter};
    use super::*;

    fn chunk(first: i64, rows: usize, schema: &Arc<AttributionSchema>) -> (ArrayRef, AttributionBatch) {
        let numbers = |count: usize, scale: f64| (0..count).map(|i| (i as f64 + first as f64) * scale).collect::<Vec<_>>();
        let mut values = numbers(2 * 3 * rows, -0.1);
        (values[0], values[1]) = (f64::from_bits(0x7ff8_0000_0000_0123), -0.0);
        let batch = AttributionBatch {
            schema: Arc::clone(schema),
            rows,
            base: numbers(2 * rows, 0.5),
            prediction: numbers(2 * rows, 3.0),
            values,
            standard_errors: None,
            extra: vec![("_fidelity", numbers(2 * rows, 7.0))],
        };
        (Arc::new(Int64Array::from_iter_values(first..first + rows as i64)), batch)
    }

    #[test]
    fn what_was_written_is_read_bit_for_bit_and_written_on_alike() {
        let home = tempfile::tempdir().unwrap();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let schema = Arc::new(AttributionSchema { method: "lime", features: names(&["a", "_row_id", "b"]), outputs: names(&["x", "y"]) });
        let encoder = |folder: &str| {
            let folder = home.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            PartEncoder::new(&folder, &schema, &["_fidelity"], &arrow_schema::DataType::Int64, Content::Values).unwrap()
        };
        let chunks: Vec<_> = [(0, 4), (4, 4), (8, 4), (12, 1)].map(|(first, rows)| chunk(first, rows, &schema)).into();
        let (whole, resumed) = (encoder("whole"), encoder("resumed"));
        let written = |encoder: &PartEncoder, writer: &mut PartWriter<'_>, from: usize| {
            writer.set_part_rows(16);
            chunks[from..].iter().for_each(|(ids, batch)| writer.append(encoder.encode(ids, batch).unwrap()).unwrap());
            writer.finish().unwrap();
        };
        let mut writer = PartWriter::new(&whole, Vec::new());
        written(&whole, &mut writer, 0);
        let parts = writer.parts().to_vec();
        assert_eq!(parts.iter().map(|part| (part.rows, part.chunks)).collect::<Vec<_>>(), [(16, 2), (10, 2)]);
        for (place, (ids, batch)) in chunks.iter().enumerate() {
            let read = read_chunk(&parts[place / 2].path, place % 2, &schema, &["_fidelity"], ids).unwrap();
            let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&read.values), bits(&batch.values));
            assert_eq!((read.base, read.prediction, read.extra), (batch.base.clone(), batch.prediction.clone(), batch.extra.clone()));
        }
        // A writer that goes on after the first part writes the same second one.
        let mut writer = PartWriter::new(&resumed, vec![parts[0].clone()]);
        written(&resumed, &mut writer, 2);
        assert_eq!(std::fs::read(&writer.parts()[1].path).unwrap(), std::fs::read(&parts[1].path).unwrap());
        let refused = |group: usize, ids: &ArrayRef, extra: &[&'static str]| {
            read_chunk(&parts[0].path, group, &schema, extra, ids).unwrap_err().to_string()
        };
        assert!(refused(0, &chunks[1].0, &["_fidelity"]).contains("holds other rows"));
        assert!(refused(0, &chunks[0].0, &[]).contains("holds other columns"));
        assert!(refused(2, &chunks[0].0, &["_fidelity"]).contains("no row group 2"));
    }
}
