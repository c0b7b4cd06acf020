//! Floating-point numbers of one width in order, as consecutive integers, and where the answer to a question changes among them.

use std::ops::RangeInclusive;

use crate::model::forest::Width;

/// The place of `x`, which is not NaN, among the numbers of this width; both zeros are at 0.
pub(super) fn key(x: f64, width: Width) -> i64 {
    let magnitude = match width {
        Width::F32 => i64::from((x.abs() as f32).to_bits()),
        Width::F64 => x.abs().to_bits().cast_signed(),
    };
    if x < 0.0 { -magnitude } else { magnitude }
}

/// The number at a place.
pub(super) fn value(key: i64, width: Width) -> f64 {
    let magnitude = match width {
        Width::F32 => f64::from(f32::from_bits(key.unsigned_abs() as u32)),
        Width::F64 => f64::from_bits(key.unsigned_abs()),
    };
    if key < 0 { -magnitude } else { magnitude }
}

/// All places, from −∞ to ∞.
pub(super) fn all(width: Width) -> RangeInclusive<i64> {
    -key(f64::INFINITY, width)..=key(f64::INFINITY, width)
}

/// The places where `answer`, which changes at most once, is yes.
pub(super) fn yes(width: Width, answer: impl Fn(f64) -> bool) -> RangeInclusive<i64> {
    let (first, last) = all(width).into_inner();
    let at = |key| answer(value(key, width));
    let begins = at(first);
    if begins == at(last) {
        return if begins { first..=last } else { first..=first - 1 };
    }
    let (mut before, mut after) = (first, last);
    // Places of f64 are further apart than i64 can tell.
    while before + 1 < after {
        let middle = i64::midpoint(before, after);
        if at(middle) == begins { before = middle } else { after = middle }
    }
    if begins { first..=before } else { after..=last }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_order_and_consecutive() {
        for width in [Width::F32, Width::F64] {
            let values = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, 0.25, 3.0, f64::INFINITY];
            for pair in values.windows(2) {
                assert_eq!(key(pair[0], width) < key(pair[1], width), pair[0] < pair[1]);
                assert_eq!(value(key(pair[0], width), width), pair[0]);
            }
        }
        assert_eq!(value(key(1.0, Width::F32) + 1, Width::F32), f64::from(1.0_f32.next_up()));
        assert_eq!(value(key(-1.0, Width::F64) - 1, Width::F64), (-1.0_f64).next_down());
    }

    #[test]
    fn the_change_is_found_whichever_way_it_goes() {
        let third = f64::from(1.0_f32 / 3.0);
        assert_eq!(*yes(Width::F32, |x| x <= third).end(), key(third, Width::F32));
        assert_eq!(*yes(Width::F32, |x| x > third).start(), key(third, Width::F32) + 1);
        assert_eq!(*yes(Width::F64, |x| x <= 0.1).end(), key(0.1, Width::F64));
        assert_eq!(*yes(Width::F64, |x| x > -1e300).start(), key(-1e300, Width::F64) + 1);
        assert_eq!(yes(Width::F64, |_| true), all(Width::F64));
        assert!(yes(Width::F64, |_| false).is_empty());
    }
}
