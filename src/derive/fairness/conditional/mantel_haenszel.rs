//! Two-by-two tables of group and decision, one a stratum, and what is common to them.

use std::collections::BTreeMap;

use super::{Count, Decisions, Group};

/// One stratum: a and b of the group, c and d of those it is compared with; a and c are favourable decisions.
#[derive(Clone, Copy, Debug)]
struct Cells {
    a: f64,
    b: f64,
    c: f64,
    d: f64,
}

/// The strata in which there is something to compare, scaled so that weights add up to Kish's effective number of rows.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    cells: Vec<Cells>,
    rows: [f64; 2],
}

/// An estimate and its standard error, of a ratio on the log scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    pub value: f64,
    pub error: f64,
}

/// A group beside its reference, in the strata that have both.
pub(super) fn against(cells: &BTreeMap<Group, BTreeMap<Group, Decisions>>, group: &Group, reference: &Group) -> Tables {
    let (empty, of) = (BTreeMap::new(), |group| cells.get(group));
    let (own, others) = (of(group).unwrap_or(&empty), of(reference).unwrap_or(&empty));
    let pairs = own.iter().filter_map(|(stratum, own)| Some((*own, *others.get(stratum)?)));
    Tables::of(pairs.filter(|(own, others)| own.iter().any(|count| count.weight > 0.0) && others.iter().any(|count| count.weight > 0.0)))
}

/// A group beside all others, in the strata in which decisions differ.
pub(super) fn against_all(cells: &BTreeMap<Group, BTreeMap<Group, Decisions>>, group: &Group) -> Tables {
    let mut strata: BTreeMap<&Group, [Decisions; 2]> = BTreeMap::new();
    for (name, own) in cells {
        for (stratum, decisions) in own {
            let sums = &mut strata.entry(stratum).or_default()[usize::from(name != group)];
            sums.iter_mut().zip(decisions).for_each(|(sum, more)| sum.merge(*more));
        }
    }
    let decided = |sides: &[Decisions; 2], decision: usize| sides.iter().any(|side| side[decision].weight > 0.0);
    let strata = strata.into_values().filter(|sides| decided(sides, 0) && decided(sides, 1));
    Tables::of(strata.map(|[own, others]| (own, others)))
}

impl Cells {
    fn rows(self) -> f64 {
        self.a + self.b + self.c + self.d
    }
}

impl Tables {
    fn of(strata: impl Iterator<Item = (Decisions, Decisions)>) -> Self {
        let strata: Vec<(Decisions, Decisions)> = strata.collect();
        let mut total = Count::default();
        strata.iter().flat_map(|(own, others)| own.iter().chain(others)).for_each(|count| total.merge(*count));
        let scale = if total.squares > 0.0 { total.weight / total.squares } else { 1.0 };
        let scaled = |(own, others): &(Decisions, Decisions)| Cells {
            a: own[1].weight * scale,
            b: own[0].weight * scale,
            c: others[1].weight * scale,
            d: others[0].weight * scale,
        };
        let rows =
            |side: &dyn Fn(&(Decisions, Decisions)) -> Decisions| strata.iter().flat_map(|pair| side(pair).map(|count| count.rows)).sum();
        Self { cells: strata.iter().map(scaled).collect(), rows: [rows(&|pair| pair.0), rows(&|pair| pair.1)] }
    }

    /// Strata.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Rows of the group, and of those it is compared with.
    pub fn rows(&self) -> [f64; 2] {
        self.rows
    }

    fn sum(&self, term: impl Fn(Cells) -> f64) -> f64 {
        self.cells.iter().map(|cells| term(*cells)).sum()
    }

    /// Conditional demographic disparity, Σ n·(share of the group among unfavourable decisions − its share among favourable ones) / Σ n
    /// (Wachter, Mittelstadt & Russell 2021), decisions' shares as independent binomials.
    pub fn disparity(&self) -> Estimate {
        let n = self.sum(Cells::rows);
        let shares = |cells: Cells| (cells.b / (cells.b + cells.d), cells.b + cells.d, cells.a / (cells.a + cells.c), cells.a + cells.c);
        let value = self.sum(|cells| cells.rows() * (shares(cells).0 - shares(cells).2)) / n;
        let variance = self.sum(|cells| {
            let (refused, refusals, favoured, favours) = shares(cells);
            (cells.rows() / n).powi(2) * (refused * (1.0 - refused) / refusals + favoured * (1.0 - favoured) / favours)
        });
        Estimate { value, error: variance.sqrt() }
    }

    /// Common odds ratio Σ ad/n / Σ bc/n (Mantel & Haenszel 1959), its logarithm's variance by Robins, Breslow & Greenland (1986).
    pub fn odds_ratio(&self) -> Estimate {
        let [p, q, r, s] = [
            |cells: Cells| (cells.a + cells.d) / cells.rows(),
            |cells: Cells| (cells.b + cells.c) / cells.rows(),
            |cells: Cells| cells.a * cells.d / cells.rows(),
            |cells: Cells| cells.b * cells.c / cells.rows(),
        ];
        let (odds, against) = (self.sum(r), self.sum(s));
        let variance = self.sum(|cells| p(cells) * r(cells)) / (2.0 * odds * odds)
            + self.sum(|cells| p(cells) * s(cells) + q(cells) * r(cells)) / (2.0 * odds * against)
            + self.sum(|cells| q(cells) * s(cells)) / (2.0 * against * against);
        Estimate { value: odds / against, error: variance.sqrt() }
    }

    /// Common ratio of favourable rates Σ a(c + d)/n / Σ c(a + b)/n, its logarithm's variance by Greenland & Robins (1985).
    pub fn rate_ratio(&self) -> Estimate {
        let own = self.sum(|cells| cells.a * (cells.c + cells.d) / cells.rows());
        let others = self.sum(|cells| cells.c * (cells.a + cells.b) / cells.rows());
        let variance = self.sum(|cells| {
            let (n, favoured) = (cells.rows(), cells.a + cells.c);
            ((cells.a + cells.b) * (cells.c + cells.d) * favoured - cells.a * cells.c * n) / (n * n)
        });
        Estimate { value: own / others, error: (variance / (own * others)).sqrt() }
    }

    /// Common difference of favourable rates Σ (a(c + d) − c(a + b))/n / Σ (a + b)(c + d)/n, its variance by Sato (1989).
    pub fn rate_difference(&self) -> Estimate {
        let weight = self.sum(|cells| (cells.a + cells.b) * (cells.c + cells.d) / cells.rows());
        let value = self.sum(|cells| (cells.a * (cells.c + cells.d) - cells.c * (cells.a + cells.b)) / cells.rows()) / weight;
        let p = |cells: Cells| {
            let (m, k, n) = (cells.a + cells.b, cells.c + cells.d, cells.rows());
            (m * m * cells.c - k * k * cells.a + m * k * (k - m) / 2.0) / (n * n)
        };
        let q = |cells: Cells| (cells.a * cells.d + cells.c * cells.b) / (2.0 * cells.rows());
        Estimate { value, error: ((value * self.sum(p) + self.sum(q)) / (weight * weight)).sqrt() }
    }

    /// The Cochran–Mantel–Haenszel test of no association as a normal deviate, without correction for continuity.
    pub fn association(&self) -> f64 {
        let excess = self.sum(|cells| cells.a - (cells.a + cells.b) * (cells.a + cells.c) / cells.rows());
        let variance = self.sum(|cells| {
            let n = cells.rows();
            let product = (cells.a + cells.b) * (cells.c + cells.d) * (cells.a + cells.c) * (cells.b + cells.d);
            if n > 1.0 { product / (n * n * (n - 1.0)) } else { 0.0 }
        });
        excess / variance.sqrt()
    }
}
