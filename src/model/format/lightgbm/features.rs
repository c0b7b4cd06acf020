//! Names, kinds, categories and missing values of a model's inputs.

use super::document::{Declared, Document, MissingType};
use crate::model::forest::{Feature, Missing, Rule};

/// Category names, or none, for each feature.
pub(super) type CategoryNames = Vec<Option<Vec<String>>>;

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

/// Category names by feature; nothing where the file does not say whose they are.
///
/// It lists the categories of the columns that were categorical in pandas, in these columns' order, but not which columns these were.
/// They are the categorical features, or these and the unused ones, if there are as many. A list names every code of its feature.
pub(super) fn category_names(document: &Document) -> Option<CategoryNames> {
    let mut names = vec![None; document.features.len()];
    let lists = &document.pandas_categories;
    if lists.is_empty() {
        return Some(names);
    }
    let categorical = |declared| matches!(declared, Declared::Categorical { .. });
    let owners = |owns: &dyn Fn(Declared) -> bool| -> Option<Vec<usize>> {
        let features = document.features.iter().enumerate();
        let owners: Vec<usize> = features.filter(|(_, feature)| owns(feature.declared)).map(|(index, _)| index).collect();
        (owners.len() == lists.len()).then_some(owners)
    };
    let owners = owners(&categorical).or_else(|| owners(&|declared| categorical(declared) || declared == Declared::Unused))?;
    for (owner, list) in owners.into_iter().zip(lists) {
        let codes = match document.features[owner].declared {
            Declared::Categorical { largest_code } => usize::try_from(largest_code).map_or(0, |largest| largest.saturating_add(1)),
            _ => 0,
        };
        if codes > list.len() {
            return None;
        }
        names[owner] = Some(list.clone());
    }
    Some(names)
}
