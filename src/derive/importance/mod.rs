//! Importance: how much each feature moves the predictions, over all rows.

mod settings;

pub use settings::Settings;
