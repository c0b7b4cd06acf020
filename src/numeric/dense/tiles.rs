//! A matrix in tiles.

use std::ops::Range;

use pulp::Arch;

use super::{Column, TILE, micro};

/// A matrix in tiles of 64 × 64, row of tiles after row of tiles, each column-major; zero beyond its rows and columns.
#[derive(Clone, Debug)]
pub struct Tiles {
    rows: usize,
    columns: usize,
    pub(super) values: Vec<f64>,
}

impl Tiles {
    /// Zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, values: vec![0.0; rows.div_ceil(TILE) * columns.div_ceil(TILE) * TILE * TILE] }
    }

    /// Each element by its row and column.
    pub fn from_fn(rows: usize, columns: usize, element: impl Fn(usize, usize) -> f64) -> Self {
        let mut all = Self::zeros(rows, columns);
        for i in 0..all.tall() {
            for j in 0..all.wide() {
                let (in_row, in_column) = (all.rows_of(i), all.columns_of(j));
                for (column, values) in in_column.zip(all.tile_mut(i, j)) {
                    in_row.clone().zip(values).for_each(|(row, value)| *value = element(row, column));
                }
            }
        }
        all
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// One element.
    pub fn get(&self, row: usize, column: usize) -> f64 {
        self.tile(row / TILE, column / TILE)[column % TILE][row % TILE]
    }

    /// Rows of tiles.
    pub fn tall(&self) -> usize {
        self.rows.div_ceil(TILE)
    }

    /// Columns of tiles.
    pub fn wide(&self) -> usize {
        self.columns.div_ceil(TILE)
    }

    /// The rows of a row of tiles.
    pub fn rows_of(&self, i: usize) -> Range<usize> {
        i * TILE..self.rows.min((i + 1) * TILE)
    }

    /// The columns of a column of tiles.
    pub fn columns_of(&self, j: usize) -> Range<usize> {
        j * TILE..self.columns.min((j + 1) * TILE)
    }

    /// A tile: 64 columns of 64 rows.
    pub fn tile(&self, i: usize, j: usize) -> &[Column] {
        &self.values.as_chunks().0[self.place(i, j)]
    }

    /// The same, to be written; elements beyond the matrix stay zero.
    pub fn tile_mut(&mut self, i: usize, j: usize) -> &mut [Column] {
        let place = self.place(i, j);
        &mut self.values.as_chunks_mut().0[place]
    }

    /// Where the columns of a tile are.
    pub(super) fn place(&self, i: usize, j: usize) -> Range<usize> {
        let first = (i * self.wide() + j) * TILE;
        first..first + TILE
    }

    /// The row of tiles `i` up to the last column.
    pub(super) fn band(&self, i: usize) -> &[Column] {
        let first = self.place(i, 0).start;
        &self.values.as_chunks().0[first..first + self.columns]
    }

    /// Adds a tile of `self · otherᵀ` to `out`: its rows are those of `self`'s row `i` of tiles, its columns the rows of `other`'s row `j`.
    pub fn add_product(&self, i: usize, other: &Self, j: usize, out: &mut [Column]) {
        Arch::new().dispatch(micro::Product { out, left: self.band(i), right: other.band(j), first: 0, subtract: false });
    }

    /// `self · otherᵀ`.
    pub fn product(&self, other: &Self) -> Self {
        let mut product = Self::zeros(self.rows, other.rows);
        for i in 0..product.tall() {
            for j in 0..product.wide() {
                self.add_product(i, other, j, product.tile_mut(i, j));
            }
        }
        product
    }

    /// `self · vector`.
    pub fn times(&self, vector: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.tall() * TILE];
        for (i, sums) in sums.as_chunks_mut::<TILE>().0.iter_mut().enumerate() {
            for (column, factor) in self.band(i).iter().zip(vector) {
                sums.iter_mut().zip(column).for_each(|(sum, element)| *sum += element * factor);
            }
        }
        sums.truncate(self.rows);
        sums
    }

    /// `selfᵀ · vector`.
    pub fn turned_times(&self, vector: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.columns];
        for (i, vector) in vector.chunks(TILE).enumerate() {
            for (column, sum) in self.band(i).iter().zip(&mut sums) {
                *sum = column.iter().zip(vector).fold(*sum, |sum, (element, factor)| sum + element * factor);
            }
        }
        sums
    }

    /// Subtracts `left · rightᵀ` of two tiles from columns of a tile, which the rows of `right` from `first` on belong to.
    pub(super) fn subtract(out: &mut [Column], left: &[Column], right: &[Column], first: usize) {
        Arch::new().dispatch(micro::Product { out, left, right, first, subtract: true });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small integers, whose sums are exact in any order.
    fn whole(rows: usize, columns: usize, seed: usize) -> Tiles {
        Tiles::from_fn(rows, columns, |row, column| ((row * 31 + column * 17 + seed) % 13) as f64 - 6.0)
    }

    #[test]
    fn products_are_those_of_the_definition() {
        for (rows, inner, columns) in [(1, 1, 1), (3, 70, 65), (64, 64, 64), (130, 5, 67)] {
            let (a, b) = (whole(rows, inner, 1), whole(columns, inner, 2));
            let vector: Vec<f64> = (0..inner).map(|at| (at % 5) as f64).collect();
            let (product, times, turned) = (a.product(&b), a.times(&vector), b.turned_times(&vec![2.0; columns]));
            for (row, times) in times.iter().enumerate() {
                assert_eq!(*times, (0..inner).map(|k| a.get(row, k) * vector[k]).sum::<f64>());
                for column in 0..columns {
                    assert_eq!(product.get(row, column), (0..inner).map(|k| a.get(row, k) * b.get(column, k)).sum::<f64>());
                }
            }
            assert!((0..inner).all(|k| turned[k] == (0..columns).map(|row| 2.0 * b.get(row, k)).sum::<f64>()));
        }
    }

    /// Instruction sets differ in lanes alone: products of what does not round the same in another order are those of one lane, each fused.
    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let third = |seed: usize| Tiles::from_fn(64, 200, |row, column| 1.0 / ((row * 7 + column * 3 + seed) % 101 + 3) as f64);
        let (a, b) = (third(1), third(2));
        let fastest = a.product(&b);
        for (row, column) in (0..64).flat_map(|row| (0..64).map(move |column| (row, column))) {
            let literal = (0..200).fold(0.0, |sum, k| a.get(row, k).mul_add(b.get(column, k), sum));
            assert_eq!(fastest.get(row, column).to_bits(), literal.to_bits());
        }
    }
}
