//! Many points as few: cells of points that lie close together, in memory that does not grow with the rows.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Points with their numbers of rows; a point of several rows is their mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// Coordinates of a point.
    width: usize,
    /// Rows of each point.
    rows: Vec<f64>,
    /// Means, point after point.
    means: Vec<f64>,
}

/// Points in a box, with how far they are from their mean.
struct Cell {
    points: Vec<usize>,
    rows: f64,
    mean: Vec<f64>,
    /// Σ rows·(x − mean)² over points and coordinates, and the coordinate with the largest part of it.
    spread: f64,
    widest: usize,
    /// Cells made before this one.
    age: usize,
}

impl Points {
    /// None yet, of so many coordinates.
    pub fn new(width: usize) -> Self {
        Self { width, rows: Vec::new(), means: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, values: impl IntoIterator<Item = f64>) {
        self.rows.push(1.0);
        self.means.extend(values);
    }

    /// Adds other points after these.
    pub fn append(&mut self, later: Self) {
        self.rows.extend(later.rows);
        self.means.extend(later.means);
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Rows of a point.
    pub fn rows(&self, point: usize) -> f64 {
        self.rows[point]
    }

    /// A point.
    pub fn mean(&self, point: usize) -> &[f64] {
        &self.means[point * self.width..][..self.width]
    }

    /// The point nearest to a row, if there is one.
    pub fn nearest(&self, row: &[f64]) -> Option<usize> {
        let distance = |point: usize| self.mean(point).iter().zip(row).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        (0..self.len()).map(|point| (point, distance(point))).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(point, _)| point)
    }

    /// At most `most` points for these: the cell whose points are farthest from their mean is cut in two at the mean of its widest coordinate,
    /// again and again (as Wan, Wong & Prusinkiewicz 1988 quantise colours). A function of the points and their order alone.
    #[must_use]
    pub fn condensed(self, most: usize) -> Self {
        if self.len() <= most {
            return self;
        }
        let (mut cells, mut done) = (BinaryHeap::new(), Vec::new());
        cells.push(Cell::new(&self, (0..self.len()).collect(), 0));
        while cells.len() + done.len() < most {
            let Some(cell) = cells.pop() else { break };
            match cell.cut(&self, cells.len() + done.len()) {
                Ok(halves) => cells.extend(halves),
                Err(whole) => done.push(whole),
            }
        }
        done.extend(cells);
        // In the order of their first points, so that what lies together stays together.
        done.sort_unstable_by_key(|cell| cell.points.first().copied());
        let mut condensed = Self::new(self.width);
        for cell in done {
            condensed.rows.push(cell.rows);
            condensed.means.extend(cell.mean);
        }
        condensed
    }
}

impl Cell {
    fn new(all: &Points, points: Vec<usize>, age: usize) -> Self {
        let rows: f64 = points.iter().map(|point| all.rows[*point]).sum();
        let (mut mean, mut spread) = (vec![0.0; all.width], vec![0.0; all.width]);
        for point in &points {
            mean.iter_mut().zip(all.mean(*point)).for_each(|(mean, x)| *mean += all.rows[*point] * x);
        }
        mean.iter_mut().for_each(|mean| *mean /= rows);
        for point in &points {
            let terms = mean.iter().zip(all.mean(*point));
            spread.iter_mut().zip(terms).for_each(|(spread, (mean, x))| *spread += all.rows[*point] * (x - mean) * (x - mean));
        }
        let widest = (0..all.width).max_by(|a, b| spread[*a].total_cmp(&spread[*b])).unwrap_or(0);
        Self { points, rows, mean, spread: spread.iter().sum(), widest, age }
    }

    /// Two halves, or the cell itself where its points do not differ.
    fn cut(self, all: &Points, age: usize) -> Result<[Self; 2], Self> {
        let Some(middle) = self.mean.get(self.widest) else { return Err(self) };
        let (low, high): (Vec<usize>, Vec<usize>) = self.points.iter().partition(|point| all.mean(**point)[self.widest] < *middle);
        if low.is_empty() || high.is_empty() {
            return Err(self);
        }
        Ok([Self::new(all, low, age + 1), Self::new(all, high, age + 2)])
    }
}

impl Ord for Cell {
    fn cmp(&self, other: &Self) -> Ordering {
        self.spread.total_cmp(&other.spread).then(other.age.cmp(&self.age))
    }
}

impl PartialOrd for Cell {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Cell {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_groups_stay_apart_and_means_are_exact() {
        // Three groups of points around 0, 10 and 100; what is left of 3 000 are three points with their means and rows.
        let mut points = Points::new(2);
        (0..3000_u32).for_each(|row| {
            let centre = [0.0, 10.0, 100.0][row as usize % 3];
            points.push([centre + f64::from(row % 7) / 8.0, -centre]);
        });
        let few = points.clone().condensed(3);
        let mut means: Vec<(f64, f64)> = (0..3).map(|point| (few.mean(point)[1], few.rows(point))).collect();
        means.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(means, [(-100.0, 1000.0), (-10.0, 1000.0), (0.0, 1000.0)]);
        // Condensing in parts keeps rows and the overall mean.
        let mut parts = points.clone().condensed(50);
        parts.append(points.clone().condensed(40));
        let parts = parts.condensed(20);
        assert_eq!((parts.len(), (0..20).map(|point| parts.rows(point)).sum::<f64>()), (20, 6000.0));
        let mean = (0..20).map(|point| parts.rows(point) * parts.mean(point)[1]).sum::<f64>() / 6000.0;
        assert!((mean + 110.0 / 3.0).abs() < 1e-12, "{mean}");
    }

    #[test]
    fn equal_points_are_one_and_few_stay_as_they_are() {
        let mut points = Points::new(1);
        (0..10).for_each(|_| points.push([2.5]));
        assert_eq!(points.clone().condensed(10), points);
        let one = points.condensed(4);
        assert_eq!((one.len(), one.rows(0), one.mean(0)), (1, 10.0, &[2.5][..]));
        let mut none = Points::new(0);
        (0..3).for_each(|_| none.push([]));
        assert_eq!(none.condensed(2).len(), 1);
    }
}
