//! Which outputs of a model are drawn, and what their figures are called.

use crate::table::Table;

/// Outputs that are drawn of a model with more.
pub(super) const OUTPUTS: usize = 4;

/// An output of a figure of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output<'a> {
    pub name: &'a str,
    /// Its place, where there are several.
    place: Option<usize>,
}

impl<'a> Output<'a> {
    /// The output at a place among `count`.
    pub fn new(name: &'a str, place: usize, count: usize) -> Self {
        Self { name, place: (count > 1).then_some(place) }
    }

    /// A title, with the output's name where there are several.
    pub fn title(&self, title: &str) -> String {
        self.place.map_or_else(|| title.to_owned(), |_| format!("{title}, output {}", self.name))
    }

    /// A file stem, with the output's place where there are several.
    pub fn stem(&self, stem: &str) -> String {
        self.place.map_or_else(|| stem.to_owned(), |place| format!("{stem}-{place}"))
    }
}

/// The outputs of a table that are drawn: the first ones, in its order.
pub(super) fn outputs(table: &Table) -> Vec<Output<'_>> {
    let mut names: Vec<&str> = Vec::new();
    for name in table.texts("output").iter().flatten() {
        if names.last() != Some(&name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names.iter().enumerate().take(OUTPUTS).map(|(place, name)| Output::new(name, place, names.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::texts;

    #[test]
    fn several_outputs_are_told_apart_and_one_needs_no_name() {
        let named = |names: &[&str]| {
            let table = Table::new("pdp", vec![("output", texts(names))]);
            outputs(&table).iter().map(|output| (output.title("Effects"), output.stem("pdp"))).collect::<Vec<_>>()
        };
        let both = |title: &str, stem: &str| (title.to_owned(), stem.to_owned());
        assert_eq!(named(&["bad", "bad"]), [both("Effects", "pdp")]);
        assert_eq!(named(&["x", "x", "y", "x"]), [both("Effects, output x", "pdp-0"), both("Effects, output y", "pdp-1")]);
        assert_eq!(named(&["a", "b", "c", "d", "e"]).len(), OUTPUTS);
    }
}
