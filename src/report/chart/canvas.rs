//! The paper: plotters' SVG backend with sizes in CSS pixels, and the finishing of its text.

use std::cell::RefCell;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::text::{elide, printable};

/// Whether drawing worked.
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Units of the drawing in a CSS pixel: plotters places things at whole units.
const UNITS: f64 = 2.0;

/// Where figures are drawn; all positions and sizes are in CSS pixels from the upper left.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    /// Texts that were shortened, as drawn and in full, in the order of drawing.
    shortened: RefCell<Vec<(String, String)>>,
}

/// How a text looks.
#[derive(Clone, Copy)]
pub(super) struct Face {
    /// Size in CSS pixels.
    pub size: f64,
    /// Whether it is bold.
    pub bold: bool,
    /// Its colour.
    pub colour: RGBColor,
    /// Which part of it is at the given position.
    pub anchor: HPos,
}

/// Draws a figure of this size and returns the SVG document; `stem` makes its ids unique on a page.
pub(super) fn svg(
    (width, height): (f64, f64),
    (stem, title, description): (&str, &str, &str),
    draw: impl FnOnce(&Canvas) -> Drawn,
) -> Result<String, DrawingAreaErrorKind<std::io::Error>> {
    let units = |pixels: f64| (pixels * UNITS).ceil() as u32;
    let (mut body, shortened);
    body = String::new();
    {
        let area = SVGBackend::with_string(&mut body, (units(width), units(height))).into_drawing_area();
        let canvas = Canvas { area, shortened: RefCell::default() };
        canvas.area.fill(&super::palette::PAPER)?;
        draw(&canvas)?;
        canvas.area.present()?;
        shortened = canvas.shortened.take();
    }
    let body = with_full_names(&body, &shortened);
    let content = body.split_once('\n').map_or("", |(_, content)| content);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" role=\"img\" \
         aria-labelledby=\"{stem}-title {stem}-desc\">\n<title id=\"{stem}-title\">{}</title>\n<desc id=\"{stem}-desc\">{}</desc>\n{}",
        units(width),
        units(height),
        escape(title),
        escape(description),
        content.replace(" opacity=\"1\"", "").replace(" stroke=\"none\" stroke-width=\"1\"", "").replace(" stroke=\"none\"", ""),
    ))
}

/// Adds the full text to each shortened one, which viewers show on hovering.
fn with_full_names(body: &str, shortened: &[(String, String)]) -> String {
    let (mut done, mut rest) = (String::with_capacity(body.len()), body);
    for (drawn, full) in shortened {
        let Some((before, after)) = rest.split_once(&format!("\n{}\n</text>", escape(drawn))) else { continue };
        done.push_str(&format!("{before}\n{}<title>{}</title>\n</text>", escape(drawn), escape(full)));
        rest = after;
    }
    done + rest
}

fn escape(text: &str) -> String {
    let text = printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&apos;")
}

fn at(x: f64, y: f64) -> (i32, i32) {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}

impl Canvas<'_> {
    /// A text, vertically centred on `y`.
    pub fn text(&self, (x, y): (f64, f64), face: Face, text: &str) -> Drawn {
        let style = if face.bold { FontStyle::Bold } else { FontStyle::Normal };
        // plotters divides by 1.24 what it calls the size.
        let style = TextStyle::from(("sans-serif", face.size * UNITS * 1.24, style).into_font()).color(&face.colour);
        self.area.draw(&Text::new(printable(text), at(x, y), style.pos(Pos::new(face.anchor, VPos::Center))))
    }

    /// A text that is shortened to fit into `room`.
    pub fn fitted(&self, position: (f64, f64), face: Face, room: f64, text: &str) -> Drawn {
        let text = printable(text);
        let drawn = elide(&text, face.size, room);
        self.text(position, face, &drawn)?;
        if drawn != text {
            self.shortened.borrow_mut().push((drawn, text));
        }
        Ok(())
    }

    /// A straight line, one CSS pixel times `width` thick.
    pub fn line(&self, from: (f64, f64), to: (f64, f64), colour: RGBColor, width: f64) -> Drawn {
        let style = colour.stroke_width((width * UNITS).round() as u32);
        self.area.draw(&PathElement::new([at(from.0, from.1), at(to.0, to.1)], style))
    }

    /// A text that is read from bottom to top and ends at the position, shortened to fit into `room`.
    pub fn upright(&self, (x, y): (f64, f64), face: Face, room: f64, text: &str) -> Drawn {
        let text = printable(text);
        let drawn = elide(&text, face.size, room);
        let font = ("sans-serif", face.size * UNITS * 1.24, FontStyle::Normal).into_font().transform(FontTransform::Rotate270);
        let style = TextStyle::from(font).color(&face.colour).pos(Pos::new(HPos::Right, VPos::Center));
        self.area.draw(&Text::new(drawn.clone(), at(x, y), style))?;
        if drawn != text {
            self.shortened.borrow_mut().push((drawn, text));
        }
        Ok(())
    }

    /// Straight lines from point to point.
    pub fn path(&self, points: &[(f64, f64)], colour: RGBColor, width: f64) -> Drawn {
        let style = colour.stroke_width((width * UNITS).round() as u32);
        self.area.draw(&PathElement::new(points.iter().map(|(x, y)| at(*x, *y)).collect::<Vec<_>>(), style))
    }

    /// A filled polygon.
    pub fn polygon(&self, points: &[(f64, f64)], colour: RGBColor) -> Drawn {
        self.area.draw(&Polygon::new(points.iter().map(|(x, y)| at(*x, *y)).collect::<Vec<_>>(), colour.filled()))
    }

    /// A filled rectangle.
    pub fn rect(&self, upper_left: (f64, f64), lower_right: (f64, f64), colour: RGBColor) -> Drawn {
        self.area.draw(&Rectangle::new([at(upper_left.0, upper_left.1), at(lower_right.0, lower_right.1)], colour.filled()))
    }

    /// A filled circle.
    pub fn dot(&self, (x, y): (f64, f64), radius: f64, colour: RGBColor) -> Drawn {
        self.area.draw(&Circle::new(at(x, y), (radius * UNITS).round() as u32, colour.filled()))
    }
}
