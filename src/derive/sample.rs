//! A sample of rows that streams and merges: the rows with the smallest hashes.

use crate::numeric::seed;

/// The `size` rows whose hash of (seed, purpose, row index) is smallest: a simple random sample that depends on nothing else, so neither on
/// chunks nor on threads (bottom-k; Cohen & Kaplan 2007).
#[derive(Clone, Debug)]
pub(super) struct BottomK<T> {
    size: usize,
    drawn: Vec<Drawn<T>>,
}

#[derive(Clone, Debug)]
struct Drawn<T> {
    hash: u64,
    index: u64,
    row: T,
}

impl<T> BottomK<T> {
    /// Of at most `size` rows, none yet.
    pub fn new(size: usize) -> Self {
        Self { size, drawn: Vec::new() }
    }

    /// Adds `count` consecutive rows from `first` on; `row` makes what is kept of the one at a place among them.
    pub fn absorb(&mut self, purpose: (u64, &str), first: u64, count: usize, row: impl Fn(usize) -> T) {
        self.absorb_some(purpose, first, 0..count, row);
    }

    /// Adds some of the rows from `first` on, by their places.
    pub fn absorb_some(
        &mut self,
        (seed, purpose): (u64, &str),
        first: u64,
        places: impl IntoIterator<Item = usize>,
        row: impl Fn(usize) -> T,
    ) {
        let hashed = |place: usize| (seed::derive(seed, purpose, first + place as u64), place);
        let mut candidates: Vec<(u64, usize)> = places.into_iter().map(hashed).collect();
        if candidates.len() > self.size {
            candidates.select_nth_unstable(self.size);
            candidates.truncate(self.size);
        }
        self.drawn.extend(candidates.into_iter().map(|(hash, place)| Drawn { hash, index: first + place as u64, row: row(place) }));
        self.shrink();
    }

    /// Adds the sample of other rows.
    pub fn merge(&mut self, other: Self) {
        self.drawn.extend(other.drawn);
        self.shrink();
    }

    fn shrink(&mut self) {
        if self.drawn.len() > self.size {
            self.drawn.select_nth_unstable_by_key(self.size, |drawn| (drawn.hash, drawn.index));
            self.drawn.truncate(self.size);
        }
    }

    /// The sampled rows in the order of the data.
    pub fn into_rows(mut self) -> Vec<T> {
        self.drawn.sort_by_key(|drawn| drawn.index);
        self.drawn.into_iter().map(|drawn| drawn.row).collect()
    }
}
