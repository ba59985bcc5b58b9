//! A graph of operators, and how one is put together.

use std::ops::Range;

use crate::params::Params;

/// Length of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Size {
    /// Always the same.
    Fixed(usize),
    /// Whatever the caller has; the same name is the same length.
    Free(&'static str),
}

/// Numbers of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// f32.
    Float(Vec<f32>),
    /// i64.
    Whole(Vec<i64>),
}

/// A tensor that is part of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Values,
}

/// What an operator is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Whole(i64),
    /// Whole numbers.
    Wholes(Vec<i64>),
}

/// An operator of opset 17.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Which operator.
    pub operator: &'static str,
    /// What it takes.
    pub inputs: Vec<String>,
    /// What it gives.
    pub output: String,
    /// What it is told.
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// An input or an output.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Its name.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<Size>,
    /// i64 rather than f32.
    pub whole: bool,
    /// What it means.
    pub meaning: &'static str,
}

/// A graph of operators of opset 17.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// In an order in which they can be computed.
    pub nodes: Vec<Node>,
    /// Parameters and other constants.
    pub constants: Vec<Constant>,
    /// What it takes.
    pub inputs: Vec<Port>,
    /// What it gives.
    pub outputs: Vec<Port>,
}

impl Graph {
    /// Declares an input.
    pub(super) fn input(
        &mut self,
        name: &'static str,
        shape: Vec<Size>,
        whole: bool,
        meaning: &'static str,
    ) -> String {
        self.inputs.push(Port {
            name,
            shape,
            whole,
            meaning,
        });
        name.into()
    }

    /// Makes `value` an output.
    pub(super) fn output(
        &mut self,
        name: &'static str,
        value: &str,
        shape: Vec<Size>,
        meaning: &'static str,
    ) {
        self.nodes.push(Node {
            operator: "Identity",
            inputs: vec![value.into()],
            output: name.into(),
            attributes: Vec::new(),
        });
        self.outputs.push(Port {
            name,
            shape,
            whole: false,
            meaning,
        });
    }

    /// `operator(inputs)`.
    pub(super) fn op(&mut self, operator: &'static str, inputs: &[&str]) -> String {
        self.op_with(operator, inputs, Vec::new())
    }

    /// `operator(inputs)` with attributes.
    pub(super) fn op_with(
        &mut self,
        operator: &'static str,
        inputs: &[&str],
        attributes: Vec<(&'static str, Attribute)>,
    ) -> String {
        let output = format!("{operator}_{}", self.nodes.len());
        self.nodes.push(Node {
            operator,
            inputs: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: output.clone(),
            attributes,
        });
        output
    }

    /// A constant; one of that name is taken as it is.
    pub(super) fn constant(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
        values: Values,
    ) -> String {
        let name = name.into();
        if self.constants.iter().all(|constant| constant.name != name) {
            self.constants.push(Constant {
                name: name.clone(),
                shape: shape.to_vec(),
                values,
            });
        }
        name
    }

    pub(super) fn number(&mut self, name: &str, value: f32) -> String {
        self.constant(name, &[], Values::Float(vec![value]))
    }

    pub(super) fn wholes(&mut self, name: &str, values: &[i64]) -> String {
        self.constant(name, &[values.len()], Values::Whole(values.to_vec()))
    }

    /// A parameter.
    pub(super) fn parameter(&mut self, params: &Params, name: &str) -> String {
        let (shape, values) = matrix(params, name);
        self.constant(name, &shape, Values::Float(values))
    }

    /// Columns of parameters that stand below each other.
    pub(super) fn columns(
        &mut self,
        params: &Params,
        names: &[String],
        columns: Range<usize>,
    ) -> String {
        let mut out = Vec::new();
        let mut rows = 0;
        for name in names {
            let (shape, values) = matrix(params, name);
            rows += shape[0];
            for row in values.chunks(shape[1].max(1)) {
                out.extend_from_slice(&row[columns.clone()]);
            }
        }
        let name = format!("{}[{}:{}]", names.join("+"), columns.start, columns.end);
        self.constant(name, &[rows, columns.len()], Values::Float(out))
    }

    /// `x @ weight + bias` of the declared layer `name`.
    pub(super) fn linear(&mut self, params: &Params, name: &str, x: &str) -> String {
        let columns = columns_of(params, &format!("{name}.weight"));
        self.linear_columns(params, name, x, 0..columns)
    }

    /// Some columns of the same.
    pub(super) fn linear_columns(
        &mut self,
        params: &Params,
        name: &str,
        x: &str,
        columns: Range<usize>,
    ) -> String {
        let weight = self.columns(params, &[format!("{name}.weight")], columns.clone());
        let bias = self.columns(params, &[format!("{name}.bias")], columns);
        let product = self.op("MatMul", &[x, &weight]);
        self.op("Add", &[&product, &bias])
    }

    pub(super) fn leaky_relu(&mut self, x: &str) -> String {
        self.op_with("LeakyRelu", &[x], vec![("alpha", Attribute::Float(0.01))])
    }

    pub(super) fn concat(&mut self, parts: &[&str], axis: i64) -> String {
        self.op_with("Concat", parts, vec![("axis", Attribute::Whole(axis))])
    }

    pub(super) fn transpose(&mut self, x: &str, order: &[i64]) -> String {
        let order = Attribute::Wholes(order.to_vec());
        self.op_with("Transpose", &[x], vec![("perm", order)])
    }

    pub(super) fn reshape(&mut self, x: &str, shape: &[i64]) -> String {
        let name = format!("shape{shape:?}");
        let shape = self.wholes(&name, shape);
        self.op("Reshape", &[x, &shape])
    }

    pub(super) fn unsqueeze(&mut self, x: &str, axis: i64) -> String {
        let axis = self.wholes(&format!("axis[{axis}]"), &[axis]);
        self.op("Unsqueeze", &[x, &axis])
    }

    /// `x[..., start:end, ...]` along `axis`.
    pub(super) fn slice(&mut self, x: &str, axis: i64, start: i64, end: i64) -> String {
        let at = |value: i64| format!("at[{value}]");
        let starts = self.wholes(&at(start), &[start]);
        let ends = self.wholes(&at(end), &[end]);
        let axes = self.wholes(&format!("axis[{axis}]"), &[axis]);
        self.op("Slice", &[x, &starts, &ends, &axes])
    }

    /// Zeros in the shape of `x`, whose values are finite.
    pub(super) fn zeros_like(&mut self, x: &str) -> String {
        let zero = self.number("zero", 0.0);
        self.op("Mul", &[x, &zero])
    }

    pub(super) fn sum(&mut self, x: &str, axis: i64) -> String {
        let axis = self.wholes(&format!("axis[{axis}]"), &[axis]);
        self.op_with(
            "ReduceSum",
            &[x, &axis],
            vec![("keepdims", Attribute::Whole(0))],
        )
    }

    /// `[N, C]` condition to `[N]` log Z, and that as an output, where log Z depends on the condition.
    pub(super) fn log_z(&mut self, params: &Params, condition: Option<&str>) {
        let Some(condition) = condition.filter(|_| has(params, "log_z.in.weight")) else {
            return;
        };
        let h = self.linear(params, "log_z.in", condition);
        let h = self.leaky_relu(&h);
        let h = self.linear(params, "log_z.hidden", &h);
        let h = self.leaky_relu(&h);
        let weight = self.parameter(params, "log_z.out.weight");
        let h = self.op("MatMul", &[&h, &weight]);
        let first = self.parameter(params, "log_z.value");
        let h = self.op("Add", &[&h, &first]);
        let h = self.reshape(&h, &[-1]);
        let shape = vec![Size::Free("states")];
        self.output(
            "log_z",
            &h,
            shape,
            "Estimate of the logarithm of the sum of rewards under this condition, nats.",
        );
    }
}

pub(super) fn has(params: &Params, name: &str) -> bool {
    params.iter().any(|param| param.name == name)
}

/// Columns of a parameter, 0 where there is none.
pub(super) fn columns_of(params: &Params, name: &str) -> usize {
    let found = params.iter().find(|param| param.name == name);
    found.map_or(0, |param| param.shape[1])
}

fn matrix(params: &Params, name: &str) -> ([usize; 2], Vec<f32>) {
    let found = params.iter().find(|param| param.name == name);
    let param = found.expect("a network is described by the parameters that it declared");
    (param.shape, param.values.clone())
}
