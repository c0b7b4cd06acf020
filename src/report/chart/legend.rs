//! The legend of groups: a coloured square and a name each, as many in a line as fit.

use super::canvas::{Canvas, Drawn, Face};
use super::frame::{MARGIN, NOTE, WIDTH};
use super::palette;
use super::text::width;

const LINE: f64 = 18.0;

/// Names in the colours of [`palette::GROUPS`], with where they are below the legend's upper end.
#[derive(Debug)]
pub(super) struct Legend {
    names: Vec<String>,
    places: Vec<(f64, f64)>,
}

impl Legend {
    /// Of these names.
    pub fn new(names: Vec<String>) -> Self {
        let (mut x, mut y) = (MARGIN, 0.0);
        let place = |name: &String| {
            let wide = 15.0 + width(name, NOTE.size) + 16.0;
            if x > MARGIN && x + wide > WIDTH - MARGIN {
                (x, y) = (MARGIN, y + LINE);
            }
            let place = (x, y);
            x += wide;
            place
        };
        let places = names.iter().map(place).collect();
        Self { names, places }
    }

    /// Height that it takes.
    pub fn height(&self) -> f64 {
        self.places.last().map_or(0.0, |(_, y)| y + LINE + 4.0)
    }

    /// Draws it.
    pub fn draw(&self, canvas: &Canvas, top: f64) -> Drawn {
        for ((name, (x, y)), colour) in self.names.iter().zip(&self.places).zip(&palette::GROUPS) {
            let y = top + y + 6.0;
            canvas.rect((*x, y - 5.0), (x + 10.0, y + 5.0), *colour)?;
            canvas.fitted((x + 15.0, y), Face { colour: palette::INK, ..NOTE }, WIDTH - MARGIN - x - 15.0, name)?;
        }
        Ok(())
    }
}
