//! How predictions change as rows move to the points beside them, along one feature at a time.

use std::sync::Arc;

use super::Axis;
use crate::dataset::{FeatureBlock, RowBatch};
use crate::model::{Link, Output, PredictError, Predictor};
use crate::pattern::{Changes, Steps, Track};
use crate::subject::Subject;

/// The model along some axes.
pub(in crate::derive) enum Local {
    /// Trees, in margin space or through a link.
    Forest(Box<Steps>, Option<Link>),
    /// Anything else.
    Any(Arc<dyn Predictor>),
}

impl Local {
    /// The subject's model, in the space that its predictor predicts in.
    pub fn new(subject: &Subject, axes: &[Axis]) -> Self {
        let track = |axis: &Axis| {
            let track = Track { feature: axis.member.column, points: axis.points.clone() };
            (track, (0..axis.cells()).map(|cell| axis.targets(cell)).collect())
        };
        let steps =
            subject.forest.as_ref().and_then(|forest| Some((forest.link, Steps::new(forest, axes.iter().map(track).collect()).ok()?)));
        match steps {
            // What patterns cannot hold is called like any other model.
            None => Self::Any(Arc::clone(&subject.predictor)),
            Some((link, steps)) => {
                let link = Some(link).filter(|link| subject.space == Output::Probability && *link != Link::Identity);
                Self::Forest(Box::new(steps), link)
            }
        }
    }

    /// Whether the rows' own margins are needed.
    pub fn wants_margins(&self) -> bool {
        matches!(self, Self::Forest(_, Some(_)))
    }

    /// Shows how the prediction of each row changes when it moves to the targets of its cell on each axis, some rows at a time.
    ///
    /// `margins` are the rows' own, `output · rows + row`, where they are wanted.
    ///
    /// # Errors
    /// If the model cannot be evaluated.
    pub fn changes(
        &self,
        axes: &[Axis],
        rows: &RowBatch,
        cells: &[Vec<Option<u32>>],
        margins: &[f64],
        mut see: impl FnMut(&Changes<'_>),
    ) -> Result<(), PredictError> {
        match self {
            Self::Forest(steps, link) => {
                steps.visit(&rows.features, cells, |changes| {
                    if let Some(link) = link {
                        linked(*link, rows.rows(), margins, changes);
                    }
                    see(changes);
                });
                Ok(())
            }
            Self::Any(predictor) => predicted(&**predictor, axes, rows, cells, see),
        }
    }
}

/// Turns changes of margins into those of predictions; `count` rows have margins.
fn linked(link: Link, count: usize, margins: &[f64], changes: &mut Changes<'_>) {
    let outputs = changes.outputs;
    let own = |row: usize| (0..outputs).map(move |output| margins[output * count + row]);
    let mut base: Vec<f64> = (0..changes.rows).flat_map(|row| own(changes.first + row)).collect();
    base.chunks_exact_mut(outputs).for_each(|row| link.apply(row));
    let mut moved = vec![0.0; outputs];
    for track in changes.values.chunks_exact_mut(outputs * changes.stride) {
        for row in 0..changes.rows {
            if (0..outputs).all(|output| track[output * changes.stride + row] == 0.0) {
                continue;
            }
            moved.iter_mut().zip(own(changes.first + row)).enumerate().for_each(|(output, (moved, margin))| {
                *moved = margin + track[output * changes.stride + row];
            });
            link.apply(&mut moved);
            for (output, moved) in moved.iter().enumerate() {
                track[output * changes.stride + row] = moved - base[row * outputs + output];
            }
        }
    }
}

/// By predicting every row, and every row at each target.
fn predicted(
    predictor: &dyn Predictor,
    axes: &[Axis],
    rows: &RowBatch,
    cells: &[Vec<Option<u32>>],
    mut see: impl FnMut(&Changes<'_>),
) -> Result<(), PredictError> {
    let (count, outputs) = (rows.rows(), predictor.outputs().len());
    let base = predictor.predict(&rows.features)?;
    let mut values = Vec::with_capacity(axes.len() * 2 * outputs * count);
    for (axis, cells) in axes.iter().zip(cells) {
        for side in [0, 1] {
            let target =
                |cell: &Option<u32>| cell.and_then(|cell| axis.targets(cell as usize)[side]).map(|point| axis.points[point as usize]);
            let mut moved = rows.features.values().to_vec();
            let column = &mut moved[axis.member.column * count..][..count];
            column.iter_mut().zip(cells).for_each(|(value, cell)| *value = target(cell).unwrap_or(*value));
            let predictions = predictor.predict(&FeatureBlock::new(count, moved))?;
            values.extend(predictions.iter().zip(&base).map(|(moved, own)| moved - own));
        }
    }
    see(&Changes { first: 0, rows: count, outputs, stride: count, values: &mut values });
    Ok(())
}
