//! Categories by name: from text to the codes that a model's splits test.

use std::collections::{BTreeMap, HashMap};

use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, StringArray};
use arrow_schema::DataType;

use super::CategoryHashes;
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
    /// Codes from `unseen` on are of categories that the model has not seen.
    Hash {
        codes: HashMap<u32, f64>,
        unseen: f64,
    },
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

    /// Categories known by the hashes of their texts. A text in the data or the config becomes the name of the category with its hash;
    /// other texts get codes of their own beyond, which no split knows, so that reports can name them too.
    pub(super) fn hashed(mut names: Vec<String>, hashes: &CategoryHashes, texts: impl IntoIterator<Item = String>) -> Self {
        let known = hashes.by_code.len();
        let mut codes: HashMap<u32, usize> = hashes.by_code.iter().enumerate().map(|(code, hash)| (*hash, code)).collect();
        for text in texts {
            let beyond = names.len();
            match *codes.entry(hash(&text)).or_insert(beyond) {
                code if code == beyond => names.push(text),
                code if code < known => names[code] = text,
                _ => {}
            }
        }
        let unseen = if hashes.complete { known as f64 } else { f64::INFINITY };
        Self { names, codes: Codes::Hash { codes: codes.into_iter().map(|(hash, code)| (hash, code as f64)).collect(), unseen } }
    }

    /// The hashes of all names, of categories known by hash.
    pub(super) fn hashes(&self, complete: bool) -> CategoryHashes {
        let mut by_code = vec![0; self.names.len()];
        if let Codes::Hash { codes, .. } = &self.codes {
            codes.iter().for_each(|(hash, code)| by_code[*code as usize] = *hash);
        }
        CategoryHashes { by_code, complete }
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
            if self.is_unseen(*out) {
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
            Codes::Hash { codes, .. } => codes.get(&hash(name)),
        };
        code.copied().unwrap_or(UNKNOWN_CATEGORY)
    }

    fn is_unseen(&self, code: f64) -> bool {
        match self.codes {
            Codes::Name(_) => code == UNKNOWN_CATEGORY,
            Codes::Hash { unseen, .. } => code >= unseen,
        }
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
