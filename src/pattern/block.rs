//! A block of rows as ranks, and the 64-bit words of decisions that a tree's splits make on them.

use super::cuts::{Axis, Cuts, Test};
use crate::dataset::FeatureBlock;
use crate::model::{Forest, Split};

/// Rows in a block.
pub(super) const BLOCK: usize = 256;
/// Values between the columns of a block's output: a cache line more than its rows, since columns at a power of two would all fall into
/// the same few sets of the cache.
pub(super) const STRIDE: usize = BLOCK + 8;
/// Words that hold one bit a row of a block.
pub(super) const WORDS: usize = BLOCK / 64;
/// One bit for each row of a block.
pub(super) type Word = [u64; WORDS];

/// Values in a line of the cache.
pub(super) const CACHE_LINE: usize = 8;

/// Where the first whole line of the cache starts in a slice, at most [`CACHE_LINE`] values on: a load or store that straddles two lines costs
/// two.
pub(super) fn first_line(values: &[f64]) -> usize {
    values.as_ptr().align_offset(CACHE_LINE * size_of::<f64>()).min(CACHE_LINE)
}

/// Where a feature's ranks, or its classes' membership words, are in a [`RankBlock`].
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Unused,
    /// Two byte columns: missing as 255, missing as 0.
    Narrow(usize),
    /// Two u16 columns, likewise.
    Wide(usize),
    /// One word a class, then the word of missing rows.
    Classes {
        first: usize,
        classes: usize,
    },
}

/// Where every feature is in the blocks of one forest.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    places: Vec<Place>,
    narrow: usize,
    wide: usize,
    words: usize,
}

/// One split's test, with the place of its operand.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    /// Byte column ≤ cut.
    Narrow { column: u32, cut: u8 },
    /// u16 column ≤ cut.
    Wide { column: u32, cut: u16 },
    /// In any of these membership words.
    Union(Box<[u32]>),
}

impl Layout {
    /// Lays out the axes of `cuts`: bytes where they suffice.
    pub(super) fn new(cuts: &Cuts) -> Self {
        let (mut narrow, mut wide, mut words) = (0, 0, 0);
        let places = (0..cuts.features()).map(|feature| match cuts.axis(feature) {
            Axis::Unused => Place::Unused,
            Axis::Numeric(ladder) if ladder.keys().len() <= usize::from(u8::MAX) => {
                narrow += 2;
                Place::Narrow(narrow - 2)
            }
            Axis::Numeric(_) => {
                wide += 2;
                Place::Wide(wide - 2)
            }
            Axis::Categorical { classes, .. } => {
                words += classes + 1;
                Place::Classes { first: words - classes - 1, classes: *classes }
            }
        });
        let places = places.collect();
        Self { places, narrow, wide, words }
    }

    /// Bytes of a block.
    pub(super) fn bytes(&self) -> usize {
        (self.narrow + 2 * self.wide) * BLOCK + self.words * size_of::<Word>()
    }

    /// The operation for a split's test.
    pub(super) fn op(&self, cuts: &Cuts, split: &Split) -> Op {
        let column = |first: usize| (first + usize::from(split.missing_left)) as u32;
        match (cuts.test(split), self.places[split.feature]) {
            (Test::AtMost(cut), Place::Narrow(first)) => Op::Narrow { column: column(first), cut: cut as u8 },
            (Test::AtMost(cut), Place::Wide(first)) => Op::Wide { column: column(first), cut },
            (Test::Classes(classes), Place::Classes { first, classes: count }) => {
                let missing = split.missing_left.then_some((first + count) as u32);
                Op::Union(classes.into_iter().map(|class| (first + usize::from(class)) as u32).chain(missing).collect())
            }
            (test, place) => unreachable!("a test {test:?} on a feature laid out as {place:?}"),
        }
    }
}

/// A value a row, in whole lines of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Lines<T>([T; BLOCK]);

/// The ranks of up to [`BLOCK`] rows; rows beyond the last are as the rank 0.
#[derive(Clone, Debug)]
pub(super) struct RankBlock {
    rows: usize,
    bytes: Vec<Lines<u8>>,
    shorts: Vec<Lines<u16>>,
    words: Vec<Word>,
}

impl RankBlock {
    /// An empty block of a layout, to be filled again and again.
    pub(super) fn new(layout: &Layout) -> Self {
        Self {
            rows: 0,
            bytes: vec![Lines([0; BLOCK]); layout.narrow],
            shorts: vec![Lines([0; BLOCK]); layout.wide],
            words: vec![[0; WORDS]; layout.words],
        }
    }

    /// Quantises rows `first..first + rows` of `block`, `rows` ≤ [`BLOCK`].
    pub(super) fn fill(&mut self, forest: &Forest, cuts: &Cuts, layout: &Layout, block: &FeatureBlock, first: usize, rows: usize) {
        self.rows = rows;
        let mut ranks = [0_u16; BLOCK];
        for (feature, place) in layout.places.iter().enumerate() {
            if *place == Place::Unused {
                continue;
            }
            let ranks = &mut ranks[..rows];
            cuts.ranks(forest, block, feature, first, ranks);
            match *place {
                Place::Unused => {}
                Place::Narrow(at) => {
                    let [Lines(right), Lines(left)] = &mut self.bytes[at..at + 2] else { continue };
                    for (row, rank) in ranks.iter().enumerate() {
                        let missing = *rank == u16::MAX;
                        right[row] = if missing { u8::MAX } else { *rank as u8 };
                        left[row] = if missing { 0 } else { *rank as u8 };
                    }
                }
                Place::Wide(at) => {
                    let [Lines(right), Lines(left)] = &mut self.shorts[at..at + 2] else { continue };
                    for (row, rank) in ranks.iter().enumerate() {
                        right[row] = *rank;
                        left[row] = if *rank == u16::MAX { 0 } else { *rank };
                    }
                }
                Place::Classes { first: at, classes } => {
                    let members = &mut self.words[at..at + classes + 1];
                    members.fill([0; WORDS]);
                    for (row, rank) in ranks.iter().enumerate() {
                        let class = usize::from(*rank).min(classes);
                        members[class][row / 64] |= 1 << (row % 64);
                    }
                }
            }
        }
    }

    /// Words that hold a bit of some row.
    pub(super) fn words(&self) -> usize {
        self.rows.div_ceil(64)
    }

    /// A byte column.
    #[inline(always)]
    pub(super) fn narrow(&self, column: u32) -> &[u8; BLOCK] {
        &self.bytes[column as usize].0
    }

    /// A u16 column.
    #[inline(always)]
    pub(super) fn wide(&self, column: u32) -> &[u16; BLOCK] {
        &self.shorts[column as usize].0
    }

    /// Rows that are in any of these membership words.
    #[inline(always)]
    pub(super) fn union(&self, members: &[u32]) -> Word {
        members.iter().fold([0; WORDS], |mut word, member| {
            word.iter_mut().zip(&self.words[*member as usize]).for_each(|(word, member)| *word |= member);
            word
        })
    }
}
