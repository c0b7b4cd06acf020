//! Rows in: schema, filter, batches and the background, streamed from Parquet.

mod batch;
mod block;

pub use batch::RowBatch;
pub use block::FeatureBlock;
