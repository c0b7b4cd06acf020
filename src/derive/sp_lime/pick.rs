//! The greedy submodular pick (Ribeiro, Singh & Guestrin 2016, algorithm 2).
//!
//! With `W` the rows' attributions, a feature has the importance `I_j = √(Σ_i |W_ij|)`, and rows `V` the coverage `c(V) = Σ_j [∃ i ∈ V: i covers j] · I_j`. `c` is monotone and
//! submodular, so that picking the largest gain again and again is within `1 − 1/e` of the best (Nemhauser, Wolsey & Fisher 1978).

/// One pick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pick {
    /// The row's place.
    pub row: usize,
    /// What it adds to the coverage, as a share of Σ I.
    pub gain: f64,
    /// The coverage with it, as a share of Σ I.
    pub coverage: f64,
}

/// Picks at most `picks` of the rows `weights`; a row covers a feature whose |weight| exceeds `share` of the row's total. Ties go to the earlier row; rows that add
/// nothing are not picked.
pub(super) fn pick(weights: &[&[f64]], picks: usize, share: f64) -> Vec<Pick> {
    let features = weights.first().map_or(0, |row| row.len());
    let importance: Vec<f64> = (0..features).map(|feature| weights.iter().map(|row| row[feature].abs()).sum::<f64>().sqrt()).collect();
    let all: f64 = importance.iter().sum();
    let covers = |row: &&[f64]| -> Vec<usize> {
        let least = share * row.iter().map(|weight| weight.abs()).sum::<f64>();
        (0..features).filter(|&feature| row[feature].abs() > least).collect()
    };
    let covers: Vec<Vec<usize>> = weights.iter().map(covers).collect();
    let (mut covered, mut picked, mut coverage) = (vec![false; features], Vec::new(), 0.0);
    while picked.len() < picks {
        let gain = |row: usize| covers[row].iter().filter(|&&feature| !covered[feature]).map(|&feature| importance[feature]).sum::<f64>();
        let best = (0..weights.len()).map(|row| (row, gain(row))).fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best });
        if best.1 <= 0.0 {
            break;
        }
        covers[best.0].iter().for_each(|&feature| covered[feature] = true);
        coverage += best.1;
        picked.push(Pick { row: best.0, gain: best.1 / all, coverage: coverage / all });
    }
    picked
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::numeric::seed::generator;

    /// Figure 5 of the paper: five rows and features; the second feature is the most important, and after the row of the second and third the last row,
    /// of the fourth and fifth, gains most: "the third instance adds nothing".
    #[test]
    fn the_papers_toy_example_picks_the_second_and_the_last() {
        let toy: [&[f64]; 5] = [
            &[1.0, 1.0, 0.0, 0.0, 0.0],
            &[0.0, 1.0, 1.0, 0.0, 0.0],
            &[0.0, 1.0, 1.0, 0.0, 0.0],
            &[0.0, 1.0, 0.0, 0.0, 0.0],
            &[0.0, 0.0, 0.0, 1.0, 1.0],
        ];
        let picked = pick(&toy, 2, 0.0);
        assert_eq!(picked.iter().map(|pick| pick.row).collect::<Vec<_>>(), [1, 4]);
        // I = (1, 2, √2, 1, 1).
        let all = 5.0 + 2.0_f64.sqrt();
        assert!((picked[0].gain - (2.0 + 2.0_f64.sqrt()) / all).abs() < 1e-15);
        assert!((picked[1].coverage - (4.0 + 2.0_f64.sqrt()) / all).abs() < 1e-15);
        // The rest is covered by one more row; then nothing is left to gain.
        assert_eq!(pick(&toy, 5, 0.0).iter().map(|pick| pick.row).collect::<Vec<_>>(), [1, 4, 0]);
    }

    #[test]
    fn greedy_is_within_its_bound_of_the_best_by_enumeration() {
        let rng = &mut generator(9, "test", 0);
        for _ in 0..200 {
            let rows: Vec<Vec<f64>> =
                (0..8).map(|_| (0..7).map(|_| if rng.random_bool(0.3) { rng.random_range(-1.0..1.0) } else { 0.0 }).collect()).collect();
            let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
            let importance: Vec<f64> = (0..7).map(|j| rows.iter().map(|row| row[j].abs()).sum::<f64>().sqrt()).collect();
            let coverage = |set: u32| -> f64 {
                (0..7).filter(|&j| (0..8).any(|row| set >> row & 1 == 1 && rows[row][j] != 0.0)).map(|j| importance[j]).sum()
            };
            let best =
                (0..1_u32 << 8).filter(|set| set.count_ones() == 3).map(coverage).fold(0.0, f64::max) / importance.iter().sum::<f64>();
            let found = pick(&rows, 3, 0.0).last().map_or(0.0, |pick| pick.coverage);
            assert!(found <= best + 1e-12 && found >= (1.0 - (-1.0_f64).exp()) * best - 1e-12, "{found} of {best}");
        }
    }

    #[test]
    fn small_shares_cover_nothing_and_ties_go_to_the_first() {
        let rows: [&[f64]; 3] = [&[0.0, 0.0], &[0.96, 0.04], &[-0.96, 0.04]];
        assert_eq!(pick(&rows, 3, 0.05).iter().map(|pick| pick.row).collect::<Vec<_>>(), [1]);
        assert!(pick(&[], 3, 0.0).is_empty());
    }
}
