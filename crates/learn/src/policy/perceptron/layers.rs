//! Linear layers as the kernels read them.

use super::super::MlpConfig;
use super::super::panels::{PANEL, Panels, Pool};
use crate::params::Params;

/// Layers that follow on each other, the heads that stand on them last.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    pub(super) layers: Vec<Layer>,
}

/// One linear layer, made of the columns of one or more declared ones.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) parts: Vec<Part>,
}

/// A declared linear layer: its weight is parameter `param`, its bias the next one.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) param: usize,
    pub(super) start: usize,
    pub(super) outputs: usize,
}

/// A layer's parameters as the kernels read them.
pub(super) struct Packed {
    /// `[inputs, outputs]`
    pub(super) weight: Panels,
    /// `[1, outputs]`
    pub(super) bias: Panels,
}

impl Stack {
    /// The hidden layers of `trunk`, and below the heads nothing yet.
    pub(super) fn new(params: &Params, trunk: &str, mut inputs: usize, config: MlpConfig) -> Self {
        let mut layers = Vec::with_capacity(config.layers + 1);
        for index in 0..config.layers {
            let mut layer = Layer::new(inputs);
            layer.add(params, &format!("policy.{trunk}.{index}"), config.hidden);
            layers.push(layer);
            inputs = config.hidden;
        }
        layers.push(Layer::new(inputs));
        Self { layers }
    }

    pub(super) fn heads_mut(&mut self) -> &mut Layer {
        self.layers.last_mut().expect("a stack ends with heads")
    }
}

impl Layer {
    fn new(inputs: usize) -> Self {
        Self {
            inputs,
            outputs: 0,
            parts: Vec::new(),
        }
    }

    /// Appends the columns of the declared layer `name`.
    pub(super) fn add(&mut self, params: &Params, name: &str, outputs: usize) {
        let weight = format!("{name}.weight");
        let param = params.iter().position(|param| param.name == weight);
        self.parts.push(Part {
            param: param.expect("the network declared its layers"),
            start: self.outputs,
            outputs,
        });
        self.outputs += outputs;
    }

    pub(super) fn pack(&self, params: &Params, rows: usize, pool: &Pool) -> Packed {
        let params = params.iter().as_slice();
        let mut weight = Panels::blank(rows, self.outputs, (self.inputs, self.outputs), pool);
        let mut bias = Panels::zeros(1, self.outputs, pool);
        for part in &self.parts {
            weight.copy_from(&params[part.param].values, part.outputs, part.start);
            bias.copy_from(&params[part.param + 1].values, part.outputs, part.start);
        }
        Packed { weight, bias }
    }

    pub(super) fn transpose(&self, params: &Params, pool: &Pool) -> Panels {
        let params = params.iter().as_slice();
        let rows = padded(self.outputs, PANEL);
        let mut weight = Panels::blank(rows, self.inputs, (self.outputs, self.inputs), pool);
        for part in &self.parts {
            weight.copy_transposed(&params[part.param].values, part.outputs, part.start);
        }
        weight
    }
}

pub(super) fn padded(count: usize, multiple: usize) -> usize {
    count.next_multiple_of(multiple)
}
