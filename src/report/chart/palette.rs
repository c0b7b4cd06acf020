//! Every colour of the figures, in one place: legible on white, and told apart with any colour vision.

use plotters::style::RGBColor;

/// Titles, labels and numbers.
pub(super) const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
/// Subtitles and ticks; 6 : 1 on white.
pub(super) const MUTED: RGBColor = RGBColor(0x57, 0x60, 0x6a);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xe1, 0xe4, 0xe8);
/// The zero line.
pub(super) const ZERO: RGBColor = RGBColor(0x8c, 0x95, 0x9f);
/// The paper.
pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
/// Bars.
pub(super) const BAR: RGBColor = RGBColor(0x6b, 0x9a, 0xc4);
/// Curves.
pub(super) const LINE: RGBColor = RGBColor(0x1f, 0x5f, 0x99);
/// What stands against curves: another curve, the other end of a diverging scale.
pub(super) const WARM: RGBColor = RGBColor(0xb8, 0x50, 0x0f);
/// What pushes a prediction up, and down.
pub(super) const UP: RGBColor = RGBColor(0xd9, 0x8a, 0x5a);
pub(super) const DOWN: RGBColor = RGBColor(0x6b, 0x9a, 0xc4);
/// Bands around curves.
pub(super) const BAND: RGBColor = RGBColor(0xcd, 0xde, 0xee);
/// Curves of single rows, behind.
pub(super) const BEHIND: RGBColor = RGBColor(0xa9, 0xb8, 0xc6);
/// Where there are hardly any data.
pub(super) const SPARSE: RGBColor = RGBColor(0xf1, 0xf2, 0xf4);
/// Histograms of the data beneath curves.
pub(super) const ROWS: RGBColor = RGBColor(0xb4, 0xbb, 0xc3);
/// Bars of gaps that are discoveries: Okabe & Ito's blue.
pub(super) const GAP: RGBColor = RGBColor(0x00, 0x72, 0xb2);
/// Bars of gaps that are not.
pub(super) const FAINT: RGBColor = RGBColor(0xc3, 0xcb, 0xd3);
/// Groups side by side: Okabe & Ito's colours, without their yellow and black.
pub(super) const GROUPS: [RGBColor; 6] = [
    GAP,
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0xcc, 0x79, 0xa7),
];
/// Points of features whose values have no order.
pub(super) const CATEGORY: RGBColor = RGBColor(0x6e, 0x77, 0x81);
/// Points whose value is missing.
pub(super) const MISSING: RGBColor = RGBColor(0xb4, 0xbb, 0xc3);

/// The darker seven tenths of matplotlib's `plasma` (Smith & van der Walt 2015, CC0): even steps of lightness from dark blue to orange.
const RAMP: [RGBColor; 6] = [
    RGBColor(0x0d, 0x08, 0x87),
    RGBColor(0x53, 0x02, 0xa3),
    RGBColor(0x8b, 0x0a, 0xa5),
    RGBColor(0xb8, 0x32, 0x89),
    RGBColor(0xdb, 0x5c, 0x68),
    RGBColor(0xf4, 0x88, 0x49),
];

/// The colour of a share from 0 (low) to 1 (high).
pub(super) fn ramp(share: f64) -> RGBColor {
    let place = share.clamp(0.0, 1.0) * (RAMP.len() - 1) as f64;
    let left = (place as usize).min(RAMP.len() - 2);
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * (place - left as f64)).round() as u8;
    let (a, b) = (RAMP[left], RAMP[left + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// The colour of a share from −1 (blue) over 0 (near white) to 1 (orange), told apart with any colour vision.
pub(super) fn diverging(share: f64) -> RGBColor {
    let end = if share < 0.0 { LINE } else { WARM };
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share.abs().min(1.0)).round() as u8;
    RGBColor(mix(0xf6, end.0), mix(0xf6, end.1), mix(0xf6, end.2))
}

/// The colour of text on a fill: ink or paper, whichever stands out more.
pub(super) fn text_on(fill: RGBColor) -> RGBColor {
    if contrast(fill, INK) > contrast(fill, PAPER) { INK } else { PAPER }
}

/// How far two colours stand out from each other, from 1 to 21 (WCAG 2.2).
fn contrast(a: RGBColor, b: RGBColor) -> f64 {
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    (a / b).max(b / a)
}

/// Relative luminance (WCAG 2.2).
fn luminance(colour: RGBColor) -> f64 {
    let linear = |channel: u8| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ramp_grows_lighter_all_the_way_so_grey_prints_read_the_same() {
        let steps: Vec<f64> = (0..=50).map(|i| luminance(ramp(f64::from(i) / 50.0))).collect();
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn text_and_points_stand_out_from_the_paper() {
        let contrast = |colour| contrast(colour, PAPER);
        assert!(contrast(INK) > 7.0 && contrast(MUTED) > 4.5 && contrast(CATEGORY) > 3.0);
        assert!(contrast(ramp(1.0)) > 2.3 && contrast(MISSING) > 1.8);
    }

    #[test]
    fn numbers_stand_out_from_every_cell() {
        // Where ink and paper stand out alike it is 3.95 : 1.
        let cells = (0..=100).flat_map(|i| [ramp(f64::from(i) / 100.0), diverging(f64::from(i - 50) / 50.0)]).chain([GRID]);
        assert!(cells.into_iter().all(|fill| contrast(fill, text_on(fill)) > 3.9));
    }
}
