//! Rows in super-blocks: each is computed block by block, on any thread, and handed out column by column.

use rayon::prelude::*;

use super::block::{BLOCK, CACHE_LINE, STRIDE, first_line};

/// Computes `rows` in super-blocks of `step`, in parallel. `compute(first, rows, out)` adds the values of some rows, `(block · columns + column) ·
/// STRIDE + row`, to zeros; they end in `columns`, each of all rows or, if it is not wanted, empty.
pub(super) fn compute(rows: usize, step: usize, columns: Vec<&mut [f64]>, compute: impl Fn(usize, usize, &mut [f64]) + Sync) {
    let stride = columns.len() * STRIDE;
    let mut parts: Vec<Vec<(usize, &mut [f64])>> = (0..rows).step_by(step).map(|_| Vec::with_capacity(columns.len())).collect();
    for (column, values) in columns.into_iter().enumerate() {
        parts.iter_mut().zip(values.chunks_mut(step)).for_each(|(part, values)| part.push((column, values)));
    }
    parts.into_par_iter().enumerate().for_each_init(Vec::new, |out: &mut Vec<f64>, (number, part)| {
        let first = number * step;
        let rows = step.min(rows - first);
        out.clear();
        out.resize(rows.div_ceil(BLOCK) * stride + CACHE_LINE, 0.0);
        let start = first_line(out);
        let out = &mut out[start..][..rows.div_ceil(BLOCK) * stride];
        compute(first, rows, out);
        for (column, values) in part {
            for (values, block) in values.chunks_mut(BLOCK).zip(out.chunks_exact(stride)) {
                values.copy_from_slice(&block[column * STRIDE..][..values.len()]);
            }
        }
    });
}
