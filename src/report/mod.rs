//! Tables to Parquet, charts to SVG, and the page that holds them.

mod settings;

pub use settings::Settings;
