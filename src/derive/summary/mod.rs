//! Summary: every row's attributions with the feature's values, as a beeswarm draws them.

mod settings;

pub use settings::Settings;
