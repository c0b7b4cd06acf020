//! Which features: all, the most important ones, or some by name.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::subject::{ExplainedFeature, Member};
use crate::table::Table;

/// A choice of features: `all`, `top(N)` by importance, or a list of names; a group's name stands for its members.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum Choice {
    /// All of them.
    #[default]
    All,
    /// The most important ones, by the first method of the importance table.
    Top(NonZeroUsize),
    /// These.
    Named(Vec<String>),
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Names(Vec<String>),
}

impl TryFrom<Written> for Choice {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Names(names) => Ok(Self::Named(names)),
            Written::Text(text) if text == "all" => Ok(Self::All),
            Written::Text(text) => {
                let count = text.strip_prefix("top(").and_then(|rest| rest.strip_suffix(')')).and_then(|count| count.parse().ok());
                count.map(Self::Top).ok_or_else(|| format!("expected `all`, `top(6)` or a list of features, found `{text}`"))
            }
        }
    }
}

impl From<Choice> for Written {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::All => Self::Text("all".into()),
            Choice::Top(count) => Self::Text(format!("top({count})")),
            Choice::Named(names) => Self::Names(names),
        }
    }
}

impl JsonSchema for Choice {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Choice".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string", "enum": ["all"] },
            { "type": "string", "pattern": r"^top\([1-9][0-9]{0,8}\)$", "examples": ["top(6)"] },
            { "type": "array", "items": { "type": "string" }, "minItems": 1, "uniqueItems": true },
        ] })
    }
}

/// A setting that does not fit the model or the other settings.
#[derive(Debug)]
pub(in crate::derive) struct Problem {
    /// Key within the step's settings.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Choice {
    /// Checks the names, and that an order of importance will be there where it is asked for.
    pub(in crate::derive) fn check(&self, features: &[ExplainedFeature], ranked: bool) -> Result<(), Problem> {
        let refuse = |message: String| Err(Problem { key: "features".into(), message });
        match self {
            Choice::All => Ok(()),
            Choice::Top(_) if ranked => Ok(()),
            Choice::Top(_) => refuse("top(N) needs derive.importance; switch it on, or list the features".into()),
            Choice::Named(names) => match names.iter().find(|name| named(features, name).next().is_none()) {
                Some(name) => refuse(unknown(name)),
                None => Ok(()),
            },
        }
    }

    /// Whether a feature can be chosen, as far as is known before the importance is.
    pub(in crate::derive) fn may_hold(&self, features: &[ExplainedFeature], member: &Member) -> bool {
        match self {
            Choice::All | Choice::Top(_) => true,
            Choice::Named(names) => names.iter().any(|name| named(features, name).any(|other| other.column == member.column)),
        }
    }

    /// The columns of the chosen features, the most important first where there is an importance table among the `earlier` ones.
    pub(in crate::derive) fn columns(&self, features: &[ExplainedFeature], earlier: &[Table]) -> Vec<usize> {
        self.columns_of(features, &ranking(features, earlier))
    }

    /// The columns of the chosen features, the first of the `ranked` ones first.
    pub(in crate::derive) fn columns_of(&self, features: &[ExplainedFeature], ranked: &[&ExplainedFeature]) -> Vec<usize> {
        let columns = |feature: &ExplainedFeature| feature.members.iter().map(|member| member.column).collect::<Vec<_>>();
        match self {
            Choice::Named(names) => {
                let mut found: Vec<usize> = Vec::new();
                for member in names.iter().flat_map(|name| named(features, name)) {
                    if !found.contains(&member.column) {
                        found.push(member.column);
                    }
                }
                found
            }
            Choice::All => ranked.iter().copied().flat_map(columns).collect(),
            Choice::Top(count) => ranked.iter().copied().take(count.get()).flat_map(columns).collect(),
        }
    }
}

/// What is wrong with a name that no feature has.
pub(in crate::derive) fn unknown(name: &str) -> String {
    format!("`{name}` is no feature of the model and no feature group; name one that is")
}

/// All model features, in the order of the explained ones.
pub(in crate::derive) fn members(features: &[ExplainedFeature]) -> impl Iterator<Item = &Member> {
    features.iter().flat_map(|feature| &feature.members)
}

/// The member of this name, or all members of the group of this name.
fn named<'a>(features: &'a [ExplainedFeature], name: &'a str) -> impl Iterator<Item = &'a Member> {
    let of = move |feature: &'a ExplainedFeature| feature.members.iter().filter(move |member| member.name == name || feature.name == name);
    features.iter().flat_map(of)
}

/// The explained features by their mean |φ| summed over outputs, by the table's first method; in their own order without a table.
pub(in crate::derive) fn ranking<'a>(features: &'a [ExplainedFeature], earlier: &[Table]) -> Vec<&'a ExplainedFeature> {
    let mut ranked: Vec<&ExplainedFeature> = features.iter().collect();
    let Some(table) = earlier.iter().find(|table| table.name == "importance" && !table.is_empty()) else { return ranked };
    let (methods, names, sizes) = (table.texts("method"), table.texts("feature"), table.numbers("mean_abs"));
    let rows: Vec<usize> = (0..table.len()).filter(|row| methods.value(*row) == methods.value(0)).collect();
    let size = |feature: &ExplainedFeature| -> f64 {
        rows.iter().filter(|row| names.value(**row) == feature.name).map(|row| sizes.value(*row)).sum()
    };
    ranked.sort_by(|a, b| size(b).total_cmp(&size(a)));
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Values;
    use crate::table;

    fn features() -> Vec<ExplainedFeature> {
        let member = |name: &str, column| Member { name: name.into(), column, values: Values::Number };
        vec![
            ExplainedFeature { name: "age".into(), members: vec![member("age", 2)] },
            ExplainedFeature { name: "housing".into(), members: vec![member("own", 0), member("rent", 1)] },
            ExplainedFeature { name: "sex".into(), members: vec![member("sex", 3)] },
        ]
    }

    fn importance() -> Table {
        Table::new(
            "importance",
            vec![
                ("method", table::texts(["tree_shap", "tree_shap", "tree_shap", "lime"])),
                ("feature", table::texts(["sex", "housing", "age", "age"])),
                ("mean_abs", table::numbers([0.3, 0.2, 0.1, 9.0])),
            ],
        )
    }

    #[test]
    fn choices_read_and_write_as_configs_do() {
        for text in ["\"all\"", "\"top(6)\"", "[\"age\",\"sex\"]"] {
            let choice: Choice = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&choice).unwrap(), text);
        }
        for wrong in ["\"top(0)\"", "\"top 6\"", "\"most\"", "6"] {
            assert!(serde_json::from_str::<Choice>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn groups_stand_for_their_members_and_importance_orders() {
        let (features, tables) = (features(), [importance()]);
        let named = |names: &[&str]| Choice::Named(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(Choice::All.columns(&features, &tables), [3, 0, 1, 2]);
        assert_eq!(Choice::All.columns(&features, &[]), [2, 0, 1, 3]);
        assert_eq!(Choice::Top(NonZeroUsize::new(2).unwrap()).columns(&features, &tables), [3, 0, 1]);
        assert_eq!(named(&["rent", "housing", "age"]).columns(&features, &tables), [1, 0, 2]);
        assert!(named(&["age"]).check(&features, false).is_ok());
        assert!(named(&["agee"]).check(&features, true).unwrap_err().message.contains("`agee`"));
        assert!(Choice::Top(NonZeroUsize::MIN).check(&features, false).unwrap_err().message.contains("derive.importance"));
    }
}
