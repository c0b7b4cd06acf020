//! Cholesky's factor of a symmetric positive definite matrix, `A = L Lᵀ`, and systems solved with it.

use super::{Column, Matrix, ROWS, micro};

/// Strips of the factor that are met by a strip one after another, while both are at hand.
const BLOCK: usize = 4;

/// `L`.
#[derive(Debug)]
pub struct Cholesky {
    /// Beyond the diagonal strips hold what they did before.
    lower: Matrix,
}

impl Cholesky {
    /// Factors a matrix, of which only the 16 × 16 elements on and below the diagonal are read; `None` where it is not positive definite.
    pub fn new(mut matrix: Matrix) -> Option<Self> {
        let strips = matrix.strips();
        for at in matrix.rows()..strips * ROWS {
            matrix.strip_mut(at / ROWS)[at][at % ROWS] = 1.0;
        }
        let wide = matrix.wide();
        for first in (0..strips).step_by(BLOCK) {
            for i in first..strips {
                let (before, mine) = matrix.strip_after(i);
                for (p, row) in before.chunks_exact(wide).enumerate().take(first + BLOCK).skip(first) {
                    forward(mine, p, row);
                }
                if i < first + BLOCK {
                    let (done, rest) = mine.split_at_mut(i * ROWS);
                    micro::subtract(&mut rest[..ROWS], done, done);
                    factor(&mut rest[..ROWS])?;
                }
            }
        }
        Some(Self { lower: matrix })
    }

    /// An element of `L`.
    pub fn get(&self, row: usize, column: usize) -> f64 {
        if row < column { 0.0 } else { self.lower.get(row, column) }
    }

    /// `rows · L⁻ᵀ`: of the products `rows · A⁻¹ · otherᵀ` half, the other half is that of `other`.
    pub fn forward(&self, rows: &mut Matrix) {
        for p in 0..self.lower.strips() {
            (0..rows.strips()).for_each(|i| forward(rows.strip_mut(i), p, self.lower.strip(p)));
        }
    }

    /// `rows · L⁻¹`; after [`Self::forward`] `rows · A⁻¹`.
    pub fn backward(&self, rows: &mut Matrix) {
        for p in (0..self.lower.strips()).rev() {
            for q in p + 1..self.lower.strips() {
                let turned = transpose(&self.lower.strip(q)[p * ROWS..]);
                for i in 0..rows.strips() {
                    let (out, done) = rows.strip_mut(i)[p * ROWS..].split_at_mut(ROWS);
                    micro::subtract(out, &done[(q - p - 1) * ROWS..][..ROWS], &turned);
                }
            }
            let diagonal = &self.lower.strip(p)[p * ROWS..][..ROWS];
            (0..rows.strips()).for_each(|i| backward(&mut rows.strip_mut(i)[p * ROWS..][..ROWS], diagonal));
        }
    }

    /// `rows · A⁻¹`.
    #[must_use]
    pub fn solve(&self, mut rows: Matrix) -> Matrix {
        self.forward(&mut rows);
        self.backward(&mut rows);
        rows
    }
}

/// `X = (X − left · rowᵀ) · L⁻ᵀ` of the `p`th 16 columns, `left` being those before them and `L` the triangle at the end of the factor's strip `row`.
fn forward(strip: &mut [Column], p: usize, row: &[Column]) {
    let (left, rest) = strip.split_at_mut(p * ROWS);
    let (above, diagonal) = row.split_at(p * ROWS);
    micro::subtract(&mut rest[..ROWS], left, above);
    micro::solve(&mut rest[..ROWS], diagonal);
}

/// Factors 16 × 16 elements, zero above their diagonal then.
fn factor(square: &mut [Column]) -> Option<()> {
    for c in 0..ROWS {
        let (done, rest) = square.split_at_mut(c);
        let column = &mut rest[0];
        for before in done {
            let scale = before[c];
            column[c..].iter_mut().zip(&before[c..]).for_each(|(element, before)| *element -= before * scale);
        }
        let root = column[c].sqrt();
        if !(root > 0.0 && root.is_finite()) {
            return None;
        }
        column[c..].iter_mut().for_each(|element| *element /= root);
        column[..c].fill(0.0);
    }
    Some(())
}

/// `X = X · L⁻¹`.
fn backward(columns: &mut [Column], diagonal: &[Column]) {
    for c in (0..ROWS).rev() {
        let (rest, done) = columns.split_at_mut(c + 1);
        for (after, scale) in done.iter().zip(&diagonal[c][c + 1..]) {
            rest[c].iter_mut().zip(after).for_each(|(element, after)| *element -= after * scale);
        }
        rest[c].iter_mut().for_each(|element| *element /= diagonal[c][c]);
    }
}

fn transpose(square: &[Column]) -> [Column; ROWS] {
    std::array::from_fn(|row| std::array::from_fn(|column| square[column][row]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inverse of the Lehmer matrix, `min(i, j) / max(i, j)`, is tridiagonal, in closed form (Newman & Todd 1958).
    #[test]
    fn the_inverse_of_lehmers_matrix_is_tridiagonal() {
        for order in [1, 2, 63, 64, 65, 130] {
            let lehmer = |i: usize, j: usize| (i.min(j) + 1) as f64 / (i.max(j) + 1) as f64;
            let inverse = |i: usize, j: usize| {
                let (low, n) = (i.min(j) as f64 + 1.0, order as f64);
                match i.abs_diff(j) {
                    0 if i + 1 == order => n * n / (2.0 * n - 1.0),
                    0 => 4.0 * low * low * low / (4.0 * low * low - 1.0),
                    1 => -low * (low + 1.0) / (2.0 * low + 1.0),
                    _ => 0.0,
                }
            };
            let factor = Cholesky::new(Matrix::from_fn(order, order, lehmer)).expect("the matrix is positive definite");
            let mut rows = Matrix::from_fn(order, order, |i, j| if i == j { 1.0 } else { 0.0 });
            factor.forward(&mut rows);
            factor.backward(&mut rows);
            for (i, j) in (0..order).flat_map(|i| (0..order).map(move |j| (i, j))) {
                assert!((rows.get(i, j) - inverse(i, j)).abs() < 1e-13 * (order * order) as f64, "{order}: {i}, {j}: {}", rows.get(i, j));
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        for order in [2, 100] {
            assert!(Cholesky::new(Matrix::from_fn(order, order, |_, _| 1.0)).is_none());
            assert!(Cholesky::new(Matrix::from_fn(order, order, |i, j| if i == j { f64::NAN } else { 0.0 })).is_none());
        }
    }
}
