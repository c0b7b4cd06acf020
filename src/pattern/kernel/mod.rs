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
mod portable;
mod sweep;

use super::block::{BLOCK, RankBlock, Word};
use super::program::{Lookup, Program};
use super::sweep::Sweep;
use super::table::{LANES, Line, Panel};
use super::walk::LeafWalk;

/// Index of each row of a block.
pub(super) type Indices = [u8; BLOCK];
/// Where the line of each row's index starts in a table, counted in values.
pub(super) type Offsets = [u16; BLOCK];

/// Where the lines of some indices start.
#[inline]
pub(super) fn offsets(indices: &Indices) -> Offsets {
    let mut offsets = [0; BLOCK];
    offsets.iter_mut().zip(indices).for_each(|(offset, index)| *offset = u16::from(*index) * LANES as u16);
    offsets
}

/// Products and sums of a sweep, for 64 rows each.
pub(super) type Scratch = Vec<sweep::Lanes>;

/// A panel's first table and the others, with their offsets; none where there is no table.
#[inline(always)]
fn tables<'t>(panel: &'t Panel, lines: &'t [Line], offsets: &'t [Offsets]) -> Option<(Table<'t>, impl Iterator<Item = Table<'t>> + Clone)> {
    let mut tables = panel.tables.iter().map(|table| &lines[table.clone()]).zip(offsets);
    Some((tables.next()?, tables))
}

/// Panics unless every offset is that of a line, so that vector loads need not look.
#[inline(always)]
fn check(lines: &[Line], offsets: &Offsets) {
    let any = offsets.iter().fold(0, |any, offset| any | offset);
    assert!(
        any % LANES as u16 == 0 && lines.len().is_power_of_two() && usize::from(any) / LANES < lines.len(),
        "a row's line is one of its table's"
    );
}

/// A table's lines, and where each row's starts.
type Table<'t> = (&'t [Line], &'t Offsets);

/// The inner loops of one instruction set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernels {
    /// Computes all slots of a tree's program for a block.
    pub run: fn(&Program, &RankBlock, &mut Vec<Word>),
    /// A group's index of every row of a block.
    pub look_up: fn(&Lookup, &RankBlock) -> Indices,
    /// Bit `k` of each index is its bit in `slots[bits[k]]`; at most eight bits.
    pub index: fn(&[u32], &[Word]) -> Indices,
    /// Adds the lines of a block's rows, an array of offsets a table: `out[column · STRIDE + row] += Σ_table table[offset[row] + lane]`, the
    /// panel's tables being among all lines.
    pub add: fn(&Panel, &[Line], &[Offsets], &mut [f64]),
    /// Adds every row's leaf: `out[output · STRIDE + row] += value`.
    pub walk: fn(&LeafWalk, &[Word], &mut Vec<Word>, &mut [f64]),
    /// Adds a sweep's contributions: `out[(output · features + feature) · STRIDE + row]`.
    pub sweep: fn(&Sweep, &[Word], usize, &mut Scratch, &mut [f64]),
}

/// Which instructions the inner loops use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstructionSet {
    /// What every machine of the architecture has.
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
