//! Shapley values by their definition, where all coalitions are known.

/// `φ_j = Σ_{S ∌ j} |S|! (d − |S| − 1)! / d! · (v(S ∪ j) − v(S))`; `values[S]` is the value of the coalition whose bits are `S`.
pub(super) fn shapley(players: usize, values: &[f64]) -> Vec<f64> {
    // weight[s] = 1 / (d · C(d − 1, s))
    let mut weights = vec![1.0 / players as f64];
    for s in 1..players {
        weights.push(weights[s - 1] * s as f64 / (players - s) as f64);
    }
    let gain = |player: usize, set: usize| weights[set.count_ones() as usize] * (values[set | 1 << player] - values[set]);
    (0..players).map(|player| (0..values.len()).filter(|set| set >> player & 1 == 0).map(|set| gain(player, set)).sum()).collect()
}
