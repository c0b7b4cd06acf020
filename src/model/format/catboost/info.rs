//! What a file tells of the training: the loss function, the classes, the version.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::document::Info;
use crate::model::error::ReadError;
use crate::model::link::Link;

/// Facts beside the trees; all may be absent.
#[derive(Default, Deserialize)]
pub(super) struct ModelInfo {
    pub params: Option<Params>,
    pub class_params: Option<ClassParams>,
    pub catboost_version_info: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Params {
    loss_function: Option<LossFunction>,
}

#[derive(Deserialize)]
struct LossFunction {
    r#type: String,
    #[serde(default)]
    params: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct ClassParams {
    #[serde(default)]
    class_names: Vec<Value>,
}

impl ModelInfo {
    pub fn info(self) -> Info {
        let classes = self.class_params.map_or_else(Vec::new, |classes| classes.class_names.iter().map(text).collect());
        let version = self.catboost_version_info.as_deref().and_then(version);
        Info { loss: self.params.and_then(|params| params.loss_function).map(LossFunction::text), classes, version }
    }
}

impl LossFunction {
    /// `Name:key=value;key=value`, as CatBoost writes it.
    fn text(self) -> String {
        let known = self.params.iter().filter(|(key, _)| !key.starts_with("__"));
        let params: Vec<String> = known.map(|(key, value)| format!("{key}={}", text(value))).collect();
        if params.is_empty() { self.r#type } else { format!("{}:{}", self.r#type, params.join(";")) }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The release in lines like `Branch: tags/v1.2.10`.
fn version(info: &str) -> Option<String> {
    let (_, tag) = info.split_once("tags/v")?;
    Some(tag.chars().take_while(|mark| mark.is_ascii_alphanumeric() || *mark == '.').collect())
}

impl Info {
    /// The link of the loss function; without one, margins are predictions.
    pub fn link(&self) -> Result<Link, ReadError> {
        let name = self.loss.as_deref().map(|loss| loss.split(':').next().unwrap_or(loss));
        Ok(match name {
            Some("Logloss" | "CrossEntropy" | "Focal" | "MultiClassOneVsAll" | "MultiLogloss" | "MultiCrossEntropy") => Link::Logistic,
            Some("MultiClass") => Link::Softmax,
            Some("Poisson" | "Tweedie") => Link::Exp,
            Some("RMSEWithUncertainty") => Link::MeanVariance,
            None
            | Some(
                "RMSE"
                | "MAE"
                | "MAPE"
                | "Quantile"
                | "MultiQuantile"
                | "LogLinQuantile"
                | "GroupQuantile"
                | "Lq"
                | "Huber"
                | "Expectile"
                | "LogCosh"
                | "MultiRMSE"
                | "MultiRMSEWithMissingValues"
                | "SurvivalAft"
                | "Cox"
                | "QueryRMSE"
                | "QuerySoftMax"
                | "QueryCrossEntropy"
                | "PairLogit"
                | "PairLogitPairwise"
                | "YetiRank"
                | "YetiRankPairwise"
                | "LambdaMart"
                | "StochasticFilter"
                | "StochasticRank"
                | "UserPerObjMetric"
                | "UserQuerywiseMetric"
                | "PythonUserDefinedPerObject"
                | "PythonUserDefinedMultiTarget",
            ) => Link::Identity,
            Some(other) => {
                return Err(ReadError::Unsupported(format!(
                    "loss function `{other}` is not known, so neither is what it makes of margins; CatBoost up to 1.2 has no such loss"
                )));
            }
        })
    }

    /// Names of `count` outputs: those of the classes where each has an output, else numbers.
    pub fn output_names(&self, count: usize) -> Vec<String> {
        let by_class = self.loss.as_deref().is_some_and(|loss| loss.starts_with("MultiClass"));
        if by_class && self.classes.len() == count { self.classes.clone() } else { (0..count).map(|output| output.to_string()).collect() }
    }
}
