//! Categories by name: from text to the codes that a model's splits test.

use std::collections::{BTreeMap, HashMap};

use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, StringArray};
use arrow_schema::DataType;

use crate::numeric::city_hash::city_hash64;

/// The code of a category that the model does not know: 2³², beyond every category set.
///
/// It is exact in binary32 and no code at all to any library (XGBoost's codes end at 2²⁴, others at 2³¹), so a split on a set sees a
/// value that is in none.
pub const UNKNOWN_CATEGORY: f64 = 4_294_967_296.0;

/// How many different unknown names are kept for a column.
const KEPT_NAMES: usize = 100;

/// Category names in code order, and the way back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Categories {
    names: Vec<String>,
    codes: Codes,
}

/// What a category's code is found by.
#[derive(Clone, Debug, PartialEq)]
enum Codes {
    Name(HashMap<String, f64>),
    Hash(HashMap<u32, f64>),
}

impl Categories {
    /// Fails with the name that is there twice.
    pub(super) fn new(names: Vec<String>) -> Result<Self, String> {
        let mut codes = HashMap::with_capacity(names.len());
        for (code, name) in names.iter().enumerate() {
            if codes.insert(name.clone(), code as f64).is_some() {
                return Err(name.clone());
            }
        }
        Ok(Self { names, codes: Codes::Name(codes) })
    }

    /// Categories known by the hashes of their texts; those of the `texts` that have one of the hashes become its name.
    pub(super) fn hashed(mut names: Vec<String>, hashes: &[u32], texts: &[String]) -> Self {
        let codes: HashMap<u32, usize> = hashes.iter().enumerate().map(|(code, hash)| (*hash, code)).collect();
        for text in texts {
            if let Some(name) = codes.get(&hash(text)).and_then(|code| names.get_mut(*code)) {
                name.clone_from(text);
            }
        }
        Self { names, codes: Codes::Hash(codes.into_iter().map(|(hash, code)| (hash, code as f64)).collect()) }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Writes the codes of `column` to `out`, NaN for nulls; unknown names are counted.
    pub(super) fn encode(&self, column: &DictionaryArray<Int32Type>, names: &StringArray, out: &mut [f64], unseen: &mut UnseenColumn) {
        // A batch may use a small part of its row group's dictionary: names are looked up when they first occur.
        let mut codes: Vec<Option<f64>> = vec![None; names.len()];
        for (out, key) in out.iter_mut().zip(column.keys()) {
            let Some(key) = key.map(|key| key as usize).filter(|&key| names.is_valid(key)) else {
                *out = f64::NAN;
                continue;
            };
            *out = *codes[key].get_or_insert_with(|| self.code(names.value(key)));
            if *out == UNKNOWN_CATEGORY {
                unseen.add(names.value(key), 1);
            }
        }
    }

    /// Counts those of a column's codes that no name belongs to.
    pub(super) fn check_codes(&self, codes: &[f64], unseen: &mut UnseenColumn) {
        let known = 0.0..self.names.len() as f64;
        for code in codes.iter().filter(|code| !code.is_nan() && !known.contains(code)) {
            let name = format!("{code:?}");
            unseen.add(name.strip_suffix(".0").unwrap_or(&name), 1);
        }
    }

    /// Writes the codes of numbers that are categories themselves; unknown ones are counted.
    pub(super) fn encode_numbers(&self, values: &mut [f64], unseen: &mut UnseenColumn) {
        for value in values.iter_mut().filter(|value| !value.is_nan()) {
            let name = format!("{:?}", *value + 0.0);
            *value = self.code(&name);
            if *value == UNKNOWN_CATEGORY {
                unseen.add(&name, 1);
            }
        }
    }

    /// Whether a column of this type holds the categories themselves, not their codes.
    pub(super) fn are_values_of(&self, data_type: &DataType) -> bool {
        match data_type {
            DataType::Boolean => self.names.iter().all(|name| name == "true" || name == "false"),
            integer if integer.is_integer() => self.are_integers() || self.are_floats(),
            floating => floating.is_floating() && self.are_floats(),
        }
    }

    fn are_integers(&self) -> bool {
        self.names.iter().all(|name| name.parse::<i64>().is_ok())
    }

    /// Whether the categories are numbers that Rust writes as floats: `10.0`, but not `10`.
    pub(super) fn are_floats(&self) -> bool {
        self.names.iter().all(|name| name.parse::<f64>().is_ok_and(|value| format!("{value:?}") == *name))
    }

    fn code(&self, name: &str) -> f64 {
        let code = match &self.codes {
            Codes::Name(codes) => codes.get(name),
            Codes::Hash(codes) => codes.get(&hash(name)),
        };
        code.copied().unwrap_or(UNKNOWN_CATEGORY)
    }
}

/// The lower half of a text's CityHash64.
fn hash(text: &str) -> u32 {
    city_hash64(text.as_bytes()) as u32
}

/// Categories in the data that the model does not know, by column. Splits treat them as in none of their sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnseenCategories {
    /// Columns that have any.
    pub columns: BTreeMap<String, UnseenColumn>,
}

/// One column's unknown categories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnseenColumn {
    /// Rows with an unknown category.
    pub rows: u64,
    /// Rows by name, for the first 100 names.
    pub names: BTreeMap<String, u64>,
}

impl UnseenCategories {
    /// Whether every category was known.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Adds those of later rows. Merged in row order, the result is the same for any number of threads.
    pub fn merge(&mut self, later: Self) {
        for (column, unseen) in later.columns {
            let mine = self.columns.entry(column).or_default();
            mine.rows += unseen.rows;
            for (name, rows) in unseen.names {
                mine.keep(&name, rows);
            }
        }
    }
}

impl UnseenColumn {
    fn add(&mut self, name: &str, rows: u64) {
        self.rows += rows;
        self.keep(name, rows);
    }

    fn keep(&mut self, name: &str, rows: u64) {
        if let Some(count) = self.names.get_mut(name) {
            *count += rows;
        } else if self.names.len() < KEPT_NAMES {
            self.names.insert(name.to_string(), rows);
        }
    }
}
