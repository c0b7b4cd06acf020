//! An axis: round ticks, a linear scale.

use plotters::style::text_anchor::HPos;

use super::canvas::{Canvas, Drawn, Face};
use super::palette;
use crate::report::number::{grouped, signed};

/// A linear scale from values to pixels, with its ticks.
#[derive(Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    left: f64,
    right: f64,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis over the finite values of `[low, high]` between two pixel positions, widened to hold something where it is empty.
    pub fn new(low: f64, high: f64, (left, right): (f64, f64)) -> Self {
        let usable = low.is_finite() && high.is_finite() && high - low > 1e-300 && (high - low).is_finite();
        let (low, high) = match usable {
            true => (low, high),
            false if low.is_finite() && low != 0.0 => (low - low.abs() / 2.0, low + low.abs() / 2.0),
            false => (0.0, 1.0),
        };
        Self { low, high, left, right, ticks: ticks(low, high, 8.0) }
    }

    /// The same with at most `most` + 1 ticks.
    #[must_use]
    pub fn with_ticks(self, most: f64) -> Self {
        Self { ticks: ticks(self.low, self.high, most), ..self }
    }

    /// Ticks with their labels.
    pub fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }

    /// Where a value is.
    pub fn x(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.left + share * (self.right - self.left)
    }

    /// An interval's line with its ends, which are `height` high.
    pub fn whisker(&self, canvas: &Canvas, middle: f64, (low, high): (f64, f64), height: f64) -> Drawn {
        let (low, high) = (self.x(low), self.x(high));
        canvas.line((low, middle), (high, middle), palette::INK, 1.0)?;
        [low, high].into_iter().try_for_each(|x| canvas.line((x, middle - height / 2.0), (x, middle + height / 2.0), palette::INK, 1.0))
    }

    /// Grid lines from `top` to `bottom`, tick labels and the axis' name beneath: 40 pixels in all.
    pub fn draw(&self, canvas: &Canvas, (top, bottom): (f64, f64), name: &str) -> Drawn {
        let face = Face { size: 12.0, bold: false, colour: palette::MUTED, anchor: HPos::Center };
        for (value, label) in &self.ticks {
            let x = self.x(*value);
            canvas.line((x, top), (x, bottom), if *value == 0.0 { palette::ZERO } else { palette::GRID }, 1.0)?;
            canvas.text((x, bottom + 11.0), face, label)?;
        }
        let middle = (self.left + self.right) / 2.0;
        canvas.text((middle, bottom + 31.0), Face { colour: palette::INK, ..face }, name)
    }
}

/// At most `most` + 1 multiples of 1, 2 or 5 times a power of ten, and at least some three eighths, with labels of as many digits as tell
/// them apart.
fn ticks(low: f64, high: f64, most: f64) -> Vec<(f64, String)> {
    let rough = (high - low) / most;
    let exponent = rough.log10().floor() as i32;
    let scaled = |factor: f64, exponent: i32| format!("{factor}e{exponent}").parse::<f64>().unwrap_or(rough);
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| scaled(factor, exponent)).into_iter().find(|step| *step >= rough).unwrap_or(rough);
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    let count = (last - first).clamp(0.0, 20.0) as usize;
    (0..=count).map(|i| (first + i as f64) * step).map(|value| (value, tick_label(value, step, low.abs().max(high.abs())))).collect()
}

fn tick_label(value: f64, step: f64, size: f64) -> String {
    let decimals = (-(step * 1.000_001).log10().floor()).max(0.0) as usize;
    signed(if value == 0.0 {
        "0".to_owned()
    } else if !(1e-4..1e6).contains(&size) || decimals > 6 {
        let digits = ((size.log10().floor() - (step * 1.000_001).log10().floor()).clamp(0.0, 6.0)) as usize;
        let text = format!("{value:.digits$e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
        format!("{mantissa}e{exponent}")
    } else if decimals == 0 {
        grouped(value.round() as i64)
    } else {
        format!("{value:.decimals$}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> Vec<String> {
        ticks(low, high, 8.0).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_at_any_scale() {
        assert_eq!(labels(0.0, 0.63), ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]);
        assert_eq!(labels(-1.3, 1.1), ["−1.0", "−0.5", "0", "0.5", "1.0"]);
        assert_eq!(labels(0.0, 6000.0), ["0", "1,000", "2,000", "3,000", "4,000", "5,000", "6,000"]);
        assert_eq!(labels(0.0, 2.6e-9), ["0", "5e−10", "1e−9", "1.5e−9", "2e−9", "2.5e−9"]);
        assert_eq!(labels(-3e9, 3e9), ["−3e9", "−2e9", "−1e9", "0", "1e9", "2e9", "3e9"]);
    }

    #[test]
    fn degenerate_ranges_have_an_axis() {
        for (low, high) in
            [(0.0, 0.0), (f64::NAN, f64::NAN), (5.0, 5.0), (-1e308, 1e308), (f64::INFINITY, f64::NEG_INFINITY), (0.0, 5e-324)]
        {
            let axis = Axis::new(low, high, (100.0, 200.0));
            assert!(axis.ticks.len() < 25 && axis.ticks.iter().all(|(value, _)| (100.0..=200.0).contains(&axis.x(*value))));
        }
    }
}
