//! Kinds and missing values of a model's inputs.

use super::document::{Declared, Document, MissingType};
use super::names::CategoryNames;
use crate::model::forest::{Feature, Missing, Rule};

/// The inputs in the model's order. A feature is categorical if it is declared so, named so or split so.
pub(super) fn features(document: &Document, names: CategoryNames) -> Vec<Feature> {
    let mut seen = vec![Seen::default(); document.features.len()];
    for (_, split) in document.trees.iter().flat_map(|tree| tree.splits()) {
        let Some(seen) = seen.get_mut(split.feature) else { continue };
        match (&split.rule, split.missing) {
            (Rule::In(_), _) => seen.categories = true,
            (_, MissingType::None) => seen.none = true,
            (_, MissingType::Zero) => seen.zero = true,
            (_, MissingType::Nan) => seen.nan = true,
        }
    }
    let inputs = document.features.iter().zip(seen).zip(names);
    let feature = inputs.map(|((file, seen), names)| {
        if seen.categories || names.is_some() || matches!(file.declared, Declared::Categorical { .. }) {
            Feature { truncated: true, ..Feature::categorical(&file.name, names) }
        } else {
            Feature { missing: seen.missing(), ..Feature::numeric(&file.name) }
        }
    });
    feature.collect()
}

/// What splits do with one feature. Missing types differ within a file where training went on with other data.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    categories: bool,
    none: bool,
    zero: bool,
    nan: bool,
}

impl Seen {
    fn missing(self) -> Missing {
        match self {
            Self { zero: true, .. } => Missing::ZeroOrNan,
            Self { none: true, nan: false, .. } => Missing::NanIsZero,
            _ => Missing::Nan,
        }
    }
}
