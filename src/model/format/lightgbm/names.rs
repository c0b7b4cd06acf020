//! Whose categories the lists of `pandas_categorical` are.
//!
//! The file lists the categories of all columns that were categorical in pandas, in these columns' order, but not which columns these
//! were: unordered ones are the categorical features, ordered ones are numbers from 0 on, constant ones are not used at all.

use super::document::{Declared, Document};

/// Category names, or none, for each feature.
pub(super) type CategoryNames = Vec<Option<Vec<String>>>;

/// Most cells of a table of features and lists.
const LARGEST_TABLE: usize = 10_000_000;

/// A feature that may own a list.
#[derive(Clone, Copy)]
struct Candidate {
    feature: usize,
    /// Codes that its list must name.
    codes: usize,
    /// Whether it is categorical, and so owns a list in any case.
    must: bool,
}

/// Category names by feature; nothing where the file leaves open whose they are.
///
/// Every categorical feature owns a list. Lists that are left belong to unused columns or, if that cannot be, to these and numbers.
pub(super) fn category_names(document: &Document) -> Option<CategoryNames> {
    let lists = &document.pandas_categories;
    let mut names = vec![None; document.features.len()];
    if lists.is_empty() {
        return Some(names);
    }
    let candidates = |unused: bool, numbers: bool| -> Vec<Candidate> {
        let features = document.features.iter().enumerate();
        let candidates = features.filter_map(|(feature, file)| match file.declared {
            Declared::Categorical { codes } => Some(Candidate { feature, codes, must: true }),
            Declared::Unused if unused => Some(Candidate { feature, codes: 0, must: false }),
            Declared::Numeric { codes: Some(codes) } if numbers => Some(Candidate { feature, codes, must: false }),
            _ => None,
        });
        candidates.collect()
    };
    let explanations = [candidates(false, false), candidates(true, false), candidates(true, true)];
    let (candidates, owned) = explanations.iter().find_map(|candidates| owned(candidates, lists).map(|owned| (candidates, owned)))?;
    for (candidate, list) in candidates.iter().zip(owned) {
        match list {
            Some(list) if candidate.must || candidate.codes == 0 => names[candidate.feature] = lists.get(list).cloned(),
            None if candidate.must => return None,
            _ => {}
        }
    }
    Some(names)
}

/// The list that each candidate owns, if it is the same however the lists, in their order, are given to candidates; nothing if they
/// cannot be given at all.
fn owned(candidates: &[Candidate], lists: &[Vec<String>]) -> Option<Vec<Option<usize>>> {
    let (rows, columns) = (candidates.len() + 1, lists.len() + 1);
    if rows.checked_mul(columns).is_none_or(|cells| cells > LARGEST_TABLE) {
        return None;
    }
    let fits = |candidate: usize, list: usize| lists[list].len() >= candidates[candidate].codes;
    // Whether candidates before the i-th can own just the lists before the j-th, and those from it on the lists from it on.
    let (mut before, mut after) = (vec![false; rows * columns], vec![false; rows * columns]);
    before[0] = true;
    for i in 0..candidates.len() {
        for j in (0..columns).filter(|j| before[i * columns + j]).collect::<Vec<_>>() {
            before[(i + 1) * columns + j] |= !candidates[i].must;
            if j < lists.len() && fits(i, j) {
                before[(i + 1) * columns + j + 1] = true;
            }
        }
    }
    after[rows * columns - 1] = true;
    for i in (0..candidates.len()).rev() {
        for j in 0..columns {
            let skips = !candidates[i].must && after[(i + 1) * columns + j];
            after[i * columns + j] = skips || j < lists.len() && fits(i, j) && after[(i + 1) * columns + j + 1];
        }
    }
    let owned = (0..candidates.len()).map(|i| {
        let may_skip = !candidates[i].must && (0..columns).any(|j| before[i * columns + j] && after[(i + 1) * columns + j]);
        let mut may_own = (0..lists.len()).filter(|j| before[i * columns + j] && fits(i, *j) && after[(i + 1) * columns + j + 1]);
        let first = may_own.next();
        first.filter(|_| !may_skip && may_own.next().is_none())
    });
    after[0].then(|| owned.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::format::lightgbm::document::FileFeature;

    const CATEGORICAL: fn(usize) -> Declared = |codes| Declared::Categorical { codes };
    const NUMBER: Declared = Declared::Numeric { codes: None };

    /// Sizes of the lists that features of these kinds own, where lists have these sizes.
    fn sizes(declared: &[Declared], lists: &[usize]) -> Option<Vec<Option<usize>>> {
        let list = |size: &usize| (0..*size).map(|name| name.to_string()).collect();
        let document = Document {
            version: "v4".into(),
            objective: None,
            boosting: None,
            averaged: false,
            outputs: 1,
            features: declared.iter().map(|declared| FileFeature { name: "x".into(), declared: *declared }).collect(),
            pandas_categories: lists.iter().map(list).collect(),
            trees: Vec::new(),
        };
        category_names(&document).map(|names| names.into_iter().map(|names| names.map(|names| names.len())).collect())
    }

    #[test]
    fn lists_are_the_categorical_features() {
        assert_eq!(sizes(&[NUMBER, CATEGORICAL(3), Declared::Unused, CATEGORICAL(2)], &[4, 2]), Some(vec![None, Some(4), None, Some(2)]));
        assert_eq!(sizes(&[NUMBER, CATEGORICAL(3)], &[]), Some(vec![None, None]));
    }

    #[test]
    fn lists_that_are_left_belong_to_unused_columns_or_else_to_numbers() {
        let unused = [CATEGORICAL(3), Declared::Unused, CATEGORICAL(2)];
        assert_eq!(sizes(&unused, &[3, 1, 2]), Some(vec![Some(3), Some(1), Some(2)]));
        let ordered = [CATEGORICAL(3), Declared::Numeric { codes: Some(5) }, NUMBER];
        assert_eq!(sizes(&ordered, &[3, 5]), Some(vec![Some(3), None, None]));
        // One of two unused columns owns the second list, whichever it is.
        assert_eq!(sizes(&[CATEGORICAL(3), Declared::Unused, Declared::Unused], &[3, 1]), Some(vec![Some(3), None, None]));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_left_open() {
        // Either list could be the categorical feature's.
        assert_eq!(sizes(&[Declared::Unused, CATEGORICAL(2), Declared::Unused], &[3, 3]), None);
        // Codes without names, and names that are too few.
        assert_eq!(sizes(&[CATEGORICAL(3), CATEGORICAL(2)], &[3]), None);
        assert_eq!(sizes(&[CATEGORICAL(3)], &[2]), None);
    }
}
