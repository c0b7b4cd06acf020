//! Rows in: schema, filter, batches and the background, streamed from Parquet.

mod batch;
mod block;
mod settings;

pub use batch::RowBatch;
pub use block::FeatureBlock;
pub use settings::{BackgroundRows, BackgroundSettings, DataSettings};
