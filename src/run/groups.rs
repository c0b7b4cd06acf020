//! Feature groups: the attributions of several features as one, such as the columns of a one-hot encoding.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::RunError;
use crate::attribution::{AttributionBatch, AttributionSchema};

/// How a model's features become the report's: each of those is the sum of one or more of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    columns: Vec<Column>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    members: Vec<usize>,
}

impl Groups {
    /// Puts each group in the place of its first member among the model's features; the others keep their order.
    ///
    /// # Errors
    /// If a group has no member, names something that is no feature of the model, shares a member with another group, or bears the name of
    /// a feature outside it.
    pub fn new(features: &[String], groups: &BTreeMap<String, Vec<String>>) -> Result<Self, RunError> {
        let known: HashSet<&String> = features.iter().collect();
        let mut group_of: HashMap<&String, &String> = HashMap::new();
        for (group, members) in groups {
            let refuse = |message: String| Err(RunError::setting(format!("data.feature_groups.{group}"), message));
            if members.is_empty() {
                return refuse("has no features; name some, or leave the group out".into());
            }
            for member in members {
                if !known.contains(member) {
                    return refuse(format!("`{member}` is not a feature of the model; its features are {}", features.join(", ")));
                }
                if let Some(other) = group_of.insert(member, group) {
                    return refuse(format!("`{member}` is in group `{other}` already; a feature belongs to one group, once"));
                }
            }
            if known.contains(group) && !members.contains(group) {
                return refuse("bears the name of a feature that is not in it; choose another name".into());
            }
        }
        let mut columns: Vec<Column> = Vec::new();
        let mut place: HashMap<&String, usize> = HashMap::new();
        for (index, feature) in features.iter().enumerate() {
            let group = group_of.get(feature);
            let at = group.and_then(|group| place.get(*group)).copied();
            match at.and_then(|at| columns.get_mut(at)) {
                Some(column) => column.members.push(index),
                None => {
                    group.map(|group| place.insert(group, columns.len()));
                    columns.push(Column { name: (*group.unwrap_or(&feature)).clone(), members: vec![index] });
                }
            }
        }
        Ok(Self { columns })
    }

    /// Whether every feature stands for itself.
    pub fn is_trivial(&self) -> bool {
        self.columns.iter().all(|column| column.members.len() == 1)
    }

    /// Each feature of the report: its name, and the model's features in it.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&str, &[usize])> {
        self.columns.iter().map(|column| (column.name.as_str(), column.members.as_slice()))
    }

    /// A method's schema with groups for features.
    pub fn schema(&self, schema: &AttributionSchema) -> AttributionSchema {
        AttributionSchema { features: self.columns.iter().map(|column| column.name.clone()).collect(), ..schema.clone() }
    }

    /// A batch with groups for features, `schema` being [`Groups::schema`] of the batch's: signed values are summed in the model's order; standard
    /// errors too, which bounds the sum's own from above.
    pub fn apply(&self, schema: &Arc<AttributionSchema>, batch: AttributionBatch) -> AttributionBatch {
        let (rows, features) = (batch.rows, batch.schema.features.len());
        let sum = |values: &[f64]| {
            let mut sums = Vec::with_capacity(batch.schema.outputs.len() * self.columns.len() * rows);
            for output in 0..batch.schema.outputs.len() {
                for column in &self.columns {
                    let start = sums.len();
                    sums.resize(start + rows, 0.0);
                    for member in &column.members {
                        let values = &values[(output * features + member) * rows..][..rows];
                        sums[start..].iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                    }
                }
            }
            sums
        };
        let (values, standard_errors) = (sum(&batch.values), batch.standard_errors.as_deref().map(sum));
        AttributionBatch { schema: Arc::clone(schema), values, standard_errors, ..batch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_string()).collect()
    }

    fn groups(groups: &[(&str, &[&str])]) -> Result<Groups, RunError> {
        let groups = groups.iter().map(|(name, members)| ((*name).to_string(), names(members))).collect();
        Groups::new(&names(&["age", "own", "sex", "rent"]), &groups)
    }

    #[test]
    fn a_group_stands_where_its_first_member_stood_and_sums_signed_values() {
        let groups = groups(&[("housing", &["rent", "own"])]).unwrap();
        let schema =
            AttributionSchema { method: "tree_shap", features: names(&["age", "own", "sex", "rent"]), outputs: names(&["0", "1"]) };
        let grouped = Arc::new(groups.schema(&schema));
        assert_eq!(grouped.features, ["age", "housing", "sex"]);
        assert_eq!(groups.columns().map(|(_, members)| members.to_vec()).collect::<Vec<_>>(), [vec![0], vec![1, 3], vec![2]]);
        let values = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -7.0, 8.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, -80.0];
        let four = vec![0.0; 4];
        let batch = AttributionBatch {
            schema: Arc::new(schema),
            rows: 2,
            base: four.clone(),
            prediction: four,
            values,
            standard_errors: None,
            extra: vec![],
        };
        let batch = groups.apply(&grouped, batch);
        assert_eq!(batch.values, [1.0, 2.0, -4.0, 12.0, 5.0, 6.0, 10.0, 20.0, 100.0, -40.0, 50.0, 60.0]);
        assert_eq!(batch.column(1, 1), [100.0, -40.0]);
    }

    #[test]
    fn without_groups_every_feature_stands_for_itself() {
        assert!(groups(&[]).unwrap().is_trivial());
    }

    #[test]
    fn groups_that_make_no_sense_are_refused() {
        for (wrong, said) in [
            (vec![("g", &[][..])], "has no features"),
            (vec![("g", &["agee"][..])], "`agee` is not a feature"),
            (vec![("g", &["own"][..]), ("h", &["own", "age"][..])], "in group `g` already"),
            (vec![("g", &["own", "own"][..])], "in group `g` already"),
            (vec![("sex", &["own", "rent"][..])], "bears the name of a feature"),
        ] {
            let error = groups(&wrong).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
