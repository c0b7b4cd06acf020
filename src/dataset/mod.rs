//! Rows in: schema, filter, batches and the background, streamed from Parquet.
//!
//! [`Dataset::open`] finds the files, [`Dataset::select`] checks a [`Request`] against them, [`Selection::batches`] streams the rows
//! and [`RawBatch::decode`] makes numbers of them; [`Selection::sample`] draws a background.

mod batch;
mod block;
mod category;
mod check;
mod decode;
mod dictionary;
mod error;
mod feature;
mod files;
mod filter;
mod find;
mod lookup;
mod request;
mod sample;
mod scan;
mod selection;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod texts;

pub use batch::RowBatch;
pub use block::FeatureBlock;
pub use category::{UNKNOWN_CATEGORY, UnseenCategories, UnseenColumn};
pub use decode::{Decoded, RawBatch};
pub use error::DataError;
pub use lookup::Lookup;
pub use request::{CategoryHashes, Encoding, FeatureRequest, Request};
pub use scan::Batches;
pub use selection::Selection;
pub use settings::{BackgroundRows, BackgroundSettings, DataSettings};
pub use source::{ColumnSummary, Dataset, DatasetSummary, is_guarded};
