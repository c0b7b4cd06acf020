//! LightGBM's text: a header of `key=value` lines, then a paragraph for each tree, then what predictions do not need.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::document::{Declared, Document, FileFeature, FileNode, FileSplit, FileTree, MissingType, category_names};
use crate::model::error::ReadError;
use crate::model::forest::{CategorySet, LinearLeaf, Rule};

/// Bits of `decision_type`; the missing type is in bits 2 and 3.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;

/// Decodes a whole file; errors name the line.
pub(super) fn decode(bytes: &[u8]) -> Result<Document, ReadError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        ReadError::Malformed(format!("line {line} is not UTF-8 text"))
    })?;
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end()));
    let header = Paragraph::read(&mut lines)?;
    let mut trees = Vec::new();
    let rest = loop {
        match lines.find(|(_, line)| !line.is_empty()) {
            Some((line, text)) if text.starts_with("Tree=") => {
                if text != format!("Tree={}", trees.len()) {
                    return Err(malformed(line, format!("tree {} is expected, not `{text}`", trees.len())));
                }
                trees.push(tree(&Paragraph::read(&mut lines)?)?);
            }
            end => break end,
        }
    };
    let rest: Vec<(usize, &str)> = rest.into_iter().chain(lines).collect();
    if let Some(sizes) = header.entries.get("tree_sizes").map(|(_, sizes)| sizes.split_whitespace().count()).filter(|n| *n != trees.len()) {
        return Err(ReadError::Malformed(format!(
            "`tree_sizes` tells of {sizes} trees, but the file holds {}: it is cut short",
            trees.len()
        )));
    }
    Ok(Document {
        version: header.text("version")?.into(),
        objective: header.entries.get("objective").map(|(_, objective)| (*objective).into()),
        boosting: rest.iter().find_map(|(_, line)| line.strip_prefix("[boosting: ")?.strip_suffix(']')).map(str::to_owned),
        averaged: header.entries.contains_key("average_output"),
        outputs: header.number("num_tree_per_iteration")?,
        features: features(&header)?,
        pandas_categories: pandas_categories(&rest)?,
        trees,
    })
}

fn malformed(line: usize, message: impl std::fmt::Display) -> ReadError {
    ReadError::Malformed(format!("line {line}: {message}"))
}

/// The `key=value` lines up to a blank one.
struct Paragraph<'a> {
    first_line: usize,
    entries: BTreeMap<&'a str, (usize, &'a str)>,
}

impl<'a> Paragraph<'a> {
    fn read(lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<Self, ReadError> {
        let mut paragraph = Self { first_line: 0, entries: BTreeMap::new() };
        for (line, text) in lines.by_ref().take_while(|(_, text)| !text.is_empty()) {
            if paragraph.first_line == 0 {
                paragraph.first_line = line;
            }
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            if paragraph.entries.insert(key, (line, value)).is_some() {
                return Err(malformed(line, format!("`{key}` occurs twice in one paragraph")));
            }
        }
        Ok(paragraph)
    }

    fn get(&self, key: &str) -> Result<(usize, &'a str), ReadError> {
        let absent = || malformed(self.first_line, format!("the paragraph that begins here has no `{key}`"));
        self.entries.get(key).copied().ok_or_else(absent)
    }

    fn text(&self, key: &str) -> Result<&'a str, ReadError> {
        self.get(key).map(|(_, value)| value)
    }

    fn number<T: FromStr>(&self, key: &str) -> Result<T, ReadError> {
        let (line, value) = self.get(key)?;
        value.parse().map_err(|_| malformed(line, format!("`{key}` is `{value}`, which is not a number it can be")))
    }

    fn numbers<T: FromStr>(&self, key: &str) -> Result<Vec<T>, ReadError> {
        let (line, values) = self.get(key)?;
        let parse =
            |word: &str| word.parse().map_err(|_| malformed(line, format!("`{key}` holds `{word}`, which is not a number it can hold")));
        values.split_whitespace().map(parse).collect()
    }

    /// As many numbers as `count`.
    fn array<T: FromStr>(&self, key: &str, count: usize) -> Result<Vec<T>, ReadError> {
        let (line, _) = self.get(key)?;
        let values = self.numbers(key)?;
        if values.len() == count {
            return Ok(values);
        }
        Err(malformed(line, format!("`{key}` holds {} numbers where {count} are expected", values.len())))
    }
}

fn features(header: &Paragraph<'_>) -> Result<Vec<FileFeature>, ReadError> {
    let (line, names) = header.get("feature_names")?;
    let (infos_line, infos) = header.get("feature_infos")?;
    let (names, infos): (Vec<&str>, Vec<&str>) = (names.split_whitespace().collect(), infos.split_whitespace().collect());
    let last: usize = header.number("max_feature_idx")?;
    if last.checked_add(1) != Some(names.len()) {
        return Err(malformed(line, format!("{} feature names, but `max_feature_idx` is {last}", names.len())));
    }
    if infos.len() != names.len() {
        return Err(malformed(infos_line, format!("`feature_infos` tells of {} features, but {} have names", infos.len(), names.len())));
    }
    let feature = |(name, info): (&str, &str)| {
        let unclear = || malformed(infos_line, format!("`{info}` does not describe feature `{name}`"));
        Ok(FileFeature { name: name.into(), declared: declared(info).ok_or_else(unclear)? })
    };
    names.into_iter().zip(infos).map(feature).collect()
}

/// `[least:largest]`, category codes between colons, or `none`.
fn declared(info: &str) -> Option<Declared> {
    if info == "none" {
        return Some(Declared::Unused);
    }
    if let Some(range) = info.strip_prefix('[') {
        let (least, largest) = range.strip_suffix(']')?.split_once(':')?;
        return Some(Declared::numeric(least.parse().ok()?, largest.parse().ok()?));
    }
    let codes = info.split(':').map(|code| code.parse().ok()).collect::<Option<Vec<i64>>>()?;
    Some(Declared::categorical(codes.into_iter()))
}

/// The last line of this name counts, as for LightGBM's Python package.
fn pandas_categories(lines: &[(usize, &str)]) -> Result<Vec<Vec<String>>, ReadError> {
    let found = lines.iter().rev().find_map(|(line, text)| Some((*line, text.strip_prefix("pandas_categorical:")?)));
    let Some((line, json)) = found else { return Ok(Vec::new()) };
    let lists = serde_json::from_str(json).map_err(|error| malformed(line, format!("`pandas_categorical`: {error}")))?;
    Ok(category_names(lists))
}

fn tree(paragraph: &Paragraph<'_>) -> Result<FileTree, ReadError> {
    let leaves: usize = paragraph.number("num_leaves")?;
    let Some(splits) = leaves.checked_sub(1) else {
        return Err(malformed(paragraph.first_line, "the tree that begins here has no leaves"));
    };
    let values: Vec<f64> = paragraph.array("leaf_value", leaves)?;
    let values = values.into_iter().zip(linear_leaves(paragraph, leaves)?);
    let counted = paragraph.entries.contains_key("leaf_count") && paragraph.entries.contains_key("internal_count");
    if splits == 0 {
        // The array is empty where LightGBM has not counted.
        let counts: Vec<f64> = if counted { paragraph.numbers("leaf_count")? } else { Vec::new() };
        let count = counts.first().copied().unwrap_or(0.0);
        return Ok(FileTree::new(values.map(|(value, linear)| FileNode::Leaf { value, count, linear }).collect(), counted));
    }
    let counts = |key, count| if counted { paragraph.array(key, count) } else { Ok(vec![0.0; count]) };
    let (split_counts, leaf_counts) = (counts("internal_count", splits)?, counts("leaf_count", leaves)?);
    let mut nodes = split_nodes(paragraph, &split_counts)?;
    nodes.extend(values.zip(leaf_counts).map(|((value, linear), count)| FileNode::Leaf { value, count, linear }));
    Ok(FileTree::new(nodes, counted))
}

/// The leaves' linear functions: constants, numbers of terms, then all leaves' features and coefficients one after another.
fn linear_leaves(paragraph: &Paragraph<'_>, leaves: usize) -> Result<Vec<Option<LinearLeaf>>, ReadError> {
    if paragraph.entries.get("is_linear").is_none_or(|(_, flag)| *flag == "0") {
        return Ok(vec![None; leaves]);
    }
    let constants: Vec<f64> = paragraph.array("leaf_const", leaves)?;
    let sizes: Vec<usize> = paragraph.array("num_features", leaves)?;
    let total = sizes.iter().try_fold(0_usize, |total, size| total.checked_add(*size)).unwrap_or(usize::MAX);
    let features: Vec<usize> = paragraph.array("leaf_features", total)?;
    let coefficients: Vec<f64> = paragraph.array("leaf_coeff", total)?;
    let mut terms = features.into_iter().zip(coefficients);
    let leaf = |(constant, size)| Some(LinearLeaf { constant, terms: terms.by_ref().take(size).collect() });
    Ok(constants.into_iter().zip(sizes).map(leaf).collect())
}

/// The splits, with leaves numbered after them.
fn split_nodes(paragraph: &Paragraph<'_>, counts: &[f64]) -> Result<Vec<FileNode>, ReadError> {
    let splits = counts.len();
    let features: Vec<usize> = paragraph.array("split_feature", splits)?;
    let thresholds: Vec<f64> = paragraph.array("threshold", splits)?;
    let decisions: Vec<u8> = paragraph.array("decision_type", splits)?;
    let (lefts, rights): (Vec<i64>, Vec<i64>) = (paragraph.array("left_child", splits)?, paragraph.array("right_child", splits)?);
    let mut sets = category_sets(paragraph)?;
    let child = |child: i64| usize::try_from(child).unwrap_or(splits.saturating_add(usize::try_from(!child).unwrap_or(usize::MAX)));
    let mut nodes = Vec::with_capacity(2 * splits + 1);
    let arrays = features.into_iter().zip(thresholds).zip(decisions).zip(lefts.into_iter().zip(rights)).zip(counts);
    for ((((feature, threshold), decision), (left, right)), count) in arrays {
        let fail =
            |message: String| malformed(paragraph.first_line, format!("in the tree that begins here, node {}: {message}", nodes.len()));
        let missing = match decision >> 2 {
            0 => MissingType::None,
            1 => MissingType::Zero,
            2 => MissingType::Nan,
            _ => return Err(fail(format!("decision type {decision} does not exist"))),
        };
        let rule = if decision & CATEGORICAL == 0 {
            Rule::LessOrEqual(threshold)
        } else {
            // Every set belongs to one split, so that sets together are no larger than the file that lists them.
            let set = sets.get_mut(threshold as usize).filter(|_| threshold >= 0.0 && threshold.fract() == 0.0).and_then(Option::take);
            Rule::In(set.ok_or_else(|| fail(format!("category set {threshold} does not exist, or another split has it")))?)
        };
        let default_left = decision & DEFAULT_LEFT != 0;
        nodes.push(FileNode::Split(FileSplit {
            feature,
            rule,
            missing,
            default_left,
            left: child(left),
            right: child(right),
            count: *count,
        }));
    }
    Ok(nodes)
}

/// The tree's category sets: set i holds the bits of the words from boundary i to boundary i + 1.
fn category_sets(paragraph: &Paragraph<'_>) -> Result<Vec<Option<CategorySet>>, ReadError> {
    let sets: usize = paragraph.number("num_cat")?;
    if sets == 0 {
        return Ok(Vec::new());
    }
    let words: Vec<u32> = paragraph.numbers("cat_threshold")?;
    let boundaries: Vec<usize> = paragraph.numbers("cat_boundaries")?;
    let fits = boundaries.first() == Some(&0) && boundaries.is_sorted() && boundaries.last() == Some(&words.len());
    if !fits || sets.checked_add(1) != Some(boundaries.len()) {
        let message = format!("`cat_boundaries` does not divide the {} words of `cat_threshold` into {sets} sets", words.len());
        return Err(malformed(paragraph.get("cat_boundaries")?.0, message));
    }
    let set = |pair: &[usize]| Some(words[pair[0]..pair[1]].iter().enumerate().flat_map(|(at, word)| codes(at, *word)).collect());
    Ok(boundaries.windows(2).map(set).collect())
}

/// The codes of a word's bits; codes beyond `u32` are beyond what LightGBM looks up, too.
fn codes(at: usize, word: u32) -> impl Iterator<Item = u32> {
    (0..32).filter(move |bit| word >> bit & 1 == 1).filter_map(move |bit| u32::try_from(32 * at + bit).ok())
}
