//! The config: YAML in, one checked value out, composed of the settings that each room declares.

mod bytes;
mod sections;

pub use bytes::ByteSize;
pub use sections::{Config, OutputSettings, RunSettings, Threads};
