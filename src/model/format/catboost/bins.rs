//! The numbering of all yes-or-no questions of a model, by which its trees refer to them.

use super::document::{Ctr, Document, FloatFeature, OneHot};

/// A question; the bit is set where the answer is yes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bin {
    /// Is the float feature of this index above the border?
    Above { float: usize, border: f32 },
    /// Has the categorical feature of this index this hash?
    Equal { categorical: usize, hash: u32 },
    /// Is the CTR of this index above the border?
    Ctr { ctr: usize, border: f32 },
}

/// All questions: of float features, then of single categories, then of CTRs.
pub(super) fn bins(floats: &[FloatFeature], one_hots: &[OneHot], ctrs: &[Ctr]) -> Vec<Bin> {
    let floats =
        floats.iter().enumerate().flat_map(|(float, feature)| feature.borders.iter().map(move |&border| Bin::Above { float, border }));
    let equal = |one_hot: &OneHot| {
        let categorical = one_hot.feature;
        one_hot.hashes.clone().into_iter().map(move |hash| Bin::Equal { categorical, hash })
    };
    let ctrs = ctrs.iter().enumerate().flat_map(|(ctr, values)| values.borders.iter().map(move |&border| Bin::Ctr { ctr, border }));
    floats.chain(one_hots.iter().flat_map(equal)).chain(ctrs).collect()
}

impl Document {
    /// The questions of this model.
    pub fn bins(&self) -> Vec<Bin> {
        bins(&self.floats, &self.one_hots, &self.ctrs)
    }
}
