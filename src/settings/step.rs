//! One step of a section: `{…}` or `true` runs it, `false` leaves it out.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A step of a run: on with its settings, or off.
#[derive(Clone, Debug)]
pub enum Step<S> {
    /// Runs.
    On(S),
    /// Runs where the model allows it, since the config does not say.
    Default(S),
    /// Does not run.
    Off,
}

/// Steps are equal that run alike.
impl<S: PartialEq> PartialEq for Step<S> {
    fn eq(&self, other: &Self) -> bool {
        self.settings() == other.settings()
    }
}

impl<S> Step<S> {
    /// The settings of a step that runs.
    pub fn settings(&self) -> Option<&S> {
        match self {
            Step::On(settings) | Step::Default(settings) => Some(settings),
            Step::Off => None,
        }
    }
}

impl<'de, S: Deserialize<'de> + Default> Deserialize<'de> for Step<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written<S> {
            Switch(bool),
            Settings(S),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Switch(false) => Step::Off,
            Written::Switch(true) => Step::On(S::default()),
            Written::Settings(settings) => Step::On(settings),
        })
    }
}

impl<S: Serialize> Serialize for Step<S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        match self {
            Step::On(settings) | Step::Default(settings) => settings.serialize(serializer),
            Step::Off => serializer.serialize_bool(false),
        }
    }
}

impl<S: JsonSchema> JsonSchema for Step<S> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        S::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let about = S::json_schema(generator).get("description").cloned();
        json_schema!({ "description": about, "anyOf": [S::json_schema(generator), { "type": "boolean" }] })
    }
}

/// Declares a section, one line a step: `module: On` or `module: Off` is what happens where the config does not name it.
///
/// A step's module has a public `Settings` struct with a default, whose doc comment describes the step in the JSON Schema.
macro_rules! steps {
    ($(#[$about:meta])* $($name:ident: $default:ident,)+) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        #[schemars(inline)]
        pub struct Settings {
            $(
                #[expect(missing_docs, reason = "the step's Settings describe it")]
                pub $name: $crate::settings::Step<super::$name::Settings>,
            )+
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($name: $crate::settings::steps!(@$default)),+ }
            }
        }
    };
    (@On) => { $crate::settings::Step::Default(Default::default()) };
    (@Off) => { $crate::settings::Step::Off };
}

pub(crate) use steps;
