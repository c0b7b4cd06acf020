//! Tables and attributions as Parquet files whose bytes depend on their content alone.

mod parts;
mod read;
mod table;

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

pub use parts::{Content, EncodedChunk, Part, PartEncoder, PartWriter, part_name};
pub use read::read_chunk;
pub use table::{TableFile, TableWriter, write_table};

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
        .set_created_by(concat!("pipeline ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![version]))
}
