//! What an ONNX file must be before it is handed to the library that runs it.
//!
//! That library takes much on trust. What a damaged file could do to it is looked for here: names that
//! nobody makes, tensors whose sizes do not fit their data. And what a score does not need is taken out:
//! labels, and the lists of dictionaries that converters of scikit-learn like to end with.

use std::collections::BTreeSet;

use tract_onnx::Onnx;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value as Kind;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};

use super::attributes::Attributes;

/// What stands in a file about its one input.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Input {
    pub(super) name: String,
    /// f64 rather than f32.
    pub(super) double: bool,
    /// The number of rows where it is fixed.
    pub(super) rows: Option<i64>,
    /// The number of features where it is fixed.
    pub(super) features: Option<i64>,
}

/// The one input of a graph.
pub(super) fn input(graph: &GraphProto) -> Result<Input, String> {
    let constants: BTreeSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let inputs = graph
        .input
        .iter()
        .filter(|input| !constants.contains(input.name.as_str()));
    let inputs: Vec<&ValueInfoProto> = inputs.collect();
    let [input] = inputs.as_slice() else {
        let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        return Err(format!(
            "has {} inputs ({}); it must have one, [N, F] features of N molecules",
            names.len(),
            names.join(", ")
        ));
    };
    let name = &input.name;
    let Some(Kind::TensorType(tensor)) = input.r#type.as_ref().and_then(|t| t.value.as_ref())
    else {
        return Err(format!("has the input {name:?}, which is no tensor"));
    };
    let double = match DataType::try_from(tensor.elem_type) {
        Ok(DataType::Float) => false,
        Ok(DataType::Double) => true,
        other => {
            let found = other.map_or("unknown".into(), |found| found.as_str_name().to_lowercase());
            return Err(format!(
                "has the input {name:?} of type {found}; features are float or double: convert the model with \
                 FloatTensorType([None, F])"
            ));
        }
    };
    let fixed = |place: usize, of: &tract_onnx::pb::TensorShapeProto| match of.dim[place].value {
        Some(Dimension::DimValue(size)) if size > 0 => Some(size),
        _ => None,
    };
    let (rows, features) = match &tensor.shape {
        None => (None, None),
        Some(shape) if shape.dim.len() == 2 => (fixed(0, shape), fixed(1, shape)),
        Some(shape) => {
            return Err(format!(
                "has the input {name:?} with {} dimensions; it must have two, [N, F] features of N molecules",
                shape.dim.len()
            ));
        }
    };
    Ok(Input {
        name: name.clone(),
        double,
        rows,
        features,
    })
}

/// The output that is the score: the one of that name, else the first of numbers.
pub(super) fn output(graph: &GraphProto, wanted: &str) -> Result<String, String> {
    let kind = |output: &ValueInfoProto| {
        let value = output
            .r#type
            .as_ref()
            .and_then(|found| found.value.as_ref());
        value.map(|Kind::TensorType(tensor)| DataType::try_from(tensor.elem_type))
    };
    let names: Vec<&str> = graph
        .output
        .iter()
        .map(|output| output.name.as_str())
        .collect();
    let listed = names.join(", ");
    let usable = |output: &ValueInfoProto| match kind(output) {
        None => Err(format!(
            "gives {:?} as no tensor but a list of dictionaries (ZipMap); export it with \
             options={{'zipmap': False}}, or name another of its outputs ({listed}) by onnx.output",
            output.name
        )),
        Some(Ok(DataType::String)) => Err(format!(
            "gives {:?} as texts; name another of its outputs ({listed}) by onnx.output",
            output.name
        )),
        Some(_) => Ok(output.name.clone()),
    };
    if !wanted.is_empty() {
        let found = graph.output.iter().find(|output| output.name == wanted);
        return match found {
            Some(output) => usable(output),
            None => Err(format!(
                "has no output {wanted:?}; set onnx.output to one of: {listed}"
            )),
        };
    }
    if let [only] = graph.output.as_slice() {
        return usable(only);
    }
    let is_float = |output: &&ValueInfoProto| {
        matches!(
            kind(output),
            Some(Ok(DataType::Float | DataType::Double | DataType::Float16))
        )
    };
    if let Some(output) = graph.output.iter().find(is_float) {
        return Ok(output.name.clone());
    }
    match graph.output.iter().find(|output| kind(output).is_none()) {
        Some(zipped) => usable(zipped),
        None => Err(format!(
            "has no output of floating-point numbers; name one of its outputs ({listed}) by onnx.output"
        )),
    }
}

/// Leaves in a model what one output needs, checked.
pub(super) fn prune(model: &mut ModelProto, output: &str, onnx: &Onnx) -> Result<(), String> {
    let graph = model.graph.as_mut().ok_or("has no graph")?;
    let mut needed = BTreeSet::from([output.to_owned()]);
    let mut kept: Vec<NodeProto> = Vec::new();
    for node in std::mem::take(&mut graph.node).into_iter().rev() {
        if node.output.iter().any(|name| needed.contains(name)) {
            needed.extend(node.input.iter().cloned());
            captured(&node, &mut needed);
            kept.push(node);
        }
    }
    kept.reverse();
    let mut nodes = Vec::with_capacity(kept.len());
    for node in kept {
        match node.op_type.as_str() {
            "TreeEnsembleClassifier" => nodes.push(without_labels(node, &needed)?),
            "Scaler" => nodes.extend(scaler(&node, &mut graph.initializer)?),
            _ => nodes.push(node),
        }
    }
    graph.node = nodes;
    let used: BTreeSet<&str> = graph
        .node
        .iter()
        .flat_map(|n| &n.input)
        .map(String::as_str)
        .collect();
    let is_used = |name: &str| needed.contains(name) || used.contains(name);
    let unused = |tensor: &TensorProto| !is_used(&tensor.name);
    let dropped: BTreeSet<String> = graph
        .initializer
        .iter()
        .filter(|t| unused(t))
        .map(|t| t.name.clone())
        .collect();
    graph
        .initializer
        .retain(|tensor| !dropped.contains(&tensor.name));
    graph.output.retain(|found| found.name == output);
    graph.value_info.clear();
    if !graph.sparse_initializer.is_empty() {
        return Err("has sparse tensors, which are not known here".into());
    }
    check(graph, &BTreeSet::new(), onnx)
}

/// Adds the names that a node's inner graphs may take from outside.
fn captured(node: &NodeProto, names: &mut BTreeSet<String>) {
    let inner = node
        .attribute
        .iter()
        .flat_map(|a| a.g.iter().chain(&a.graphs));
    for graph in inner {
        for node in &graph.node {
            names.extend(node.input.iter().cloned());
            captured(node, names);
        }
        names.extend(graph.output.iter().map(|output| output.name.clone()));
    }
}

/// The same classifier with its probabilities alone.
fn without_labels(mut node: NodeProto, needed: &BTreeSet<String>) -> Result<NodeProto, String> {
    if node.output.len() != 2 {
        return Err(format!(
            "has a TreeEnsembleClassifier with {} outputs",
            node.output.len()
        ));
    }
    if needed.contains(&node.output[0]) && !node.output[0].is_empty() {
        return Err(
            "gives the label that trees chose; name the output of probabilities by onnx.output"
                .into(),
        );
    }
    node.output.remove(0);
    Ok(node)
}

/// `Scaler` of ONNX-ML, (x - offset) * scale, by plain operators.
fn scaler(node: &NodeProto, constants: &mut Vec<TensorProto>) -> Result<Vec<NodeProto>, String> {
    let ([input], [output]) = (node.input.as_slice(), node.output.as_slice()) else {
        return Err("has a Scaler without one input and one output".into());
    };
    let attributes = Attributes(node);
    let name = |part: &str| format!("{output}/{part}");
    for part in ["offset", "scale"] {
        let values = attributes.numbers(part)?;
        if values.is_empty() {
            return Err(format!("has a Scaler without {part}"));
        }
        constants.push(TensorProto {
            name: name(part),
            dims: vec![1, values.len() as i64],
            data_type: DataType::Float as i32,
            float_data: values.iter().map(|value| *value as f32).collect(),
            ..TensorProto::default()
        });
    }
    let made = |kind: &str, inputs: [String; 2], output: String| NodeProto {
        op_type: kind.into(),
        name: format!("{output}/{kind}"),
        input: inputs.into(),
        output: vec![output],
        ..NodeProto::default()
    };
    let cast = NodeProto {
        op_type: "Cast".into(),
        name: name("Cast"),
        input: vec![input.clone()],
        output: vec![name("float")],
        attribute: vec![AttributeProto {
            name: "to".into(),
            r#type: AttributeType::Int as i32,
            i: DataType::Float as i64,
            ..AttributeProto::default()
        }],
        ..NodeProto::default()
    };
    Ok(vec![
        cast,
        made("Sub", [name("float"), name("offset")], name("centred")),
        made("Mul", [name("centred"), name("scale")], output.clone()),
    ])
}

/// Names, operators and tensors of a graph; `outside` are the names that an inner graph may use.
fn check(graph: &GraphProto, outside: &BTreeSet<String>, onnx: &Onnx) -> Result<(), String> {
    let mut known = outside.clone();
    for tensor in &graph.initializer {
        check_tensor(tensor)?;
        known.insert(tensor.name.clone());
    }
    known.extend(graph.input.iter().map(|input| input.name.clone()));
    let mut missing = BTreeSet::new();
    let mut made: BTreeSet<&str> = BTreeSet::new();
    for node in &graph.node {
        if !onnx.op_register.0.contains_key(&node.op_type) {
            missing.insert(node.op_type.clone());
        }
        for name in node.input.iter().filter(|name| !name.is_empty()) {
            if !known.contains(name) {
                return Err(format!(
                    "uses {name:?}, which nothing before it makes; it is damaged"
                ));
            }
        }
        for attribute in &node.attribute {
            attribute
                .t
                .iter()
                .chain(&attribute.tensors)
                .try_for_each(check_tensor)?;
            for inner in attribute.g.iter().chain(&attribute.graphs) {
                check(inner, &known, onnx)?;
            }
        }
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if !made.insert(name) {
                return Err(format!("makes {name:?} twice; it is damaged"));
            }
            known.insert(name.clone());
        }
    }
    if !missing.is_empty() {
        let missing: Vec<String> = missing.into_iter().collect();
        return Err(format!(
            "needs operators that are not known here: {}; score with a program instead (reward.command)",
            missing.join(", ")
        ));
    }
    match graph
        .output
        .iter()
        .find(|output| !known.contains(&output.name))
    {
        Some(output) => Err(format!(
            "gives {:?}, which nothing makes; it is damaged",
            output.name
        )),
        None => Ok(()),
    }
}

/// Whether the data of a tensor fit its shape.
fn check_tensor(tensor: &TensorProto) -> Result<(), String> {
    let name = &tensor.name;
    if tensor.data_location == Some(DataLocation::External as i32) {
        return Err(format!(
            "keeps {name:?} in another file; export it as one file (onnx.save(..., save_as_external_data=False))"
        ));
    }
    let mut count = 1_usize;
    for size in &tensor.dims {
        let size = usize::try_from(*size).ok();
        let product = size.and_then(|size| count.checked_mul(size));
        count = product
            .ok_or_else(|| format!("has {name:?} of shape {:?}; it is damaged", tensor.dims))?;
    }
    let Ok(kind) = DataType::try_from(tensor.data_type) else {
        return Err(format!("has {name:?} of an unknown type; it is damaged"));
    };
    let (bytes, given) = match kind {
        DataType::Float => (4, tensor.float_data.len()),
        DataType::Double => (8, tensor.double_data.len()),
        DataType::Int64 | DataType::Uint64 => (8, tensor.int64_data.len()),
        DataType::Int32 | DataType::Uint32 => (4, tensor.int32_data.len()),
        DataType::Int16 | DataType::Uint16 | DataType::Float16 => (2, tensor.int32_data.len()),
        DataType::Int8 | DataType::Uint8 | DataType::Bool => (1, tensor.int32_data.len()),
        DataType::String if tensor.raw_data.is_empty() => (1, tensor.string_data.len()),
        other => {
            return Err(format!(
                "has {name:?} of type {}, which is not known here",
                other.as_str_name().to_lowercase()
            ));
        }
    };
    let given = match tensor.raw_data.len() {
        0 => Some(given),
        length => length.is_multiple_of(bytes).then_some(length / bytes),
    };
    if given != Some(count) {
        return Err(format!(
            "has {name:?} of shape {:?} with data of another size; it is damaged",
            tensor.dims
        ));
    }
    Ok(())
}
