//! Any burn network as a [`Model`].
//!
//! A network is a pure function of parameters and a prepared batch. It returns dense arrays of
//! numbers; which of them scores which edge is an index list, and softmax, masking and gradients of
//! ragged rows are done here in plain f64.

use std::collections::BTreeMap;

use anabranch_core::rng::Stream;
use anabranch_core::{Discrete, Frontier};
use burn::tensor::{Device, Tensor, TensorData};

use super::log_z::LogZ;
use super::{LogZPullback, Model, Policy, Pullback, Scores, ScoresGrad};
use crate::error::{LearnError, Result};
use crate::params::{Gradients, Params};

/// Parameters as tensors for one pass, by name.
pub struct Leaves {
    device: Device,
    tensors: Vec<Tensor<2>>,
    index: BTreeMap<String, usize>,
}

impl Leaves {
    /// Tensors of `params`; they record gradients where `tracked`.
    pub fn new(params: &Params, tracked: bool) -> Self {
        let plain = Device::flex();
        let device = if tracked { plain.autodiff() } else { plain };
        let tensors = params
            .iter()
            .map(|param| {
                let data = TensorData::new(param.values.clone(), param.shape);
                let tensor = Tensor::<2>::from_data(data, &device);
                if tracked {
                    tensor.require_grad()
                } else {
                    tensor
                }
            })
            .collect();
        let index = params
            .iter()
            .enumerate()
            .map(|(i, param)| (param.name.clone(), i))
            .collect();
        Self {
            device,
            tensors,
            index,
        }
    }

    /// Where constants for the same pass live.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The parameter called `name`.
    ///
    /// # Panics
    /// If the network asks for what it did not declare.
    pub fn get(&self, name: &str) -> Tensor<2> {
        let index = *self
            .index
            .get(name)
            .expect("a network asks only for parameters that it declared");
        self.tensors[index].clone()
    }

    /// `x @ weight + bias` of the linear layer `name`; `x` is `[rows, inputs]`.
    pub fn linear(&self, name: &str, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.get(&format!("{name}.weight"))) + self.get(&format!("{name}.bias"))
    }

    /// A constant matrix `[rows, cols]`.
    pub fn constant(&self, values: Vec<f32>, shape: [usize; 2]) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }

    /// A constant `[a, b, c]`.
    pub fn constant3(&self, values: Vec<f32>, shape: [usize; 3]) -> Tensor<3> {
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }

    /// Gradients of `sum(outputs * weights)` with respect to every parameter.
    pub fn backward(&self, outputs: Vec<Tensor<2>>, weights: &[f32], params: &Params) -> Gradients {
        let mut total: Option<Tensor<1>> = None;
        let mut start = 0;
        for output in outputs {
            let shape = output.dims();
            let end = start + shape[0] * shape[1];
            let weight = self.constant(weights[start..end].to_vec(), shape);
            let part = (output * weight).sum();
            total = Some(match total {
                None => part,
                Some(sum) => sum + part,
            });
            start = end;
        }
        let Some(total) = total else {
            return params.zero_gradients();
        };
        let mut grads = total.backward();
        self.tensors
            .iter()
            .zip(params.iter())
            .map(|(leaf, param)| match leaf.grad_remove(&mut grads) {
                Some(grad) => read(grad),
                None => vec![0.0; param.values.len()],
            })
            .collect()
    }
}

/// `[rows * cols]` values of a tensor, row-major.
pub fn read(tensor: Tensor<2>) -> Vec<f32> {
    tensor
        .into_data()
        .try_into_vec::<f32>()
        .expect("networks compute in f32 on this backend")
}

/// A batch made ready for a network, and where its outputs are the scores of which edges.
pub struct Prepared<B> {
    /// What the network reads.
    pub batch: B,
    /// `[M]` place of each move's score in the network's outputs, flat and in order.
    pub moves: Vec<u32>,
    /// `[P]` place of each parent's score; `None` for the uniform backward policy.
    pub parents: Option<Vec<u32>>,
    /// `[N]` place of each state's log-flow.
    pub log_flow: Option<Vec<u32>>,
}

/// A function of parameters and a batch of states.
pub trait Network: Sync {
    /// What is scored.
    type Env: Discrete;
    /// What the network reads, as plain numbers.
    type Batch: Send;

    /// Declares the parameters with their first values.
    fn declare(&self, params: &mut Params, rng: &mut Stream);

    /// Numbers of a frontier, and which outputs score its edges.
    fn prepare(&self, frontier: &Frontier<'_, Self::Env>) -> Prepared<Self::Batch>;

    /// The outputs, whose flat concatenation the indices of [`Prepared`] point into.
    fn outputs(&self, leaves: &Leaves, batch: &Self::Batch) -> Vec<Tensor<2>>;
}

/// A network with its parameters and a log Z of the condition.
pub struct Neural<N> {
    network: N,
    log_z: LogZ,
    params: Params,
}

impl<N: Network> Neural<N> {
    /// Draws the first weights. `conditions` is `C`, the length of a conditioning vector, and
    /// `log_z` the first value of log Z in nats.
    pub fn new(network: N, conditions: usize, log_z: f64, rng: &mut Stream) -> Self {
        let mut params = Params::new();
        network.declare(&mut params, rng);
        let log_z = LogZ::declare(conditions, log_z, &mut params, rng);
        Self {
            network,
            log_z,
            params,
        }
    }

    /// The same network with other parameters, as in an average of past weights.
    pub fn with_params(&self, params: Params) -> Self
    where
        N: Clone,
    {
        Self {
            network: self.network.clone(),
            log_z: self.log_z,
            params,
        }
    }
}

impl<N: Network> Policy for Neural<N> {
    type Env = N::Env;

    fn scores(&self, frontier: &Frontier<'_, N::Env>) -> Result<Scores> {
        let prepared = self.network.prepare(frontier);
        let leaves = Leaves::new(&self.params, false);
        let outputs = self.network.outputs(&leaves, &prepared.batch);
        collect(&prepared, outputs)
    }
}

impl<N: Network> Model for Neural<N> {
    fn forward(&self, frontier: &Frontier<'_, N::Env>) -> Result<(Scores, Pullback<'_>)> {
        let prepared = self.network.prepare(frontier);
        let leaves = Leaves::new(&self.params, true);
        let outputs = self.network.outputs(&leaves, &prepared.batch);
        let scores = collect(&prepared, outputs.clone())?;
        let Prepared {
            moves,
            parents,
            log_flow,
            ..
        } = prepared;
        let pullback = move |grad: &ScoresGrad| {
            let total = outputs.iter().map(|o| o.dims()[0] * o.dims()[1]).sum();
            let mut weights = vec![0.0_f32; total];
            scatter(&moves, &grad.moves, &mut weights);
            if let (Some(places), Some(values)) = (&parents, &grad.parents) {
                scatter(places, values, &mut weights);
            }
            if let (Some(places), Some(values)) = (&log_flow, &grad.log_flow) {
                scatter(places, values, &mut weights);
            }
            leaves.backward(outputs, &weights, &self.params)
        };
        Ok((scores, Box::new(pullback)))
    }

    fn forward_log_z(
        &self,
        conditions: &[f32],
        count: usize,
    ) -> Result<(Vec<f64>, LogZPullback<'_>)> {
        Ok(self.log_z.forward(&self.params, conditions, count))
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }
}

/// Adds each value to its place.
fn scatter(places: &[u32], values: &[f64], out: &mut [f32]) {
    for (place, value) in places.iter().zip(values) {
        out[*place as usize] += *value as f32;
    }
}

/// Picks the scores out of the outputs.
fn collect<B>(prepared: &Prepared<B>, outputs: Vec<Tensor<2>>) -> Result<Scores> {
    let flat: Vec<f32> = outputs.into_iter().flat_map(read).collect();
    let pick = |places: &Vec<u32>, what: &str| {
        places
            .iter()
            .map(|&place| {
                let value = flat[place as usize];
                if value.is_finite() {
                    Ok(f64::from(value))
                } else {
                    Err(LearnError::Parameter {
                        name: what.into(),
                        problem: format!("the network computed {value}; lower the learning rate"),
                    })
                }
            })
            .collect::<Result<Vec<f64>>>()
    };
    Ok(Scores {
        moves: pick(&prepared.moves, "forward scores")?,
        parents: prepared
            .parents
            .as_ref()
            .map(|places| pick(places, "backward scores"))
            .transpose()?,
        log_flow: prepared
            .log_flow
            .as_ref()
            .map(|places| pick(places, "log-flows"))
            .transpose()?,
    })
}
