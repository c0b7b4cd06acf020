//! Tables on their way into the cache before they are looked up: which lines rows need is known too late to wait for memory.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "the hint takes a pointer"))]

use super::super::table::Line;

/// Asks for lines to be brought into the second-level cache, without waiting for them.
#[inline]
pub(in super::super) fn fetch(lines: &[Line]) {
    #[cfg(target_arch = "x86_64")]
    for line in lines {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every x86-64 has the instruction, and it may be given any address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = lines;
}
