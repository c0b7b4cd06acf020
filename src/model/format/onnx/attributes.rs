//! Typed access to an operator's attributes and to constant tensors.

use std::collections::HashMap;

use super::proto::{AttributeProto, GraphProto, NodeProto, TensorProto, element};
use crate::model::error::ReadError;

/// An operator's attributes by name; what is absent is empty.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a>(pub &'a NodeProto);

impl<'a> Attributes<'a> {
    fn find(self, name: &str) -> Option<&'a AttributeProto> {
        self.0.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// A list of integers.
    pub fn ints(self, name: &str) -> &'a [i64] {
        self.find(name).map_or(&[], |attribute| &attribute.ints)
    }

    /// A list of f32.
    pub fn floats(self, name: &str) -> &'a [f32] {
        self.find(name).map_or(&[], |attribute| &attribute.floats)
    }

    /// An integer.
    pub fn int(self, name: &str) -> Option<i64> {
        self.find(name).map(|attribute| attribute.i)
    }

    /// An f32.
    pub fn float(self, name: &str) -> Option<f32> {
        self.find(name).map(|attribute| attribute.f)
    }

    /// A text.
    pub fn text(self, name: &str) -> Result<Option<&'a str>, ReadError> {
        self.find(name).map(|attribute| utf8(&attribute.s, name)).transpose()
    }

    /// A list of texts.
    pub fn texts(self, name: &str) -> Result<Vec<&'a str>, ReadError> {
        self.find(name).map_or(&[][..], |attribute| &attribute.strings).iter().map(|text| utf8(text, name)).collect()
    }

    /// The numbers of a tensor.
    pub fn tensor(self, name: &str) -> Result<Vec<f64>, ReadError> {
        self.find(name).and_then(|attribute| attribute.t.as_ref()).map_or(Ok(Vec::new()), |tensor| numbers(tensor, name))
    }

    /// The numbers of `<name>`, f32, or else of `<name>_as_tensor`.
    pub fn numbers(self, name: &str) -> Result<Vec<f64>, ReadError> {
        let wide = self.tensor(&format!("{name}_as_tensor"))?;
        match self.floats(name) {
            [] => Ok(wide),
            narrow if wide.is_empty() => Ok(narrow.iter().map(|value| f64::from(*value)).collect()),
            _ => Err(ReadError::Malformed(format!("{}: both `{name}` and `{name}_as_tensor` are given", self.0.op_type))),
        }
    }
}

/// A graph's constants by name: initializers, and what operators `Constant` hold.
pub(super) struct Constants<'a>(HashMap<&'a str, &'a TensorProto>);

impl<'a> Constants<'a> {
    /// All of a graph's.
    pub fn of(graph: &'a GraphProto) -> Self {
        let held = |node: &'a NodeProto| Some((node.output.first()?.as_str(), Attributes(node).find("value")?.t.as_ref()?));
        let operators = graph.node.iter().filter(|node| node.op_type == "Constant").filter_map(held);
        Self(graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).chain(operators).collect())
    }

    /// The numbers of one of them.
    pub fn numbers(&self, name: &str) -> Result<Option<Vec<f64>>, ReadError> {
        self.0.get(name).map(|tensor| numbers(tensor, name)).transpose()
    }

    /// The number of one that holds no more.
    pub fn number(&self, name: &str) -> Result<Option<f64>, ReadError> {
        let single = |tensor: &&&TensorProto| tensor.dims.iter().all(|dim| *dim == 1) && tensor.raw_data.len() <= size_of::<f64>();
        let Some(tensor) = self.0.get(name).filter(single) else { return Ok(None) };
        numbers(tensor, name).map(|values| values.first().copied())
    }
}

fn utf8<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str, ReadError> {
    std::str::from_utf8(bytes).map_err(|_| ReadError::Malformed(format!("a text of `{name}` is not UTF-8")))
}

/// The elements of a tensor, widened to f64.
fn numbers(tensor: &TensorProto, name: &str) -> Result<Vec<f64>, ReadError> {
    if tensor.data_location != 0 {
        return Err(ReadError::Unsupported(format!(
            "the data of `{name}` are in another file; save the model as one file (`onnx.save(model, path)`)"
        )));
    }
    let raw = &tensor.raw_data;
    let values: Vec<f64> = match tensor.data_type {
        element::FLOAT if raw.is_empty() => tensor.float_data.iter().map(|value| f64::from(*value)).collect(),
        element::DOUBLE if raw.is_empty() => tensor.double_data.clone(),
        element::INT64 if raw.is_empty() => tensor.int64_data.iter().map(|value| *value as f64).collect(),
        element::INT32 | element::UINT8 if raw.is_empty() => tensor.int32_data.iter().map(|value| f64::from(*value)).collect(),
        element::FLOAT => words(raw, |word| f64::from(f32::from_le_bytes(word))),
        element::DOUBLE => words(raw, f64::from_le_bytes),
        element::INT64 => words(raw, |word| i64::from_le_bytes(word) as f64),
        element::INT32 => words(raw, |word| f64::from(i32::from_le_bytes(word))),
        element::UINT8 => raw.iter().map(|value| f64::from(*value)).collect(),
        other => {
            return Err(ReadError::Unsupported(format!(
                "`{name}` has elements of type {other}; float, double, int32, int64, uint8 are read"
            )));
        }
    };
    let count = tensor.dims.iter().try_fold(1_usize, |count, dim| count.checked_mul(usize::try_from(*dim).ok()?));
    if count != Some(values.len()) {
        return Err(ReadError::Malformed(format!("`{name}` holds {} elements, but its shape is {:?}", values.len(), tensor.dims)));
    }
    Ok(values)
}

/// Little-endian words; bytes that are too few for a last one are left out, which the shape then tells.
fn words<const N: usize>(raw: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    raw.as_chunks().0.iter().map(|word| value(*word)).collect()
}
