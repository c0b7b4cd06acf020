//! Lines of equal height on a grid, and the outline of points.

/// A place.
type At = (f64, f64);

/// Straight pieces of the lines on which a surface has a height; `heights[i][j]` is at `(xs[i], ys[j])`, and a cell with a corner that is not
/// known has none (marching squares, the middle deciding what saddles look like).
pub(super) fn contour(xs: &[f64], ys: &[f64], heights: &[Vec<f64>], level: f64) -> Vec<(At, At)> {
    let mut pieces = Vec::new();
    for i in 1..xs.len() {
        for j in 1..ys.len() {
            let corner = |(a, b): (usize, usize)| ((xs[a], ys[b]), heights[a][b] - level);
            // Around the cell.
            let corners = [(i - 1, j - 1), (i, j - 1), (i, j), (i - 1, j)].map(corner);
            if corners.iter().any(|corner| !corner.1.is_finite()) {
                continue;
            }
            let crossing = |side: usize| {
                let ((a, from), (b, to)) = (corners[side], corners[(side + 1) % 4]);
                let share = from / (from - to);
                ((from < 0.0) != (to < 0.0)).then_some((a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share))
            };
            let crossings: Vec<At> = (0..4).filter_map(crossing).collect();
            match crossings[..] {
                [a, b] => pieces.push((a, b)),
                [a, b, c, d] => {
                    let middle: f64 = corners.iter().map(|corner| corner.1).sum();
                    let joined = (middle < 0.0) == (corners[0].1 < 0.0);
                    pieces.extend(if joined { [(a, b), (c, d)] } else { [(d, a), (b, c)] });
                }
                _ => {}
            }
        }
    }
    pieces
}

/// The convex hull of points, once around (Andrew 1979).
pub(super) fn hull(mut points: Vec<At>) -> Vec<At> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points.dedup();
    let half = |points: &mut dyn Iterator<Item = At>| {
        let mut half: Vec<At> = Vec::new();
        for point in points {
            while let [.., a, b] = half[..] {
                if (b.0 - a.0) * (point.1 - a.1) - (b.1 - a.1) * (point.0 - a.0) > 0.0 {
                    break;
                }
                half.pop();
            }
            half.push(point);
        }
        half
    };
    let (mut lower, upper) = (half(&mut points.iter().copied()), half(&mut points.iter().rev().copied()));
    lower.pop();
    lower.extend(upper);
    lower
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contours_of_a_plane_are_straight_and_of_a_saddle_two() {
        let (xs, ys) = ([0.0, 1.0, 3.0], [0.0, 2.0]);
        let plane: Vec<Vec<f64>> = xs.iter().map(|x| ys.iter().map(|y| x + y).collect()).collect();
        let pieces = contour(&xs, &ys, &plane, 1.5);
        assert!(!pieces.is_empty() && pieces.iter().flat_map(|(a, b)| [a, b]).all(|at| (at.0 + at.1 - 1.5).abs() < 1e-15));
        assert_eq!(contour(&xs, &ys, &plane, 9.0), []);
        let saddle = [vec![1.0, -1.0], vec![-1.0, 1.5]];
        // The middle is above: the high corners are joined, and each line cuts off a low one.
        let pieces = contour(&[0.0, 1.0], &[0.0, 1.0], &saddle, 0.0);
        assert_eq!(pieces, [((0.5, 0.0), (1.0, 0.4)), ((0.4, 1.0), (0.0, 0.5))]);
        assert_eq!(contour(&[0.0, 1.0], &[0.0, 1.0], &[vec![f64::NAN, -1.0], vec![-1.0, 1.0]], 0.0), []);
    }

    #[test]
    fn a_hull_goes_around_all_points() {
        let square = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)];
        let mut points = square.to_vec();
        points.extend([(1.0, 1.0), (0.5, 1.5), (1.0, 0.0)]);
        assert_eq!(hull(points), [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0), (0.0, 0.0)]);
        assert_eq!(hull(vec![]), []);
        assert_eq!(hull(vec![(1.0, 1.0); 3]), [(1.0, 1.0)]);
    }
}
