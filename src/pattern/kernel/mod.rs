//! The four inner loops, for whatever instruction set the machine has, chosen once at run time.
//!
//! Every set computes the same additions in the same order for a row, so results are identical to the bit, with one exception that
//! cannot change them: the sets differ in how many rows go through an instruction.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use super::block::{BLOCK, RankBlock, Word};
use super::program::Program;
use super::sweep::Sweep;
use super::table::Panel;

/// Index of each row of a block.
pub(super) type Indices = [u8; BLOCK];

/// Products and sums of a sweep, eight rows each.
pub(super) type Scratch = Vec<[f64; 8]>;

/// The inner loops of one instruction set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernels {
    /// Computes all slots of a tree's program for a block.
    pub run: fn(&Program, &RankBlock, &mut Vec<Word>),
    /// Index of every row: bit `k` of a row's index is its bit in `slots[bits[k]]`; at most eight bits.
    pub index: fn(&[u32], &[Word]) -> Indices,
    /// Adds the lines of a block's indices: `out[column · BLOCK + row] += lines[index[row]][lane]`.
    pub add: fn(&Panel, &Indices, &mut [f64]),
    /// Adds a sweep's contributions: `out[(output · features + feature) · BLOCK + row]`.
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
