//! Coalitions of features, a bit each, 128 to a word.

use crate::pattern::block::{BLOCK, WORDS, Word};

/// Sets of known features, for [`ValueFunction::values`](super::ValueFunction::values).
#[derive(Clone, Debug, PartialEq)]
pub struct Coalitions {
    features: usize,
    count: usize,
    /// Coalitions that hold a feature, `block · features + feature`.
    words: Vec<Word>,
}

impl Coalitions {
    /// `count` empty coalitions of a model with `features` features.
    pub fn new(features: usize, count: usize) -> Self {
        Self { features, count, words: vec![[0; WORDS]; features * count.div_ceil(BLOCK)] }
    }

    /// Adds a feature to a coalition.
    pub fn insert(&mut self, coalition: usize, feature: usize) {
        assert!(coalition < self.count && feature < self.features, "coalition {coalition} of {}, feature {feature}", self.count);
        let place = coalition % BLOCK;
        self.words[coalition / BLOCK * self.features + feature][place / 64] |= 1 << (place % 64);
    }

    /// Of each coalition the features that it lacks.
    pub(super) fn complements(&self) -> Self {
        Self { words: self.words.iter().map(|word| word.map(|bits| !bits)).collect(), ..*self }
    }

    /// Number of coalitions.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Number of features.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The words of a block of coalitions, one a feature.
    pub(super) fn block(&self, block: usize) -> &[Word] {
        &self.words[block * self.features..][..self.features]
    }

    /// One bit for each coalition of a block.
    pub(super) fn present(&self, block: usize) -> Word {
        let left = self.count - block * BLOCK;
        std::array::from_fn(|word| match left.saturating_sub(word * 64) {
            0 => 0,
            bits @ 1..64 => (1 << bits) - 1,
            _ => u64::MAX,
        })
    }
}
