//! Results out: tables and attributions to Parquet, charts to SVG, one HTML page.

pub mod chart;
mod error;
mod number;
pub mod page;
pub mod parquet;
mod settings;

pub use error::ReportError;
pub use settings::Settings;
