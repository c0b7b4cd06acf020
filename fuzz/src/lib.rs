//! What every fuzz target does.

use pipeline::model::Iterations;
use pipeline::model::format::FORMATS;

/// Reads bytes as a model of the named format and throws the result away.
pub fn read(format: &str, bytes: &[u8]) {
    if let Some(format) = FORMATS.iter().find(|known| known.name == format) {
        let _ = (format.read)(bytes, Iterations::All);
    }
}
