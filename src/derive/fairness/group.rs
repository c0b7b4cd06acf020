//! A group: one value of an attribute, or one of each of a combination's, in an order that readers expect.

use std::fmt;

use super::GROUPS;

/// What stands between the parts of a combination's name, of its attribute and of its groups.
pub(super) const AND: &str = " & ";

/// The group of rows without a value.
pub(super) const MISSING: &str = "missing";

/// One part of a group for each attribute that it is made of; bands and numbers come in their own order, missing values last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub(super) Vec<Part>);

/// The value of one attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    /// A band of numbers, by its place from below, and its name.
    Band(usize, String),
    /// A whole number.
    Number(i64),
    /// Any other value.
    Text(String),
    /// No value.
    Missing,
    /// Any of more groups than are looked at.
    Crowd,
}

impl Group {
    /// The group of rows of which a part is not known.
    pub(super) fn missing() -> Self {
        Self(vec![Part::Missing])
    }

    /// No group.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// What stands for the groups of an attribute that has too many.
    pub(super) fn crowd() -> Self {
        Self(vec![Part::Crowd])
    }

    /// Whether it is what stands for too many groups.
    pub(super) fn is_crowd(&self) -> bool {
        self.0.contains(&Part::Crowd)
    }

    /// Whether it is the group of rows of which a part is not known.
    pub(super) fn is_missing(&self) -> bool {
        self.0.contains(&Part::Missing)
    }

    /// The combination of two groups, which is missing where either is.
    pub(super) fn and(&self, other: &Self) -> Self {
        if self.is_missing() || other.is_missing() { Self::missing() } else { Self([self.0.as_slice(), &other.0].concat()) }
    }
}

impl Part {
    /// The bands between ascending borders: `under 25`, `25 to under 40`, `60 and over`.
    pub fn bands(borders: &[f64]) -> Vec<Self> {
        let name = |band: usize| match (band.checked_sub(1).and_then(|below| borders.get(below)), borders.get(band)) {
            (None, Some(high)) => format!("under {high}"),
            (Some(low), Some(high)) => format!("{low} to under {high}"),
            (Some(low), None) => format!("{low} and over"),
            (None, None) => String::new(),
        };
        (0..=borders.len()).map(|band| Self::Band(band, name(band))).collect()
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Band(_, name) | Self::Text(name) => formatter.write_str(name),
            Self::Number(number) => number.fmt(formatter),
            Self::Missing => formatter.write_str(MISSING),
            Self::Crowd => write!(formatter, "more than {GROUPS} groups"),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(place, part)| {
            formatter.write_str(if place > 0 { AND } else { "" })?;
            part.fmt(formatter)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_in_the_order_that_readers_expect() {
        let bands = Part::bands(&[5.0, 25.0, 100.5]);
        let text = |text: &str| Part::Text(text.into());
        let mut groups: Vec<Group> = bands.iter().map(|band| Group(vec![text("a"), band.clone()])).collect();
        groups.extend([Group::missing(), Group(vec![Part::Number(10)]), Group(vec![Part::Number(9)])]);
        groups.reverse();
        groups.sort();
        let names: Vec<String> = groups.iter().map(Group::to_string).collect();
        assert_eq!(names, ["9", "10", "a & under 5", "a & 5 to under 25", "a & 25 to under 100.5", "a & 100.5 and over", "missing"]);
        assert!(groups[0].and(&Group::missing()).is_missing());
    }
}
