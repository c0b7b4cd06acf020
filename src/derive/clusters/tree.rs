//! Ward's hierarchy of points, its leaves in order, and its cut into clusters.

use super::condense::Points;

/// A hierarchy of points.
pub(super) struct Tree {
    /// The points in the order of the leaves.
    pub order: Vec<usize>,
    /// Merges, the nearest first: the two sides' clusters, points being the first ones.
    merges: Vec<[usize; 2]>,
}

/// A cluster while the hierarchy grows.
struct Cluster {
    rows: f64,
    mean: Vec<f64>,
    /// The distance at which it was merged: never below its parts', whatever the rounding.
    height: f64,
    alive: bool,
}

impl Tree {
    /// The hierarchy of points by Ward's (1963) criterion, points of several rows being clusters already; at each merge the side with the smaller
    /// mean total comes first.
    pub fn of(points: &Points) -> Self {
        let n = points.len();
        let merges = chain(points);
        // Sum of totals, rows, and leaves in order of every cluster.
        let leaf = |point: usize| (points.rows(point) * points.mean(point).iter().sum::<f64>(), points.rows(point), vec![point]);
        let mut clusters: Vec<(f64, f64, Vec<usize>)> = (0..n).map(leaf).collect();
        for merge in &merges {
            let [a, b] = merge.map(|side| std::mem::take(&mut clusters[side]));
            let (first, second) = if a.0 / a.1 <= b.0 / b.1 { (a, b) } else { (b, a) };
            clusters.push((first.0 + second.0, first.1 + second.1, [first.2, second.2].concat()));
        }
        Self { order: clusters.pop().map_or_else(Vec::new, |cluster| cluster.2), merges }
    }

    /// The cluster of each leaf, in their order, with at most `count` clusters numbered in that order: the last merges are undone.
    pub fn cut(&self, count: usize) -> Vec<usize> {
        let n = self.order.len();
        let mut cluster: Vec<usize> = (0..n + self.merges.len()).collect();
        let kept = (self.merges.len() + 1).saturating_sub(count);
        for (step, merge) in self.merges.iter().enumerate().take(kept).rev() {
            merge.iter().for_each(|side| cluster[*side] = cluster[n + step]);
        }
        let mut seen: Vec<usize> = Vec::new();
        let number = |point: &usize| match seen.iter().position(|known| *known == cluster[*point]) {
            Some(number) => number,
            None => {
                seen.push(cluster[*point]);
                seen.len() - 1
            }
        };
        self.order.iter().map(number).collect()
    }
}

/// All merges, the nearest first, by the nearest-neighbour chain (Murtagh 1983): clusters that are each other's nearest may be merged at once,
/// since merging brings no other two closer.
fn chain(points: &Points) -> Vec<[usize; 2]> {
    let n = points.len();
    let cluster = |point| Cluster { rows: points.rows(point), mean: points.mean(point).to_vec(), height: 0.0, alive: true };
    let mut clusters: Vec<Cluster> = (0..n).map(cluster).collect();
    let (mut merges, mut path): (Vec<(f64, [usize; 2])>, Vec<usize>) = (Vec::new(), Vec::new());
    while merges.len() + 1 < n {
        let Some(last) = path.last().copied().or_else(|| clusters.iter().position(|cluster| cluster.alive)) else { break };
        if path.is_empty() {
            path.push(last);
        }
        let before = path.len().checked_sub(2).map(|place| path[place]);
        let (next, distance) = nearest(&clusters, last, before);
        if Some(next) != before {
            path.push(next);
            continue;
        }
        path.truncate(path.len() - 2);
        let merged = joined(&clusters[next], &clusters[last], distance);
        (clusters[next].alive, clusters[last].alive) = (false, false);
        merges.push((merged.height, [next, last]));
        clusters.push(merged);
    }
    sorted(n, &merges)
}

/// The living cluster nearest to one, `before` where it is as near as any, and how near.
fn nearest(clusters: &[Cluster], one: usize, before: Option<usize>) -> (usize, f64) {
    let mut best = before.map_or((one, f64::INFINITY), |before| (before, clusters[one].distance(&clusters[before])));
    for (number, cluster) in clusters.iter().enumerate().filter(|(number, cluster)| cluster.alive && *number != one) {
        let distance = clusters[one].distance(cluster);
        if distance < best.1 || best.0 == one {
            best = (number, distance);
        }
    }
    best
}

fn joined(a: &Cluster, b: &Cluster, distance: f64) -> Cluster {
    let rows = a.rows + b.rows;
    let mean = a.mean.iter().zip(&b.mean).map(|(x, y)| (a.rows * x + b.rows * y) / rows).collect();
    Cluster { rows, mean, height: distance.max(a.height).max(b.height), alive: true }
}

/// Merges in the order of their distances, with clusters numbered anew.
fn sorted(n: usize, merges: &[(f64, [usize; 2])]) -> Vec<[usize; 2]> {
    let mut order: Vec<usize> = (0..merges.len()).collect();
    order.sort_by(|a, b| merges[*a].0.total_cmp(&merges[*b].0));
    let mut numbers: Vec<usize> = (0..n + merges.len()).collect();
    order.iter().enumerate().for_each(|(place, merge)| numbers[n + merge] = n + place);
    order.iter().map(|merge| merges[*merge].1.map(|side| numbers[side])).collect()
}

impl Cluster {
    /// By how much merging raises the sum of squares.
    fn distance(&self, other: &Self) -> f64 {
        let squares: f64 = self.mean.iter().zip(&other.mean).map(|(a, b)| (a - b) * (a - b)).sum();
        squares * (self.rows * other.rows / (self.rows + other.rows))
    }
}

#[cfg(test)]
mod tests {
    use kodama::{Method, linkage};

    use super::*;

    fn points(rows: &[[f64; 3]]) -> Points {
        let mut points = Points::new(3);
        rows.iter().for_each(|row| points.push(*row));
        points
    }

    #[test]
    fn single_rows_have_the_hierarchy_that_kodama_finds() {
        let next = |seed: &mut u64| {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (*seed >> 33) as f64 / f64::from(u32::MAX)
        };
        for case in 1..40_u64 {
            let mut seed = case;
            let rows: Vec<[f64; 3]> = (0..2 + case as usize * 3).map(|_| [0; 3].map(|_| next(&mut seed))).collect();
            let distance = |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
            let pair = |a: usize| (a + 1..rows.len()).map(move |b| (a, b));
            let mut distances: Vec<f64> = (0..rows.len()).flat_map(pair).map(|(a, b)| distance(&rows[a], &rows[b])).collect();
            let theirs = linkage(&mut distances, rows.len(), Method::Ward);
            let sorted = |[a, b]: [usize; 2]| [a.min(b), a.max(b)];
            let expected: Vec<[usize; 2]> = theirs.steps().iter().map(|step| sorted([step.cluster1, step.cluster2])).collect();
            assert_eq!(Tree::of(&points(&rows)).merges.iter().map(|merge| sorted(*merge)).collect::<Vec<_>>(), expected, "case {case}");
        }
    }

    #[test]
    fn a_point_of_many_rows_is_as_many_rows_at_one_place() {
        // Of 1, 2 and 3.2 the first two are nearer; with nine rows at 1, moving those costs more than joining 2 and 3.2.
        let few = Tree::of(&points(&[[1.0; 3], [2.0; 3], [3.2; 3]]));
        assert_eq!(few.cut(2), [0, 0, 1]);
        let mut heavy = points(&[[1.0; 3]; 9]).condensed(1);
        heavy.append(points(&[[2.0; 3], [3.2; 3]]));
        assert_eq!((heavy.len(), Tree::of(&heavy).cut(2)), (3, vec![0, 1, 1]));
    }
}
