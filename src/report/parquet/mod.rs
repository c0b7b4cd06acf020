//! Tables and attributions as Parquet files whose bytes depend on their content alone.

mod parts;

use std::fs::File;
use std::io::Write;
use std::path::Path;

use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};

use super::ReportError;
use crate::table::Table;

pub use parts::{EncodedChunk, Part, PartEncoder, PartWriter};

/// Writes a table as one file: zstd, statistics a row group, `pipeline.version` in the metadata.
///
/// # Errors
/// If the file cannot be created or written.
pub fn write_table(table: &Table, path: &Path) -> Result<(), ReportError> {
    let parquet = |source| ReportError::Parquet { path: path.into(), source };
    let mut writer = open(create(path)?, table.rows.schema(), properties().build()).map_err(parquet)?;
    writer.write(&table.rows).map_err(parquet)?;
    writer.close().map(drop).map_err(parquet)
}

fn create(path: &Path) -> Result<File, ReportError> {
    File::create(path).map_err(|source| ReportError::Io { path: path.into(), source })
}

fn open<W: Write + Send>(sink: W, schema: SchemaRef, properties: WriterProperties) -> Result<ArrowWriter<W>, ParquetError> {
    ArrowWriter::try_new(sink, schema, Some(properties))
}

/// What all files share: nothing here may depend on the clock, the host or the number of threads.
fn properties() -> WriterPropertiesBuilder {
    let version = KeyValue::new("pipeline.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(vec![version]))
}

#[cfg(test)]
mod tests {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;
    use crate::table;

    fn example() -> Table {
        let columns = vec![
            ("feature", table::optional_texts([Some("a"), None, Some("名")])),
            ("rank", table::integers([1, -2, i64::MAX])),
            ("mean_abs", table::optional_numbers([Some(0.1), Some(f64::NAN), None])),
            ("flag", table::flags([true, false, true])),
        ];
        Table::new("example", columns)
    }

    #[test]
    fn a_table_reads_back_as_it_was_and_names_its_writer() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first.parquet"), folder.path().join("second.parquet"));
        write_table(&example(), &first).unwrap();
        write_table(&example(), &second).unwrap();
        assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());

        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&first).unwrap()).unwrap();
        let file = reader.metadata().file_metadata();
        let version = file.key_value_metadata().unwrap().iter().find(|pair| pair.key == "pipeline.version").unwrap();
        assert_eq!(version.value.as_deref(), Some(env!("CARGO_PKG_VERSION")));
        for column in reader.metadata().row_group(0).columns() {
            assert!(matches!(column.compression(), Compression::ZSTD(_)));
            assert!(column.statistics().is_some());
        }
        let rows: Vec<_> = reader.build().unwrap().collect::<Result<_, _>>().unwrap();
        // NaN differs from itself, so the texts are compared.
        assert_eq!(format!("{rows:?}"), format!("{:?}", [example().rows]));
    }

    #[test]
    fn a_table_without_rows_is_still_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.parquet");
        write_table(&Table::new("empty", vec![("x", table::numbers([]))]), &path).unwrap();
        assert_eq!(ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap().metadata().file_metadata().num_rows(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = write_table(&example(), Path::new("/nowhere/at/all.parquet")).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/at/all.parquet: "), "{error}");
    }
}
