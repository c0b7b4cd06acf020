//! The inner loops, for whatever instruction set the machine has, chosen once at run time.
//!
//! Every set computes the same operations in the same order for a row, so results are identical to the bit: sets differ only in how many
//! rows go through an instruction, and none fuses multiplications with additions.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx2_sweep;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_sweep;
mod fetch;
mod portable;
mod sweep;

pub(super) use fetch::fetch;
pub(super) use sweep::Scratch;

use super::block::{BLOCK, RankBlock, Word};
use super::program::{Lookup, Program};
use super::sweep::{Order, Sweep};
use super::table::{Line, Panel};
use super::walk::{LeafWalk, Waiting};

/// Index of each row of a block.
pub(super) type Indices = [u8; BLOCK];

/// A panel's first table and the others, with their indices; none where there is no table.
#[inline(always)]
fn tables<'t>(panel: &'t Panel, lines: &'t [Line], indices: &'t [Indices]) -> Option<(Table<'t>, impl Iterator<Item = Table<'t>> + Clone)> {
    let mut tables = panel.tables.iter().map(|table| &lines[table.clone()]).zip(indices);
    Some((tables.next()?, tables))
}

/// Panics unless every index is that of a line, so that vector loads need not look.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn check(lines: &[Line], indices: &Indices) {
    let any = indices.iter().fold(0, |any, index| any | index);
    assert!(lines.len().is_power_of_two() && usize::from(any) < lines.len(), "a row's line is one of its table's");
}

/// A table's lines, and the index of each row's.
type Table<'t> = (&'t [Line], &'t Indices);

/// The inner loops of one instruction set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernels {
    /// Computes all slots of a tree's program for a block.
    pub run: fn(&Program, &RankBlock, &mut Vec<Word>),
    /// A group's index of every row of a block.
    pub look_up: fn(&Lookup, &RankBlock, &mut Indices),
    /// Bit `k` of each index is its bit in `slots[bits[k]]`; at most eight bits.
    pub index: fn(&[u32], &[Word]) -> Indices,
    /// Adds the lines of a block's rows, an array of indices a table: `out[column · STRIDE + row] += Σ_table table[index[row]][lane]`, the
    /// panel's tables being among all lines.
    pub add: fn(&Panel, &[Line], &[Indices], &mut [f64]),
    /// Adds every row's leaf: `out[output · STRIDE + row] += value`.
    pub walk: fn(&LeafWalk, &RankBlock, &mut Waiting, &mut [f64]),
    /// The order of a sweep's tables.
    pub order: Order,
    /// Adds a sweep's contributions to the rows of so many words of the slots, in a forest of so many features:
    /// `out[(output · features + feature) · STRIDE + row]`.
    pub sweep: fn(&Sweep, &[Word], usize, usize, &mut Scratch, &mut [f64]),
}

/// Which instructions the inner loops use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstructionSet {
    /// What every machine of the architecture has: SSE2 on x86-64, NEON on 64-bit ARM.
    Portable,
    /// AVX2 and BMI2.
    Avx2,
    /// AVX-512 F and BW.
    Avx512,
}

impl InstructionSet {
    /// The sets that this machine runs, the fastest last.
    pub fn available() -> Vec<Self> {
        [Self::Portable, Self::Avx2, Self::Avx512].into_iter().filter(|set| set.kernels().is_some()).collect()
    }

    /// The fastest set that this machine runs.
    pub fn fastest() -> Self {
        Self::available().into_iter().max().unwrap_or(Self::Portable)
    }

    /// The set's inner loops, if this machine runs them.
    pub(super) fn kernels(self) -> Option<Kernels> {
        match self {
            Self::Portable => Some(portable::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::kernels(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::kernels(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => None,
        }
    }
}
