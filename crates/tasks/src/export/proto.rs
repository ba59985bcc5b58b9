//! A graph as the bytes of an ONNX file.

use anabranch_learn::onnx::{Attribute, Constant, Graph, Node, Port, Size, Values};
use prost::Message;
use serde_json::Value;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

/// Version of the operators: the first with `LayerNormalization`.
const OPSET: i64 = 17;
/// Version of the format that came with it.
const IR: i64 = 8;

/// The bytes of a model, with a description in its metadata.
pub(super) fn encode(graph: &Graph, description: &Value) -> Vec<u8> {
    let model = ModelProto {
        ir_version: IR,
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: OPSET,
        }],
        producer_name: "anabranch".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(GraphProto {
            name: "policy".into(),
            node: graph.nodes.iter().map(node).collect(),
            initializer: graph.constants.iter().map(tensor).collect(),
            input: graph.inputs.iter().map(port).collect(),
            output: graph.outputs.iter().map(port).collect(),
            ..GraphProto::default()
        }),
        metadata_props: vec![StringStringEntryProto {
            key: "anabranch".into(),
            value: description.to_string(),
        }],
        ..ModelProto::default()
    };
    model.encode_to_vec()
}

fn node(node: &Node) -> NodeProto {
    NodeProto {
        name: node.output.clone(),
        op_type: node.operator.into(),
        input: node.inputs.clone(),
        output: vec![node.output.clone()],
        attribute: node.attributes.iter().map(attribute).collect(),
        ..NodeProto::default()
    }
}

fn attribute((name, value): &(&'static str, Attribute)) -> AttributeProto {
    let mut out = AttributeProto {
        name: (*name).into(),
        ..AttributeProto::default()
    };
    let kind = match value {
        Attribute::Float(value) => {
            out.f = *value;
            AttributeType::Float
        }
        Attribute::Whole(value) => {
            out.i = *value;
            AttributeType::Int
        }
        Attribute::Wholes(values) => {
            out.ints.clone_from(values);
            AttributeType::Ints
        }
    };
    out.r#type = kind as i32;
    out
}

fn tensor(constant: &Constant) -> TensorProto {
    let (kind, raw_data) = match &constant.values {
        Values::Float(values) => (
            DataType::Float,
            values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ),
        Values::Whole(values) => (
            DataType::Int64,
            values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ),
    };
    TensorProto {
        name: constant.name.clone(),
        dims: constant.shape.iter().map(|size| *size as i64).collect(),
        data_type: kind as i32,
        raw_data,
        ..TensorProto::default()
    }
}

fn port(port: &Port) -> ValueInfoProto {
    let dimension = |size: &Size| Dimension {
        value: Some(match size {
            Size::Fixed(size) => dimension::Value::DimValue(*size as i64),
            Size::Free(name) => dimension::Value::DimParam((*name).into()),
        }),
        ..Dimension::default()
    };
    let kind = match port.whole {
        true => DataType::Int64,
        false => DataType::Float,
    };
    ValueInfoProto {
        name: port.name.into(),
        doc_string: port.meaning.into(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(type_proto::Tensor {
                elem_type: kind as i32,
                shape: Some(TensorShapeProto {
                    dim: port.shape.iter().map(dimension).collect(),
                }),
            })),
            ..TypeProto::default()
        }),
    }
}
