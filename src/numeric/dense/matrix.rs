//! A matrix in strips.

use super::{Column, ROWS, micro};

/// A matrix in strips of 16 rows, each column by column; zero beyond its rows, and beyond its columns up to a multiple of 16.
#[derive(Clone, Debug)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<Column>,
}

impl Matrix {
    /// Zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let mut all = Self { rows, columns, values: Vec::new() };
        all.reset(rows, columns);
        all
    }

    /// Becomes zeros, in the memory that it has where that suffices.
    pub fn reset(&mut self, rows: usize, columns: usize) {
        (self.rows, self.columns) = (rows, columns);
        self.values.clear();
        self.values.resize(rows.div_ceil(ROWS) * columns.next_multiple_of(ROWS), [0.0; ROWS]);
    }

    /// Each element by its row and column.
    pub fn from_fn(rows: usize, columns: usize, element: impl Fn(usize, usize) -> f64) -> Self {
        let mut all = Self::zeros(rows, columns);
        for i in 0..all.strips() {
            let mine = i * ROWS..rows.min((i + 1) * ROWS);
            for (column, values) in all.strip_mut(i).iter_mut().take(columns).enumerate() {
                mine.clone().zip(values).for_each(|(row, value)| *value = element(row, column));
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
        self.strip(row / ROWS)[column][row % ROWS]
    }

    /// Number of strips.
    pub fn strips(&self) -> usize {
        self.rows.div_ceil(ROWS)
    }

    /// A strip: its columns, and the zeros after them.
    pub fn strip(&self, i: usize) -> &[Column] {
        let wide = self.wide();
        &self.values[i * wide..][..wide]
    }

    /// The same, to be written; elements beyond the matrix stay zero.
    pub fn strip_mut(&mut self, i: usize) -> &mut [Column] {
        let wide = self.wide();
        &mut self.values[i * wide..][..wide]
    }

    /// A strip to be written beside those before it, one after another.
    pub(super) fn strip_after(&mut self, i: usize) -> (&[Column], &mut [Column]) {
        let wide = self.wide();
        let (before, rest) = self.values.split_at_mut(i * wide);
        (before, &mut rest[..wide])
    }

    /// Columns of a strip, the zeros after the last among them.
    pub(super) fn wide(&self) -> usize {
        self.columns.next_multiple_of(ROWS)
    }

    /// Adds to `out` the product of a strip and another matrix's, transposed: 16 × 16 elements of `self · otherᵀ`.
    pub fn add_product(&self, i: usize, other: &Self, j: usize, out: &mut [Column]) {
        micro::add(out, &self.strip(i)[..self.columns], &other.strip(j)[..other.columns]);
    }

    /// `self · otherᵀ`.
    pub fn product(&self, other: &Self) -> Self {
        let mut product = Self::zeros(self.rows, other.rows);
        product.add(self, other);
        product
    }

    /// Adds `a · bᵀ`.
    pub fn add(&mut self, a: &Self, b: &Self) {
        for i in 0..self.strips() {
            for (j, out) in self.strip_mut(i).chunks_exact_mut(ROWS).enumerate() {
                a.add_product(i, b, j, out);
            }
        }
    }

    /// `self · vector`.
    pub fn times(&self, vector: &[f64]) -> Vec<f64> {
        let mut sums = vec![[0.0; ROWS]; self.strips()];
        for (i, sums) in sums.iter_mut().enumerate() {
            for (column, factor) in self.strip(i).iter().zip(vector) {
                sums.iter_mut().zip(column).for_each(|(sum, element)| *sum += element * factor);
            }
        }
        let mut sums = sums.into_flattened();
        sums.truncate(self.rows);
        sums
    }

    /// `selfᵀ · vector`.
    pub fn turned_times(&self, vector: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.columns];
        for (i, vector) in vector.chunks(ROWS).enumerate() {
            for (column, sum) in self.strip(i).iter().zip(&mut sums) {
                *sum = column.iter().zip(vector).fold(*sum, |sum, (element, factor)| sum + element * factor);
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small integers, whose sums are exact in any order.
    fn whole(rows: usize, columns: usize, seed: usize) -> Matrix {
        Matrix::from_fn(rows, columns, |row, column| ((row * 31 + column * 17 + seed) % 13) as f64 - 6.0)
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
}
