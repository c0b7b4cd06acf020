//! What all figures share: title, subtitle, the column of feature names, the place for the picture.

use plotters::style::text_anchor::HPos;

use super::canvas::{Canvas, Drawn, Face};
use super::palette;
use super::text::{width, wrap};

/// Width of every figure.
pub(super) const WIDTH: f64 = 860.0;
pub(super) const MARGIN: f64 = 16.0;
const NAMES: (f64, f64) = (60.0, 300.0);
const SUBTITLE_LINE: f64 = 17.0;
const AXIS: f64 = 42.0;

pub(super) const TITLE: Face = Face { size: 16.0, bold: true, colour: palette::INK, anchor: HPos::Left };
pub(super) const NOTE: Face = Face { size: 12.0, bold: false, colour: palette::MUTED, anchor: HPos::Left };
pub(super) const NAME: Face = Face { size: 12.5, bold: false, colour: palette::INK, anchor: HPos::Right };

/// A figure's title and, in as many lines as it takes, its subtitle.
#[derive(Debug)]
pub(super) struct Heading {
    title: String,
    subtitle: Vec<String>,
}

impl Heading {
    /// Of these words.
    pub fn new(title: String, subtitle: &str) -> Self {
        Self { title, subtitle: wrap(subtitle, NOTE.size, WIDTH - 2.0 * MARGIN) }
    }

    /// Where the next line would be.
    pub fn bottom(&self) -> f64 {
        MARGIN + 30.0 + SUBTITLE_LINE * self.subtitle.len() as f64
    }

    /// Draws it.
    pub fn draw(&self, canvas: &Canvas) -> Drawn {
        canvas.fitted((MARGIN, MARGIN + 8.0), TITLE, WIDTH - 2.0 * MARGIN, &self.title)?;
        let lines = self.subtitle.iter().enumerate();
        lines.into_iter().try_for_each(|(line, text)| canvas.text((MARGIN, MARGIN + 30.0 + SUBTITLE_LINE * line as f64), NOTE, text))
    }
}

/// A figure's layout: rows of equal height, one a feature.
#[derive(Debug)]
pub(super) struct Frame {
    heading: Heading,
    /// Width of the names, which end as far from the left margin.
    names: f64,
    /// Left and right end of the picture.
    pub sides: (f64, f64),
    /// Upper and lower end of the rows.
    pub ends: (f64, f64),
    /// Height of a row.
    pub pitch: f64,
}

impl Frame {
    /// A layout for these features; `legend` is the height kept free above the rows, `right` the width right of the picture.
    pub fn new(title: String, subtitle: &str, features: &[&str], (pitch, legend, right): (f64, f64, f64)) -> Self {
        let heading = Heading::new(title, subtitle);
        let widest = features.iter().map(|name| width(name, NAME.size)).fold(0.0, f64::max);
        let names = widest.clamp(NAMES.0, NAMES.1);
        let top = heading.bottom() + 2.0 + legend;
        let bottom = top + pitch * features.len() as f64;
        Self { heading, names, sides: (MARGIN + names + 12.0, WIDTH - MARGIN - right), ends: (top, bottom), pitch }
    }

    /// Width and height of the figure.
    pub fn size(&self) -> (f64, f64) {
        (WIDTH, (self.ends.1 + AXIS + MARGIN / 2.0).ceil())
    }

    /// Middle of a row.
    pub fn middle(&self, row: usize) -> f64 {
        self.ends.0 + self.pitch * (row as f64 + 0.5)
    }

    /// Draws title, subtitle and names.
    pub fn draw(&self, canvas: &Canvas, features: &[&str]) -> Drawn {
        self.heading.draw(canvas)?;
        let names = features.iter().enumerate();
        names.into_iter().try_for_each(|(row, name)| canvas.fitted((MARGIN + self.names, self.middle(row)), NAME, self.names, name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::elide;
    use super::*;

    #[test]
    fn the_widest_name_has_the_room_that_it_needs() {
        // Widths of all kinds, for sums of some of them are not what they were made of.
        for name in (8..24).flat_map(|length| ["a", "m", "i", "a_t"].map(|part| part.repeat(length)[..length].to_owned())) {
            let frame = Frame::new(String::new(), "", &[&name], (10.0, 0.0, 0.0));
            assert_eq!(elide(&name, NAME.size, frame.names), name);
        }
    }
}
