//! Features as people know them, and their values as people read them.

/// An explained feature: one model feature, or a group of them whose attributions are summed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedFeature {
    /// Name of the feature or group.
    pub name: String,
    /// The model features in it.
    pub members: Vec<Member>,
}

/// A model feature's values in the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name, as in the dataset.
    pub name: String,
    /// Its column among [`crate::dataset::RowBatch::features`].
    pub column: usize,
    /// What its numbers stand for.
    pub values: Values,
}

/// What a feature's numbers stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// Themselves.
    Number,
    /// Days since 1970-01-01.
    Date,
    /// Seconds since 1970-01-01T00:00:00Z.
    Time,
    /// Category codes; names in code order, as far as they are known.
    Category(Vec<String>),
}

impl Values {
    /// A value as text: a number in its shortest exact form, a category's name where known, a date or time in RFC 3339; `None` if missing.
    pub fn text(&self, x: f64) -> Option<String> {
        if x.is_nan() {
            return None;
        }
        let known = match self {
            Values::Number => None,
            Values::Date => date(x),
            Values::Time => jiff::Timestamp::from_microsecond((x * 1e6).round() as i64).ok().map(|time| time.to_string()),
            Values::Category(names) => (x >= 0.0).then(|| names.get(x as usize).cloned()).flatten(),
        };
        Some(known.unwrap_or_else(|| number(x)))
    }

    /// Whether larger numbers mean more of something.
    pub fn is_ordered(&self) -> bool {
        !matches!(self, Values::Category(_))
    }
}

impl ExplainedFeature {
    /// The value of a feature, or `name=value` for each member of a group, from its members' numbers.
    pub fn text(&self, values: &[f64]) -> Option<String> {
        match (self.members.as_slice(), values) {
            ([member], [value]) => member.values.text(*value),
            (members, values) => {
                let part = |(member, value): (&Member, &f64)| format!("{}={}", member.name, member.values.text(*value).unwrap_or_default());
                Some(members.iter().zip(values).map(part).collect::<Vec<_>>().join("; "))
            }
        }
    }

    /// The value of a single ordered feature as a number; `None` if missing, a category or a group.
    pub fn number(&self, values: &[f64]) -> Option<f64> {
        match (self.members.as_slice(), values) {
            ([member], [value]) if member.values.is_ordered() => Some(*value).filter(|value| !value.is_nan()),
            _ => None,
        }
    }
}

fn date(days: f64) -> Option<String> {
    let days = jiff::Span::new().try_days(days as i64).ok()?;
    jiff::civil::date(1970, 1, 1).checked_add(days).ok().map(|date| date.to_string())
}

/// The shortest text that reads back as the same number, with an exponent for the very large and small.
fn number(x: f64) -> String {
    let text = format!("{x:?}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_people_write_them() {
        let text = |values: &Values, x| values.text(x).unwrap();
        for (x, expected) in [(1.0, "1"), (-0.5, "-0.5"), (0.1, "0.1"), (1e300, "1e300"), (5e-324, "5e-324"), (f64::INFINITY, "inf")] {
            assert_eq!(text(&Values::Number, x), expected);
        }
        assert_eq!(Values::Number.text(f64::NAN), None);
        assert_eq!(text(&Values::Date, 20_000.0), "2024-10-04");
        assert_eq!(text(&Values::Date, -1.0), "1969-12-31");
        assert_eq!(text(&Values::Date, 1e30), "1e30");
        assert_eq!(text(&Values::Time, 951_782_400.5), "2000-02-29T00:00:00.5Z");
        let colours = Values::Category(vec!["red".into(), "blue".into()]);
        assert_eq!([0.0, 1.0, 2.0, -1.0].map(|code| text(&colours, code)), ["red", "blue", "2", "-1"]);
    }

    #[test]
    fn groups_name_their_members() {
        let member = |name: &str| Member { name: name.into(), column: 0, values: Values::Number };
        let group = ExplainedFeature { name: "housing".into(), members: vec![member("own"), member("rent")] };
        assert_eq!(group.text(&[1.0, f64::NAN]).as_deref(), Some("own=1; rent="));
        assert_eq!(group.number(&[1.0, 0.0]), None);
        let single = ExplainedFeature { name: "age".into(), members: vec![member("age")] };
        assert_eq!((single.text(&[30.0]), single.number(&[30.0])), (Some("30".into()), Some(30.0)));
        assert_eq!((single.text(&[f64::NAN]), single.number(&[f64::NAN])), (None, None));
    }
}
