//! The inner loops: 16 columns of a strip more or less a product of strips, and solved for a triangle.

use pulp::{Arch, Simd, WithSimd};

use super::{Column, ROWS};

/// `out[c][r] += Σ_k left[k][r] · right[k][c]`.
pub(super) fn add(out: &mut [Column], left: &[Column], right: &[Column]) {
    Arch::new().dispatch(Product::<false> { out, left, right });
}

/// `out[c][r] −= Σ_k left[k][r] · right[k][c]`.
pub(super) fn subtract(out: &mut [Column], left: &[Column], right: &[Column]) {
    Arch::new().dispatch(Product::<true> { out, left, right });
}

/// `X = X · L⁻ᵀ` of 16 columns, `L` being the lower triangle of `diagonal`.
pub(super) fn solve(out: &mut [Column], diagonal: &[Column]) {
    Arch::new().dispatch(Solve { out, diagonal });
}

struct Product<'a, const SUBTRACT: bool> {
    out: &'a mut [Column],
    left: &'a [Column],
    right: &'a [Column],
}

impl<const SUBTRACT: bool> WithSimd for Product<'_, SUBTRACT> {
    type Output = ();

    /// In blocks whose sums fit into the registers.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F64_LANES {
            8 => self.blocks::<S, 2, 8>(simd),
            _ => self.blocks::<S, 2, 4>(simd),
        }
    }
}

impl<const SUBTRACT: bool> Product<'_, SUBTRACT> {
    /// `VECTORS` vectors of rows by `COLUMNS` columns at a time. What is subtracted is added to the negative: that rounds alike.
    #[inline(always)]
    fn blocks<S: Simd, const VECTORS: usize, const COLUMNS: usize>(self, simd: S) {
        let signed = |value: S::f64s| if SUBTRACT { simd.neg_f64s(value) } else { value };
        for (j, out) in self.out.as_chunks_mut::<COLUMNS>().0.iter_mut().enumerate() {
            for i in 0..ROWS / (VECTORS * S::F64_LANES) {
                let mut sums: [[S::f64s; VECTORS]; COLUMNS] = std::array::from_fn(|c| vectors::<S, VECTORS>(&out[c], i).map(signed));
                for (left, right) in self.left.iter().zip(self.right) {
                    let (left, right) = (vectors::<S, VECTORS>(left, i), &right.as_chunks::<COLUMNS>().0[j]);
                    for c in 0..COLUMNS {
                        let right = simd.splat_f64s(right[c]);
                        for v in 0..VECTORS {
                            sums[c][v] = simd.mul_add_f64s(left[v], right, sums[c][v]);
                        }
                    }
                }
                for c in 0..COLUMNS {
                    S::as_mut_simd_f64s(&mut out[c]).0.as_chunks_mut::<VECTORS>().0[i] = sums[c].map(signed);
                }
            }
        }
    }
}

struct Solve<'a> {
    out: &'a mut [Column],
    diagonal: &'a [Column],
}

impl WithSimd for Solve<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Some((out, diagonal)) = self.out.as_chunks_mut::<ROWS>().0.first_mut().zip(self.diagonal.as_chunks::<ROWS>().0.first()) else {
            return;
        };
        for i in 0..ROWS / S::F64_LANES {
            let mut x: [S::f64s; ROWS] = std::array::from_fn(|c| vectors::<S, 1>(&out[c], i)[0]);
            for c in 0..ROWS {
                x[c] = simd.div_f64s(x[c], simd.splat_f64s(diagonal[c][c]));
                for after in c + 1..ROWS {
                    x[after] = simd.negate_mul_add_f64s(x[c], simd.splat_f64s(diagonal[c][after]), x[after]);
                }
            }
            for c in 0..ROWS {
                S::as_mut_simd_f64s(&mut out[c]).0[i] = x[c];
            }
        }
    }
}

/// Some vectors of a column's rows.
#[inline(always)]
fn vectors<S: Simd, const VECTORS: usize>(column: &Column, i: usize) -> [S::f64s; VECTORS] {
    S::as_simd_f64s(column).0.as_chunks::<VECTORS>().0[i]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every instruction set that this processor has.
    fn all() -> Vec<Arch> {
        #[cfg(target_arch = "x86_64")]
        let narrower = pulp::x86::V3::try_new().map(Arch::V3);
        #[cfg(not(target_arch = "x86_64"))]
        let narrower = None;
        [Arch::Scalar, Arch::new()].into_iter().chain(narrower).collect()
    }

    /// Thirds, fifths and so on, whose sums round otherwise in another order.
    fn columns(count: usize, seed: usize) -> Vec<Column> {
        let element = |row: usize, column: usize| 1.0 / ((row * 7 + column * 3 + seed) % 101 + 3) as f64;
        (0..count).map(|column| std::array::from_fn(|row| element(row, column))).collect()
    }

    fn bits(columns: &[Column]) -> Vec<u64> {
        columns.as_flattened().iter().map(|element| element.to_bits()).collect()
    }

    /// Instruction sets differ in lanes alone: all give what one lane gives with fused additions in the order of the inner index.
    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let (left, right, before) = (columns(200, 1), columns(200, 2), columns(ROWS, 5));
        let products = |sign: f64| -> Vec<Column> {
            let element = |row: usize, column: usize| {
                (0..left.len()).fold(before[column][row], |sum, k| (sign * left[k][row]).mul_add(right[k][column], sum))
            };
            (0..ROWS).map(|column| std::array::from_fn(|row| element(row, column))).collect()
        };
        let mut solution = before.clone();
        for (row, c) in (0..ROWS).flat_map(|row| (0..ROWS).map(move |c| (row, c))) {
            let left = (0..c).fold(before[c][row], |left, k| (-solution[k][row]).mul_add(right[k][c], left));
            solution[c][row] = left / right[c][c];
        }
        for arch in all() {
            let (mut sum, mut difference, mut solved) = (before.clone(), before.clone(), before.clone());
            arch.dispatch(Product::<false> { out: &mut sum, left: &left, right: &right });
            arch.dispatch(Product::<true> { out: &mut difference, left: &left, right: &right });
            arch.dispatch(Solve { out: &mut solved, diagonal: &right });
            assert_eq!(bits(&sum), bits(&products(1.0)), "{arch:?}");
            assert_eq!(bits(&difference), bits(&products(-1.0)), "{arch:?}");
            assert_eq!(bits(&solved), bits(&solution), "{arch:?}");
        }
    }
}
