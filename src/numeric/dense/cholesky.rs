//! Cholesky's factor of a symmetric positive definite matrix, `A = L Lᵀ`, and systems solved with it.

use super::{Column, TILE, Tiles};

/// Columns of a tile that are solved one after another; all before them at once.
const BLOCK: usize = 8;

/// `L`.
#[derive(Debug)]
pub struct Cholesky {
    /// Only tiles on and below the diagonal are read.
    lower: Tiles,
}

impl Cholesky {
    /// Factors a matrix, of which only the tiles on and below the diagonal are read; `None` where it is not positive definite.
    pub fn new(mut matrix: Tiles) -> Option<Self> {
        let order = matrix.rows();
        (order..matrix.tall() * TILE).for_each(|at| matrix.tile_mut(at / TILE, at / TILE)[at % TILE][at % TILE] = 1.0);
        for j in 0..matrix.tall() {
            let place = matrix.place(j, j);
            let (done, rest) = matrix.values.as_chunks_mut().0.split_at_mut(place.start);
            let row = &done[place.start - j * TILE..];
            Tiles::subtract(&mut rest[..TILE], row, row, 0);
            factor(&mut rest[..TILE])?;
            for i in j + 1..matrix.tall() {
                let (above, below) = (matrix.place(j, 0).start, matrix.place(i, 0).start);
                let (done, rest) = matrix.values.as_chunks_mut().0.split_at_mut(below + j * TILE);
                forward(&mut rest[..TILE], &done[below..], &done[above..above + (j + 1) * TILE]);
            }
        }
        Some(Self { lower: matrix })
    }

    /// `rows · L⁻ᵀ`: of the products `rows · A⁻¹ · otherᵀ` half, the other half is that of `other`.
    pub fn forward(&self, rows: &mut Tiles) {
        for i in 0..rows.tall() {
            for j in 0..rows.wide() {
                let (first, above) = (rows.place(i, 0).start, self.lower.place(j, 0).start);
                let (done, rest) = rows.values.as_chunks_mut().0.split_at_mut(first + j * TILE);
                forward(&mut rest[..TILE], &done[first..], &self.lower.values.as_chunks().0[above..above + (j + 1) * TILE]);
            }
        }
    }

    /// `rows · L⁻¹`; after [`Self::forward`] `rows · A⁻¹`.
    pub fn backward(&self, rows: &mut Tiles) {
        let mut turned = vec![[0.0; TILE]; TILE];
        for i in 0..rows.tall() {
            for j in (0..rows.wide()).rev() {
                let at = rows.place(i, j);
                let (rest, done) = rows.values.as_chunks_mut().0.split_at_mut(at.end);
                let tile = &mut rest[at.start..];
                for below in j + 1..self.lower.tall() {
                    transpose(self.lower.tile(below, j), &mut turned);
                    Tiles::subtract(tile, &done[(below - j - 1) * TILE..][..TILE], &turned, 0);
                }
                backward(tile, self.lower.tile(j, j));
            }
        }
    }
}

/// Factors one tile, below its diagonal.
fn factor(tile: &mut [Column]) -> Option<()> {
    for c in 0..TILE {
        let (done, rest) = tile.split_at_mut(c);
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

/// `X = (X − left · aboveᵀ) · L⁻ᵀ`, with `above` and `L` the tiles of a row of the factor, the last of which is `L`.
fn forward(tile: &mut [Column], left: &[Column], row: &[Column]) {
    let (above, diagonal) = row.split_at(row.len() - TILE);
    Tiles::subtract(tile, left, above, 0);
    for first in (0..TILE).step_by(BLOCK) {
        let (done, rest) = tile.split_at_mut(first);
        Tiles::subtract(&mut rest[..BLOCK], done, &diagonal[..first], first);
        for c in 0..BLOCK {
            let (done, rest) = rest.split_at_mut(c);
            for (before, scale) in done.iter().zip(&diagonal[first..]) {
                rest[0].iter_mut().zip(before).for_each(|(element, before)| *element -= before * scale[first + c]);
            }
            rest[0].iter_mut().for_each(|element| *element /= diagonal[first + c][first + c]);
        }
    }
}

/// `X = X · L⁻¹`.
fn backward(tile: &mut [Column], diagonal: &[Column]) {
    for c in (0..TILE).rev() {
        let (rest, done) = tile.split_at_mut(c + 1);
        for (after, scale) in done.iter().zip(&diagonal[c][c + 1..]) {
            rest[c].iter_mut().zip(after).for_each(|(element, after)| *element -= after * scale);
        }
        rest[c].iter_mut().for_each(|element| *element /= diagonal[c][c]);
    }
}

fn transpose(tile: &[Column], turned: &mut [Column]) {
    for (c, column) in tile.iter().enumerate() {
        column.iter().zip(turned.iter_mut()).for_each(|(element, turned)| turned[c] = *element);
    }
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
            let factor = Cholesky::new(Tiles::from_fn(order, order, lehmer)).expect("the matrix is positive definite");
            let mut rows = Tiles::from_fn(order, order, |i, j| if i == j { 1.0 } else { 0.0 });
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
            assert!(Cholesky::new(Tiles::from_fn(order, order, |_, _| 1.0)).is_none());
            assert!(Cholesky::new(Tiles::from_fn(order, order, |i, j| if i == j { f64::NAN } else { 0.0 })).is_none());
        }
    }
}
