//! The graph before the trees: which inputs there are, and what operators make of them.

use std::collections::{HashMap, HashSet};

use super::attributes::{Attributes, Constants};
use super::columns::{Column, Step};
use super::proto::{GraphProto, NodeProto, ValueInfoProto, element};
use crate::model::error::ReadError;
use crate::model::forest::Width;
use crate::model::format::{UNNAMED_LIMIT, unnamed};

/// Operators between inputs and trees that are followed.
const OPERATORS: usize = 1_000;
/// Columns that all of them together may have.
const COLUMNS: usize = 1_000_000;

/// What the trees' elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Single,
    Double,
    Integer,
}

impl Kind {
    fn width(self) -> Width {
        if self == Kind::Double { Width::F64 } else { Width::F32 }
    }
}

/// The model's inputs and the columns that the trees see.
pub(super) struct Inputs {
    pub names: Vec<String>,
    /// Those of each tree operator, one operator after another.
    pub columns: Vec<Column>,
    /// The first column of each operator.
    pub firsts: Vec<usize>,
    pub kind: Kind,
}

/// A tensor of columns.
struct Table {
    columns: Vec<Column>,
    kind: Kind,
}

/// Follows the graph from the input of each of the tree operators `trees` back to the graph's inputs; trees ask for `needed` columns.
pub(super) fn inputs(graph: &GraphProto, trees: &[&NodeProto], needed: usize) -> Result<Inputs, ReadError> {
    let initial: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let given: Vec<&ValueInfoProto> = graph.input.iter().filter(|input| !initial.contains(input.name.as_str())).collect();
    let mut tables = HashMap::new();
    let mut names = Vec::new();
    for input in &given {
        let (kind, width) = shape(input, (given.len() == 1).then_some(needed))?;
        if names.len() + width > UNNAMED_LIMIT {
            return Err(ReadError::Unsupported(format!("the graph has more than {UNNAMED_LIMIT} input columns")));
        }
        tables.insert(input.name.as_str(), (kind, names.len()..names.len() + width));
        match width {
            1 => names.push(input.name.clone()),
            _ => names.extend((0..width).map(|column| format!("{}_{column}", input.name))),
        }
    }
    if given.len() == 1 {
        names = unnamed(names.len())?;
    }
    let made = graph.node.iter().flat_map(|node| node.output.iter().map(move |output| (output.as_str(), node))).collect();
    let mut graph = Graph { inputs: tables, made, constants: Constants::of(graph), operators: 0, columns: COLUMNS };
    let (mut columns, mut firsts, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    for node in trees {
        graph.operators = OPERATORS;
        let table = graph.input(node, 0)?;
        firsts.push(columns.len());
        columns.extend(table.columns);
        kinds.push(table.kind);
    }
    match kinds.first() {
        Some(kind) if kinds.iter().all(|other| other == kind) => Ok(Inputs { names, columns, firsts, kind: *kind }),
        _ => Err(ReadError::Unsupported("tree ensembles are of columns of different element types".into())),
    }
}

/// An input's element type and number of columns.
fn shape(input: &ValueInfoProto, needed: Option<usize>) -> Result<(Kind, usize), ReadError> {
    let fail = |message: &str| ReadError::Unsupported(format!("input `{}` {message}", input.name));
    let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref()).ok_or_else(|| fail("is not a tensor"))?;
    let kind = match tensor.elem_type {
        element::FLOAT => Kind::Single,
        element::DOUBLE => Kind::Double,
        element::INT32 | element::INT64 | element::BOOL => Kind::Integer,
        other => return Err(fail(&format!("has elements of type {other}; tree models take float, double and integers"))),
    };
    let dims = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    let width = match dims {
        [_, columns] => columns.dim_value.filter(|columns| *columns > 0).and_then(|columns| usize::try_from(columns).ok()),
        [] => None,
        _ => return Err(fail("is not a table of rows and columns")),
    };
    width.or(needed.filter(|needed| *needed > 0)).map(|width| (kind, width)).ok_or_else(|| fail("does not tell its number of columns"))
}

struct Graph<'a> {
    inputs: HashMap<&'a str, (Kind, std::ops::Range<usize>)>,
    made: HashMap<&'a str, &'a NodeProto>,
    constants: Constants<'a>,
    operators: usize,
    columns: usize,
}

impl Graph<'_> {
    fn table(&mut self, tensor: &str) -> Result<Table, ReadError> {
        if let Some((kind, features)) = self.inputs.get(tensor) {
            let steps = if *kind == Kind::Single { vec![Step::Round] } else { Vec::new() };
            let columns = features.clone().map(|feature| Column { feature, steps: steps.clone() }).collect();
            return self.spend(Table { columns, kind: *kind });
        }
        let Some(node) = self.made.get(tensor).copied() else {
            return Err(ReadError::Malformed(format!("no operator and no input makes `{tensor}`")));
        };
        self.operators = self.operators.checked_sub(1).ok_or_else(|| {
            ReadError::Unsupported(format!("more than {OPERATORS} operators stand before the trees, or they form a cycle"))
        })?;
        let table = self.operator(node)?;
        self.spend(table)
    }

    fn spend(&mut self, table: Table) -> Result<Table, ReadError> {
        let left = self.columns.checked_sub(table.columns.len());
        self.columns =
            left.ok_or_else(|| ReadError::Unsupported(format!("operators before the trees make more than {COLUMNS} columns")))?;
        Ok(table)
    }

    fn operator(&mut self, node: &NodeProto) -> Result<Table, ReadError> {
        let attributes = Attributes(node);
        match node.op_type.as_str() {
            "Identity" => self.input(node, 0),
            "Cast" => cast(self.input(node, 0)?, attributes.int("to").unwrap_or(0)),
            "Concat" | "FeatureVectorizer" => self.concat(node),
            "ArrayFeatureExtractor" | "Gather" => self.select(node),
            "Imputer" => impute(self.input(node, 0)?, attributes),
            "Scaler" => scale(self.input(node, 0)?, attributes),
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(node),
            "Normalizer" => Err(refused(node, "its outputs depend on the whole row, not on one column")),
            _ => Err(refused(
                node,
                "only Identity, Cast, Concat, FeatureVectorizer, ArrayFeatureExtractor, Gather, Imputer, Scaler and arithmetic with constants are \
                 folded into the trees; apply it to the data and export the trees alone",
            )),
        }
    }

    fn input(&mut self, node: &NodeProto, index: usize) -> Result<Table, ReadError> {
        let name = node.input.get(index).ok_or_else(|| ReadError::Malformed(format!("{} has no input {index}", node.op_type)))?;
        self.table(name)
    }

    /// A constant of the graph.
    fn constant(&self, node: &NodeProto, index: usize) -> Result<Option<Vec<f64>>, ReadError> {
        node.input.get(index).map_or(Ok(None), |name| self.constants.numbers(name))
    }

    fn concat(&mut self, node: &NodeProto) -> Result<Table, ReadError> {
        if node.op_type == "Concat" && !matches!(Attributes(node).int("axis"), Some(1 | -1)) {
            return Err(refused(node, "it does not put columns side by side (axis 1)"));
        }
        let mut all = self.input(node, 0)?;
        for index in 1..node.input.len() {
            let table = self.input(node, index)?;
            if table.kind != all.kind {
                return Err(refused(node, "its inputs have different element types"));
            }
            all.columns.extend(table.columns);
        }
        if node.op_type == "FeatureVectorizer" {
            all = cast(all, i64::from(element::FLOAT))?;
        }
        Ok(all)
    }

    fn select(&mut self, node: &NodeProto) -> Result<Table, ReadError> {
        if node.op_type == "Gather" && !matches!(Attributes(node).int("axis"), Some(1 | -1)) {
            return Err(refused(node, "it does not choose columns (axis 1)"));
        }
        let indices = self.constant(node, 1)?.ok_or_else(|| refused(node, "its indices are not constants"))?;
        let table = self.input(node, 0)?;
        let column = |index: f64| (index >= 0.0).then(|| table.columns.get(index as usize)).flatten().cloned();
        let columns: Option<Vec<Column>> = indices.into_iter().map(column).collect();
        let columns = columns.filter(|columns| !columns.is_empty());
        let columns = columns.ok_or_else(|| ReadError::Malformed(format!("{} chooses columns that do not exist", node.op_type)))?;
        Ok(Table { columns, ..table })
    }

    fn arithmetic(&mut self, node: &NodeProto) -> Result<Table, ReadError> {
        let commutes = matches!(node.op_type.as_str(), "Add" | "Mul");
        let (table, constant) = match (self.constant(node, 0)?, self.constant(node, 1)?) {
            (None, Some(constant)) => (self.input(node, 0)?, constant),
            (Some(constant), None) if commutes => (self.input(node, 1)?, constant),
            _ => return Err(refused(node, "it does not combine columns with a constant on its right")),
        };
        let width = table.kind.width();
        if table.kind == Kind::Integer {
            return Err(refused(node, "it is done in integers"));
        }
        stepped(table, node, &[&constant], |values| match (node.op_type.as_str(), values) {
            ("Add", [a]) => Some(Step::Add(*a, width)),
            ("Sub", [a]) => Some(Step::Subtract(*a, width)),
            ("Mul", [a]) if *a != 0.0 => Some(Step::Multiply(*a, width)),
            ("Div", [a]) if *a != 0.0 => Some(Step::Divide(*a, width)),
            _ => None,
        })
    }
}

fn refused(node: &NodeProto, why: &str) -> ReadError {
    ReadError::Unsupported(format!("operator {} stands before the trees: {why}", node.op_type))
}

fn cast(mut table: Table, to: i64) -> Result<Table, ReadError> {
    table.kind = match (i32::try_from(to), table.kind) {
        (Ok(element::FLOAT), kind) => {
            if kind != Kind::Single {
                table.columns.iter_mut().for_each(|column| column.steps.push(Step::Round));
            }
            Kind::Single
        }
        (Ok(element::DOUBLE), _) => Kind::Double,
        (Ok(element::INT32 | element::INT64), Kind::Integer) => Kind::Integer,
        _ => {
            return Err(ReadError::Unsupported(format!(
                "operator Cast stands before the trees: element type {to} is neither float nor double"
            )));
        }
    };
    Ok(table)
}

fn impute(table: Table, attributes: Attributes<'_>) -> Result<Table, ReadError> {
    let replaced = attributes.float("replaced_value_float").unwrap_or(0.0);
    if table.kind != Kind::Single || !replaced.is_nan() {
        let message = format!("it replaces {replaced}; only NaN in float columns is folded into the trees, as the missing values' way");
        return Err(refused(attributes.0, &message));
    }
    let values: Vec<f64> = attributes.floats("imputed_value_floats").iter().map(|value| f64::from(*value)).collect();
    stepped(table, attributes.0, &[&values], |values| values.first().map(|value| Step::Impute(*value)))
}

/// The operator makes f32 of whatever it gets, computing in f64 where it gets that.
fn scale(table: Table, attributes: Attributes<'_>) -> Result<Table, ReadError> {
    let wide = |name| attributes.floats(name).iter().map(|value| f64::from(*value)).collect::<Vec<f64>>();
    let (offset, scale, width) = (wide("offset"), wide("scale"), table.kind.width());
    let table = if table.kind == Kind::Integer { cast(table, i64::from(element::FLOAT))? } else { table };
    let mut table = stepped(table, attributes.0, &[&offset, &scale], |values| match values {
        [offset, scale] if *scale != 0.0 => Some(Step::Scale { offset: *offset, scale: *scale, width }),
        _ => None,
    })?;
    table.kind = Kind::Single;
    Ok(table)
}

/// Adds to each column the step that its constants make; lists of constants have one value, or one a column.
fn stepped(mut table: Table, node: &NodeProto, constants: &[&[f64]], step: impl Fn(&[f64]) -> Option<Step>) -> Result<Table, ReadError> {
    let columns = table.columns.len();
    if let Some(list) = constants.iter().find(|list| list.len() != 1 && list.len() != columns) {
        return Err(refused(node, &format!("it has {} constants for {columns} columns", list.len())));
    }
    for (index, column) in table.columns.iter_mut().enumerate() {
        let values: Vec<f64> = constants.iter().filter_map(|list| list.get(index).or(list.first()).copied()).collect();
        let finite = values.iter().all(|value| value.is_finite());
        let step = step(&values).filter(|_| finite);
        column
            .steps
            .push(step.ok_or_else(|| refused(node, &format!("its constants {values:?} for column {index} undo the order of values")))?);
    }
    Ok(table)
}
