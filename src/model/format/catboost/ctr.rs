//! Target statistics of a single categorical feature (CTRs): a number for each category, in CatBoost's own f32.
//!
//! Such a CTR is a function of one category, so a comparison of it with a border is a set of categories.

use std::collections::BTreeMap;

use super::document::{Combination, Ctr, CtrKind, Document, Table};
use super::features::name;
use crate::model::error::ReadError;

/// Multiplier of CatBoost's hash of combinations: `h ← M · (h + M · category)`, modulo 2⁶⁴.
const MULTIPLIER: u64 = 0x4906_ba49_4954_cb65;
/// Marks a place without a category.
const NO_HASH: u64 = u64::MAX;

/// A CTR's value for each category that it knows, and for all others.
#[derive(Debug)]
pub(super) struct CtrValues {
    /// Index of the categorical feature.
    pub feature: usize,
    /// By the hash of the category's text.
    pub known: BTreeMap<u32, f32>,
    pub unknown: f32,
}

impl CtrValues {
    /// The values of a CTR of `document`.
    pub fn of(ctr: &Ctr, document: &Document) -> Result<Self, ReadError> {
        let feature = single(&ctr.source, document)?;
        let malformed = |message: &str| ReadError::Malformed(format!("CTR of feature {}: {message}", named(document, feature)));
        let table = document.tables.get(&(ctr.source.clone(), ctr.kind));
        let table = table.ok_or_else(|| malformed("the file does not hold its table"))?;
        if !ctr.fits(table) {
            return Err(malformed(&format!("a table of {} numbers for each category is not one of its kind", table.width)));
        }
        let mut known = BTreeMap::new();
        for (hash, row) in table.categories.iter().filter(|(hash, _)| *hash != NO_HASH) {
            let counts = row.checked_mul(table.width).and_then(|at| table.counts.get(at..at.checked_add(table.width)?));
            let counts = counts.ok_or_else(|| malformed(&format!("row {row} of its table does not exist")))?;
            known.insert(category(*hash).map_err(malformed)?, ctr.value(counts, table.denominator));
        }
        let unknown = ctr.value(&vec![0.0; table.width], table.denominator);
        Ok(Self { feature, known, unknown })
    }
}

impl Ctr {
    fn fits(&self, table: &Table) -> bool {
        match self.kind {
            CtrKind::Borders => self.target_border.checked_add(1).is_some_and(|class| class < table.width),
            CtrKind::Buckets => self.target_border < table.width,
            CtrKind::BinarizedTargetMeanValue | CtrKind::FloatTargetMeanValue => table.width == 2,
            CtrKind::Counter | CtrKind::FeatureFreq => table.width == 1,
        }
    }

    /// (good + prior) / (all + prior's weight), shifted and scaled, in f32; `counts` fits (see [`Self::fits`]).
    fn value(&self, counts: &[f64], denominator: i32) -> f32 {
        let (good, all) = match self.kind {
            CtrKind::Borders => (counts[self.target_border + 1], counts[0]),
            CtrKind::Buckets => (counts[self.target_border] - counts.get(self.target_border + 1).unwrap_or(&0.0), counts[0]),
            CtrKind::BinarizedTargetMeanValue | CtrKind::FloatTargetMeanValue => (counts[0], counts[1]),
            CtrKind::Counter | CtrKind::FeatureFreq => (counts[0], f64::from(denominator)),
        };
        let share = (good as f32 + self.prior_numerator) / (all as f32 + self.prior_denominator);
        (share + self.shift) * self.scale
    }
}

/// The hash of a category's text, from that of the combination which it alone makes up.
fn category(combination: u64) -> Result<u32, &'static str> {
    let inverse = inverse(MULTIPLIER);
    let category = combination.wrapping_mul(inverse).wrapping_mul(inverse).cast_signed();
    i32::try_from(category).map(i32::cast_unsigned).map_err(|_| "the table's categories are not those of one feature")
}

/// The inverse of an odd number modulo 2⁶⁴, by Newton's iteration: each step doubles the bits that are right, of which 3 are to begin with.
fn inverse(odd: u64) -> u64 {
    (0..5).fold(odd, |inverse, _| inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse))))
}

/// The one feature of a CTR.
fn single(source: &Combination, document: &Document) -> Result<usize, ReadError> {
    match source {
        Combination { categoricals, floats, one_hots } if floats.is_empty() && one_hots.is_empty() => match categoricals[..] {
            [feature] if feature < document.categoricals.len() => return Ok(feature),
            [feature] => return Err(ReadError::Malformed(format!("a CTR is of categorical feature {feature}, which does not exist"))),
            _ => {}
        },
        _ => {}
    }
    let categoricals = source.categoricals.iter().chain(&source.one_hots).map(|feature| named(document, *feature));
    let floats =
        source.floats.iter().map(|float| document.floats.get(*float).map_or("?".into(), |feature| format!("`{}`", name(&feature.place))));
    let mut names: Vec<String> = categoricals.chain(floats).collect();
    names.dedup();
    Err(ReadError::Unsupported(format!(
        "it splits on statistics of the combination of {} (a CTR of several features at once), which belongs to none of them alone; \
         train with max_ctr_complexity=1, so that statistics are of single features",
        names.join(", ")
    )))
}

fn named(document: &Document, feature: usize) -> String {
    document.categoricals.get(feature).map_or("?".into(), |place| format!("`{}`", name(place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes of `cat_features_hash` and of `ctr_data`, from a model that CatBoost 1.2.10 wrote.
    #[test]
    fn a_combination_of_one_category_gives_its_hash_back() {
        assert_eq!(inverse(MULTIPLIER).wrapping_mul(MULTIPLIER), 1);
        let combine = |category: u32| MULTIPLIER.wrapping_mul(MULTIPLIER).wrapping_mul(i64::from(category.cast_signed()).cast_unsigned());
        for hash in [3_052_168_893, 593_172_586, 0, u32::MAX] {
            assert_eq!(category(combine(hash)), Ok(hash));
        }
        let mut found =
            [12_397_218_947_374_946_856, 8_457_219_063_001_154_763, 913_873_132_368_746_293].map(|hash| category(hash).unwrap());
        found.sort_unstable();
        assert_eq!(found, [3_052_168_893, 3_055_766_120, 3_431_880_003]); // red, grün, blue
        assert!(category(1).is_err());
    }
}
