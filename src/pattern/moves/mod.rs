//! How margins change as single features of rows move to known values: many rows and all features in one pass over the leaves.
//!
//! A leaf whose conditions a row fails only on the moved feature gains the row where its condition there holds at the new value; a leaf that
//! the row is in loses it where that condition fails. Nothing else changes. At which of the known values a condition holds is found once,
//! so no tree is walked for any of them.

mod curves;
mod steps;

use std::sync::Arc;

use super::block::{WORDS, Word};
use super::boxes::Boxes;
use super::engine::PatternError;
use super::kernel::InstructionSet;
use super::program::Program;
use super::shape::{Shape, leaf_values};
use super::sweep::Literal;
use crate::dataset::FeatureBlock;
use crate::model::{Forest, Tree};

pub use steps::{Changes, Steps, Targets};

/// A feature and the values that it moves to.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// The feature.
    pub feature: usize,
    /// The values; NaN is missing.
    pub points: Vec<f64>,
}

/// A forest against known values of some features.
#[derive(Debug)]
pub struct Moves {
    shape: Shape,
    tracks: Vec<Track>,
    trees: Vec<MovedTree>,
}

/// A tree's word operations, the conditions of its leaves, each once, and its leaves.
#[derive(Debug)]
struct MovedTree {
    program: Program,
    conditions: Vec<MovedCondition>,
    leaves: Vec<MovedLeaf>,
}

/// A condition on a feature.
#[derive(Debug)]
struct MovedCondition {
    holds: Literal,
    /// The feature's track, where it has one.
    track: Option<usize>,
    /// Whether it holds at each of the track's points.
    inside: Box<[bool]>,
}

/// A leaf.
#[derive(Debug)]
struct MovedLeaf {
    /// Its conditions among the tree's, one a feature.
    conditions: Box<[u32]>,
    /// Outputs and scaled values.
    values: Vec<(usize, f64)>,
}

/// A condition's feature, and where it is in a tree's slots.
type Place = (usize, (u32, bool));

/// The rows of a block that matter to a leaf.
struct Reach {
    /// Those that fail no condition.
    none: Word,
    /// Those that fail one.
    one: Word,
}

impl Moves {
    /// Of a forest along these tracks, of different features.
    ///
    /// # Errors
    /// If the forest exceeds what patterns can hold, or has linear leaves.
    pub fn new(forest: &Arc<Forest>, tracks: Vec<Track>) -> Result<Self, PatternError> {
        let shape = Shape::new(Arc::clone(forest), InstructionSet::fastest())?;
        let mut track_of = vec![None; forest.features.len()];
        tracks.iter().enumerate().for_each(|(number, track)| track_of[track.feature] = Some(number));
        let points = points(&tracks, forest.features.len());
        let grid = shape.rank_blocks(&points, 0, points.rows());
        let mut slots = vec![Vec::new(); grid.len()];
        let compile = |tree: &Tree| {
            let boxes = Boxes::new(tree);
            let mut program = Program::new(&boxes, &shape.cuts, &shape.layout);
            let (mut literals, mut leaves): (Vec<Place>, Vec<MovedLeaf>) = (Vec::new(), Vec::new());
            for (leaf, node) in boxes.leaf_nodes().into_iter().enumerate() {
                let mut conditions = Vec::new();
                for at in boxes.conditions(node) {
                    let literal = (boxes.edge(at).feature, program.edge(&boxes, at));
                    let known = literals.iter().position(|known| *known == literal);
                    conditions.push(known.unwrap_or(literals.len()) as u32);
                    literals.extend(known.is_none().then_some(literal));
                }
                leaves.push(MovedLeaf { conditions: conditions.into(), values: leaf_values(tree, leaf).collect() });
            }
            grid.iter().zip(&mut slots).for_each(|(ranks, slots)| (shape.kernels.run)(&program, ranks, slots));
            let condition = |(feature, literal): Place| {
                let (holds, track) = (Literal::new(literal), track_of[feature]);
                let at = |point: usize| holds.word(&slots[point / (64 * WORDS)], point / 64 % WORDS) >> (point % 64) & 1 == 1;
                let inside = (0..track.map_or(0, |track| tracks[track].points.len())).map(at).collect();
                MovedCondition { holds, track, inside }
            };
            let conditions = literals.into_iter().map(condition).collect();
            MovedTree { program, conditions, leaves }
        };
        let trees = forest.trees.iter().map(compile).collect();
        Ok(Self { shape, tracks, trees })
    }
}

/// Each track's points in its feature's column; the other values do not matter.
fn points(tracks: &[Track], features: usize) -> FeatureBlock {
    let rows = tracks.iter().map(|track| track.points.len()).max().unwrap_or(0);
    let mut values = vec![0.0; features * rows];
    for track in tracks {
        values[track.feature * rows..][..track.points.len()].copy_from_slice(&track.points);
    }
    FeatureBlock::new(rows, values)
}

/// Where a sequence that starts as false changes, its end, if it ends as true, included.
fn flips(sequence: impl IntoIterator<Item = bool>) -> Box<[u32]> {
    let (mut flips, mut last, mut length) = (Vec::new(), false, 0);
    for now in sequence {
        if now != last {
            flips.push(length);
        }
        (last, length) = (now, length + 1);
    }
    if last {
        flips.push(length);
    }
    flips.into()
}

impl MovedTree {
    /// Which present rows of a block fail each condition.
    fn fails(&self, slots: &[Word], present: &Word, fails: &mut Vec<Word>) {
        fails.clear();
        fails.extend(self.conditions.iter().map(|condition| std::array::from_fn(|w| !condition.holds.word(slots, w) & present[w])));
    }
}

impl MovedLeaf {
    /// Which present rows fail none of its conditions, and which one.
    fn reach(&self, fails: &[Word], present: &Word) -> Reach {
        let (mut once, mut twice) = ([0; WORDS], [0; WORDS]);
        for condition in &self.conditions {
            let fails = &fails[*condition as usize];
            for w in 0..WORDS {
                twice[w] |= once[w] & fails[w];
                once[w] |= fails[w];
            }
        }
        Reach { none: std::array::from_fn(|w| present[w] & !once[w]), one: std::array::from_fn(|w| once[w] & !twice[w]) }
    }
}

/// One bit for each of the first rows of a block.
fn present(rows: usize) -> Word {
    std::array::from_fn(|w| match rows.saturating_sub(64 * w) {
        0 => 0,
        bits @ 1..64 => (1 << bits) - 1,
        _ => u64::MAX,
    })
}

/// The rows of a word's bits.
fn rows(word: Word) -> impl Iterator<Item = usize> {
    word.into_iter().enumerate().flat_map(|(w, mut bits)| {
        std::iter::from_fn(move || {
            let row = 64 * w + bits.trailing_zeros() as usize;
            (bits != 0).then(|| {
                bits &= bits - 1;
                row
            })
        })
    })
}
