//! The inner loop: a tile more or less the product of two others, the second transposed.

use pulp::{Simd, WithSimd};

use super::{Column, TILE};

/// `out[c][r] ±= Σ_k left[k][r] · right[k][first + c]`, for all columns of `out`; eight columns or a multiple, `first` too.
pub(super) struct Product<'a> {
    pub out: &'a mut [Column],
    pub left: &'a [Column],
    pub right: &'a [Column],
    pub first: usize,
    /// Whether products are subtracted.
    pub subtract: bool,
}

impl WithSimd for Product<'_> {
    type Output = ();

    /// In blocks whose sums fit into the registers.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match (S::F64_LANES, self.subtract) {
            (8, true) => self.blocks::<S, 2, 8, true>(simd),
            (8, false) => self.blocks::<S, 2, 8, false>(simd),
            (_, true) => self.blocks::<S, 2, 4, true>(simd),
            (_, false) => self.blocks::<S, 2, 4, false>(simd),
        }
    }
}

impl Product<'_> {
    /// `VECTORS` vectors of rows by `COLUMNS` columns at a time.
    #[inline(always)]
    fn blocks<S: Simd, const VECTORS: usize, const COLUMNS: usize, const SUBTRACT: bool>(self, simd: S) {
        let first = self.first / COLUMNS;
        for (j, out) in self.out.as_chunks_mut::<COLUMNS>().0.iter_mut().enumerate() {
            for i in 0..TILE / (VECTORS * S::F64_LANES) {
                let mut sums: [[S::f64s; VECTORS]; COLUMNS] = std::array::from_fn(|c| rows::<S, VECTORS>(&out[c], i));
                for (left, right) in self.left.iter().zip(self.right) {
                    let (left, right) = (rows::<S, VECTORS>(left, i), &right.as_chunks::<COLUMNS>().0[j + first]);
                    for c in 0..COLUMNS {
                        let right = simd.splat_f64s(if SUBTRACT { -right[c] } else { right[c] });
                        for v in 0..VECTORS {
                            sums[c][v] = simd.mul_add_f64s(left[v], right, sums[c][v]);
                        }
                    }
                }
                for c in 0..COLUMNS {
                    S::as_mut_simd_f64s(&mut out[c]).0.as_chunks_mut::<VECTORS>().0[i] = sums[c];
                }
            }
        }
    }
}

/// Some vectors of a column's rows.
#[inline(always)]
fn rows<S: Simd, const VECTORS: usize>(column: &Column, i: usize) -> [S::f64s; VECTORS] {
    S::as_simd_f64s(column).0.as_chunks::<VECTORS>().0[i]
}
