//! XGBoost models as `save_model` writes them, in JSON or UBJSON, from release 1.0 on.
//!
//! Both encodings decode into one typed [`document`]; everything after that is the same for both. Facts of the format were checked
//! against XGBoost's own reader (`src/gbm/gbtree_model.cc`, `src/tree/tree_model.cc`, `src/data/cat_container.cc`) and its predictions.

mod document;
mod ensemble;
mod features;
mod objective;
mod trees;
mod ubjson;

use std::collections::BTreeMap;

use crate::model::builder::ForestBuilder;
use crate::model::error::ReadError;
use crate::model::forest::{Cover, Forest, Summation, Width};
use crate::model::{Card, Model};

use super::{Format, Iterations, json};
use document::{Document, LearnerParameters};
use ensemble::Ensemble;
use objective::Objective;

/// The registry's entry.
pub(super) const FORMAT: Format = Format { name: "xgboost", about: "XGBoost ≥ 1.0, `save_model` to .json or .ubj", recognise, read };

/// How much of a file's beginning names its format.
const HEAD: usize = 512;

fn recognise(bytes: &[u8]) -> bool {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let has_learner = head.windows(7).any(|word| word == b"learner");
    (json::recognise(bytes) || is_ubjson(bytes)) && has_learner || is_old_binary(bytes)
}

/// An object's brace, then the length of a key or the count of pairs.
fn is_ubjson(bytes: &[u8]) -> bool {
    matches!(bytes, [b'{', b'i' | b'U' | b'I' | b'l' | b'L' | b'$' | b'#', ..])
}

/// The binary format that releases up to 1.x write by default: `binf` (not in the oldest), 136 bytes of parameters, then the names of
/// objective and booster, each after its length.
fn is_old_binary(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"binf").unwrap_or(bytes);
    let name = |at: usize| {
        let length: [u8; 8] = bytes.get(at..at + 8)?.try_into().ok()?;
        let length = usize::try_from(u64::from_le_bytes(length)).ok().filter(|length| *length < 64)?;
        Some((bytes.get(at + 8..at + 8 + length)?, at + 8 + length))
    };
    let booster = name(136).and_then(|(_, next)| name(next)).map(|(booster, _)| booster);
    matches!(booster, Some(b"gbtree" | b"gblinear" | b"dart"))
}

fn read(bytes: &[u8], iterations: Iterations) -> Result<Model, ReadError> {
    let document: Document = if is_ubjson(bytes) {
        ubjson::decode(bytes).map_err(|error| ReadError::Malformed(error.to_string()))?
    } else if is_old_binary(bytes) {
        return Err(ReadError::Unsupported(
            "it is in the old binary format, which XGBoost itself gave up; load it with XGBoost 2.1 and save it again with \
             `booster.save_model(\"model.json\")`"
                .into(),
        ));
    } else {
        json::decode(bytes).map_err(|error| ReadError::Malformed(error.to_string()))?
    };
    build(document, iterations)
}

fn build(document: Document, iterations: Iterations) -> Result<Model, ReadError> {
    let Document { learner, version } = document;
    let dart = learner.gradient_booster.name == "dart";
    let ensemble = Ensemble::of(learner.gradient_booster)?;
    let best = best_iteration(&learner.attributes)?;
    let (rounds_used, used) = ensemble.used(iterations, best)?;
    let scores = base_scores(&learner.learner_model_param, &ensemble)?;
    let objective = Objective::named(&learner.objective.name, scores.len())?;
    let has_covers = ensemble.trees.iter().all(|tree| !tree.arrays.sum_hessian.is_empty());
    let mut builder = ForestBuilder::new(Forest {
        features: features::features(&learner.feature_names, &learner.feature_types, learner.learner_model_param.num_feature.0, &ensemble)?,
        outputs: (0..scores.len()).map(|output| output.to_string()).collect(),
        base: objective.base_margins(&scores)?.into_iter().map(f64::from).collect(),
        trees: Vec::new(),
        link: objective.link,
        compare: Width::F32,
        summation: summation(&version, dart),
        cover: if has_covers { Cover::Hessian } else { Cover::Absent },
    })?;
    for (index, tree) in used.iter().enumerate() {
        builder.add(&trees::raw_tree(&tree.arrays, index, tree.output, scores.len(), tree.weight)?)?;
    }
    let card = Card {
        format: FORMAT.name.into(),
        version: (!version.is_empty()).then(|| version.iter().map(u64::to_string).collect::<Vec<_>>().join(".")),
        best_iteration: best,
        rounds: ensemble.rounds(),
        rounds_used,
        notes: notes(&learner.objective.name, &ensemble),
        objective: learner.objective.name,
    };
    Ok(Model { forest: builder.finish(), card })
}

/// The sum of the release that wrote the file: the base margin comes first from 1.3 on, for DART from 1.4 on, and last before.
fn summation(version: &[u64], dart: bool) -> Summation {
    let since = [1, if dart { 4 } else { 3 }];
    Summation { width: Width::F32, base_first: version.is_empty() || version >= &since[..] }
}

fn best_iteration(attributes: &BTreeMap<String, String>) -> Result<Option<usize>, ReadError> {
    let Some(text) = attributes.get("best_iteration") else { return Ok(None) };
    text.parse().map(Some).map_err(|_| ReadError::Malformed(format!("attribute best_iteration is `{text}`, which is not a round's number")))
}

/// The base score of each output.
fn base_scores(parameters: &LearnerParameters, ensemble: &Ensemble) -> Result<Vec<f32>, ReadError> {
    let outputs = parameters.num_class.0.max(parameters.num_target.0).max(1);
    let Some(scores) = &parameters.base_score else {
        return Err(ReadError::Malformed("`learner_model_param.base_score` is missing, so margins are not known".into()));
    };
    // So that a count alone cannot ask for memory: outputs that no tree and no score speaks of are none.
    let leaf_vectors = ensemble.trees.iter().map(|tree| tree.arrays.leaf_weights.len().max(tree.arrays.base_weights.len()));
    let most = leaf_vectors.max().unwrap_or(0).max(ensemble.trees.len()).max(scores.0.len());
    match scores.0.as_slice() {
        _ if outputs > most.max(1) => Err(ReadError::Malformed(format!("{outputs} outputs are declared, but trees have fewer"))),
        [score] => Ok(vec![*score; outputs]),
        scores if scores.len() == outputs => Ok(scores.to_vec()),
        scores => Err(ReadError::Malformed(format!("{outputs} outputs with {} base scores", scores.len()))),
    }
}

/// What a reader of a report should know beside numbers.
fn notes(objective: &str, ensemble: &Ensemble) -> Vec<String> {
    let mut notes = Vec::new();
    let trees = &ensemble.trees;
    if trees.iter().any(|tree| tree.weight != 1.0) {
        notes.push("trees have weights of their own (DART)".into());
    }
    if trees.iter().any(|tree| tree.arrays.tree_param.size_leaf_vector.0 > 1) {
        notes.push("leaves hold a value for every output (multi_output_tree)".into());
    }
    if objective == "multi:softmax" {
        notes.push("XGBoost's predict gives the most probable class; here predictions are the probabilities of all classes".into());
    }
    if trees.iter().any(|tree| !tree.arrays.categories.is_empty()) {
        notes.push("categories unknown to a split go left".into());
    }
    notes
}
