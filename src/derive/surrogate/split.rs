//! The best question that a surrogate can ask of one feature (CART; Breiman, Friedman, Olshen & Stone 1984).

use crate::subject::Member;

/// Rows as a surrogate sees them: what it imitates, and how much each counts.
pub(super) struct Target<'a> {
    /// The model's predictions.
    pub predictions: &'a [f64],
    /// Weights.
    pub weights: &'a [f64],
}

/// A question with its worth.
#[derive(Clone, Debug)]
pub(super) struct Split {
    /// The feature.
    pub member: Member,
    /// The question; yes goes left.
    pub question: Question,
    /// Whether missing values go left.
    pub missing_left: bool,
    /// Whether there are missing values at all.
    pub has_missing: bool,
    /// How much the sum of squared errors falls.
    pub gain: f64,
}

/// A yes or no question of a value that is there.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// Whether it is at most so much.
    AtMost(f64),
    /// Whether it is one of these categories, ascending; those that follow are the others in the data.
    OneOf(Vec<f64>, Vec<f64>),
}

/// Sums over rows.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    rows: usize,
    weight: f64,
    total: f64,
}

impl Split {
    /// Whether a value goes left.
    pub fn goes_left(&self, value: f64) -> bool {
        match &self.question {
            _ if value.is_nan() => self.missing_left,
            Question::AtMost(limit) => value <= *limit,
            Question::OneOf(yes, _) => yes.contains(&value),
        }
    }

    /// The conditions of the left and of the right side, in words.
    pub fn conditions(&self) -> [String; 2] {
        let text = |value: &f64| self.member.values.text(*value).unwrap_or_default();
        let list = |values: &[f64]| values.iter().map(text).collect::<Vec<_>>().join(", ");
        let name = &self.member.name;
        let sides = match &self.question {
            Question::AtMost(limit) => [format!("{name} ≤ {}", text(limit)), format!("{name} > {}", text(limit))],
            Question::OneOf(yes, no) => [format!("{name} is {}", list(yes)), format!("{name} is {}", list(no))],
        };
        let missing = |side: String, here: bool| if here && self.has_missing { format!("{side} or missing") } else { side };
        let [left, right] = sides;
        [missing(left, self.missing_left), missing(right, !self.missing_left)]
    }
}

/// The split of `rows` by a feature that leaves the smallest sum of squared errors, with at least `least` rows on either side.
///
/// Of a category's subsets only those count that are unions of the first ones in the order of their mean predictions (Fisher 1958).
pub(super) fn best(member: &Member, values: &[f64], target: &Target, rows: &[usize], least: usize) -> Option<Split> {
    let mut present: Vec<usize> = rows.iter().copied().filter(|row| !values[*row].is_nan()).collect();
    present.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let missing = Sums::of(rows.iter().copied().filter(|row| values[*row].is_nan()), target);
    let mut groups: Vec<(f64, Sums)> =
        present.chunk_by(|a, b| values[*a] == values[*b]).map(|rows| (values[rows[0]], Sums::of(rows.iter().copied(), target))).collect();
    if !member.values.is_ordered() {
        groups.sort_by(|a, b| a.1.mean().total_cmp(&b.1.mean()));
    }
    let all = groups.iter().fold(missing, |all, (_, sums)| all.and(*sums));
    let (mut below, mut found): (Sums, Option<(f64, usize, bool)>) = (Sums::default(), None);
    for (place, (_, sums)) in groups.iter().enumerate().take(groups.len().saturating_sub(1)) {
        below = below.and(*sums);
        for missing_left in [true, false].into_iter().skip(usize::from(missing.rows == 0)) {
            let left = if missing_left { below.and(missing) } else { below };
            let right = all.without(left);
            let gain = left.explained() + right.explained() - all.explained();
            if left.rows >= least
                && right.rows >= least
                && left.weight > 0.0
                && right.weight > 0.0
                && found.is_none_or(|best| gain > best.0)
            {
                found = Some((gain, place, missing_left));
            }
        }
    }
    let (gain, place, missing_left) = found?;
    let question = if member.values.is_ordered() {
        let (low, high) = (groups[place].0, groups[place + 1].0);
        let middle = low + (high - low) / 2.0;
        Question::AtMost(if middle.is_finite() && middle < high { middle } else { low })
    } else {
        let mut sides = [&groups[..=place], &groups[place + 1..]].map(|side| side.iter().map(|group| group.0).collect::<Vec<_>>());
        sides.iter_mut().for_each(|side| side.sort_by(f64::total_cmp));
        let [yes, no] = sides;
        Question::OneOf(yes, no)
    };
    Some(Split { member: member.clone(), question, missing_left, has_missing: missing.rows > 0, gain })
}

impl Sums {
    fn of(rows: impl Iterator<Item = usize>, target: &Target) -> Self {
        rows.fold(Self::default(), |sums, row| {
            let weight = target.weights[row];
            Self { rows: sums.rows + 1, weight: sums.weight + weight, total: sums.total + weight * target.predictions[row] }
        })
    }

    fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, weight: self.weight + other.weight, total: self.total + other.total }
    }

    fn without(self, other: Self) -> Self {
        Self { rows: self.rows - other.rows, weight: self.weight - other.weight, total: self.total - other.total }
    }

    fn mean(self) -> f64 {
        if self.weight > 0.0 { self.total / self.weight } else { 0.0 }
    }

    /// What the mean explains of the sum of squares.
    fn explained(self) -> f64 {
        self.total * self.mean()
    }
}
