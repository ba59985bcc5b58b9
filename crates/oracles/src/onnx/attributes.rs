//! Attributes of an operator, by name.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, NodeProto};

/// The attributes of one operator; what is absent is empty.
pub(super) struct Attributes<'a>(pub(super) &'a NodeProto);

impl<'a> Attributes<'a> {
    fn find(&self, name: &str) -> Option<&'a AttributeProto> {
        self.0.attribute.iter().find(|found| found.name == name)
    }

    /// Whole numbers.
    pub(super) fn whole(&self, name: &str) -> &'a [i64] {
        self.find(name).map_or(&[], |found| &found.ints)
    }

    /// Texts.
    pub(super) fn texts(&self, name: &str) -> &'a [Vec<u8>] {
        self.find(name).map_or(&[], |found| &found.strings)
    }

    /// One whole number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.find(name).map(|found| found.i)
    }

    /// One text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let found = self.find(name)?;
        Some(String::from_utf8_lossy(&found.s).into_owned())
    }

    /// Numbers, or those of the tensor `<name>_as_tensor`.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        let plain = self.find(name).map_or(&[][..], |found| &found.floats);
        if !plain.is_empty() {
            return Ok(plain.iter().map(|value| f64::from(*value)).collect());
        }
        let tensor = self.find(&format!("{name}_as_tensor"));
        let Some(tensor) = tensor.and_then(|found| found.t.as_ref()) else {
            return Ok(Vec::new());
        };
        let raw = &tensor.raw_data;
        match DataType::try_from(tensor.data_type) {
            Ok(DataType::Double) if raw.is_empty() => Ok(tensor.double_data.clone()),
            Ok(DataType::Double) => Ok(raw
                .as_chunks::<8>()
                .0
                .iter()
                .map(|bytes| f64::from_le_bytes(*bytes))
                .collect()),
            Ok(DataType::Float) if raw.is_empty() => {
                Ok(tensor.float_data.iter().map(|v| f64::from(*v)).collect())
            }
            Ok(DataType::Float) => Ok(raw
                .as_chunks::<4>()
                .0
                .iter()
                .map(|bytes| f64::from(f32::from_le_bytes(*bytes)))
                .collect()),
            _ => Err(format!(
                "has {name}_as_tensor of another type than float or double"
            )),
        }
    }
}
