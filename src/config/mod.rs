//! The config: YAML in, one checked value out, composed of the settings that each room declares.
//!
//! text → tree with places ([`yaml`], [`variables`]) → `--set` ([`overrides`]) → everything that is wrong at once ([`check`], driven by
//! the JSON Schema of the very types that are read in the end) → [`Config`].

mod bytes;
mod check;
mod describe;
mod emit;
mod overrides;
mod paths;
mod problem;
mod propose;
mod sections;
mod variables;
mod yaml;

use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value as Json;

pub use bytes::ByteSize;
pub use problem::{ConfigError, Problem};
pub use propose::{ProposeError, propose};
pub use sections::{OutputSettings, RunSettings, Sections, Threads};

use problem::{Place, Sources};

/// A checked config; its sections' paths are ready to be opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    sections: Sections,
    written: Sections,
    folder: PathBuf,
}

impl Config {
    /// Reads and checks a config file, with `--set` arguments (`KEY=VALUE`) on top.
    ///
    /// Relative paths start from the file's folder, those of `--set` too.
    ///
    /// # Errors
    /// If the file cannot be read, and otherwise everything that is wrong with it.
    pub fn load(path: &Path, sets: &[String]) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.into(), source })?;
        let mut sources = Sources::default();
        let source = sources.add(path.display().to_string(), text.clone());
        let root = yaml::read(&mut sources, source, 0, &text);
        let Some(mut root) = root else { return sources.settle(path) };
        for argument in sets {
            overrides::set(&mut root, &mut sources, argument);
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let checked = check::check(&schema(), &root, &mut sources, folder);
        if sources.is_sound() {
            match Self::from_checked(&checked, folder) {
                Ok(config) => return Ok(config),
                Err(error) => sources.report(Place { source, ..Place::default() }, error.to_string(), None),
            }
        }
        sources.settle(path)
    }

    fn from_checked(checked: &check::Checked, folder: &Path) -> serde_json::Result<Self> {
        let written = Sections::deserialize(&checked.json)?;
        let mut located = checked.json.clone();
        for pointer in &checked.paths {
            if let Some(Json::String(path)) = located.pointer_mut(pointer) {
                *path = folder.join(&*path).to_string_lossy().into_owned();
            }
        }
        Ok(Self { sections: Sections::deserialize(located)?, written, folder: folder.into() })
    }

    /// The config with its paths as they are written, for records that say nothing of this machine.
    pub fn written(&self) -> &Sections {
        &self.written
    }

    /// The config file's folder, from which relative paths start.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Settles what depends on more than the config itself, such as steps that run where the model allows it.
    ///
    /// # Errors
    /// Those of `settle`.
    pub fn settle<E>(&mut self, settle: impl Fn(&mut Sections) -> Result<(), E>) -> Result<(), E> {
        settle(&mut self.sections)?;
        settle(&mut self.written)
    }

    /// The resolved config as YAML: variables and `--set` filled in, defaults spelt out, paths as written.
    ///
    /// `run.threads` is left out: it cannot change a result.
    ///
    /// # Errors
    /// None, unless a section refuses to be serialized.
    pub fn to_yaml(&self) -> serde_json::Result<String> {
        serde_json::to_value(self).map(|value| emit::emit(&value))
    }
}

impl Deref for Config {
    type Target = Sections;

    fn deref(&self) -> &Sections {
        &self.sections
    }
}

/// The resolved config, as [`Config::to_yaml`] writes it.
impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = serde_json::to_value(&self.written).map_err(serde::ser::Error::custom)?;
        if let Some(run) = value.pointer_mut("/run").and_then(Json::as_object_mut) {
            run.shift_remove("threads");
        }
        value.serialize(serializer)
    }
}

/// The JSON Schema (2020-12) of a config.
pub fn schema() -> Json {
    schemars::schema_for!(Sections).to_value()
}
