//! log Z as a function of the condition: one number without a condition, a small network with one.

use anabranch_core::rng::Stream;

use super::LogZPullback;
use super::neural::{Leaves, read};
use crate::params::Params;

/// Units in each of the two hidden layers.
const HIDDEN: usize = 64;

/// The log Z of a conditional sampler (recursionpharma/gflownet: two hidden layers on the condition).
#[derive(Clone, Copy, Debug)]
pub struct LogZ {
    conditions: usize,
}

impl LogZ {
    /// Declares the parameters, all in the group `log_z`; `first` is the first value in nats.
    pub fn declare(conditions: usize, first: f64, params: &mut Params, rng: &mut Stream) -> Self {
        if conditions > 0 {
            params.linear("log_z.in", conditions, HIDDEN, rng);
            params.linear("log_z.hidden", HIDDEN, HIDDEN, rng);
            params.uniform("log_z.out.weight", [HIDDEN, 1], rng);
        }
        params.constant("log_z.value", [1, 1], first as f32);
        Self { conditions }
    }

    /// `[B]` log Z with the way back; `conditions` is `[B, C]`, flat.
    pub fn forward<'a>(
        &self,
        params: &'a Params,
        conditions: &[f32],
        count: usize,
    ) -> (Vec<f64>, LogZPullback<'a>) {
        let leaves = Leaves::new(params, true);
        let mut out = leaves
            .constant(vec![1.0; count], [count, 1])
            .matmul(leaves.get("log_z.value"));
        if self.conditions > 0 {
            let x = leaves.constant(conditions.to_vec(), [count, self.conditions]);
            let x = burn::tensor::activation::leaky_relu(leaves.linear("log_z.in", x), 0.01);
            let x = burn::tensor::activation::leaky_relu(leaves.linear("log_z.hidden", x), 0.01);
            out = out + x.matmul(leaves.get("log_z.out.weight"));
        }
        let values = read(out.clone()).into_iter().map(f64::from).collect();
        let pullback = move |grad: &[f64]| {
            let weights: Vec<f32> = grad.iter().map(|&g| g as f32).collect();
            leaves.backward(vec![out], &weights, params)
        };
        (values, Box::new(pullback))
    }

    /// What [`forward`](Self::forward) gives, without tensors where there is no condition.
    pub(super) fn forward_plain<'a>(
        &self,
        params: &'a Params,
        conditions: &[f32],
        count: usize,
    ) -> (Vec<f64>, LogZPullback<'a>) {
        if self.conditions > 0 {
            return self.forward(params, conditions, count);
        }
        let place = params.iter().position(|param| param.name == "log_z.value");
        let place = place.expect("declared with the others");
        let value = f64::from(params.iter().as_slice()[place].values[0]);
        let pullback = move |grad: &[f64]| {
            let mut gradients = vec![Vec::new(); params.len()];
            gradients[place] = vec![grad.iter().sum::<f64>() as f32];
            gradients
        };
        (vec![value; count], Box::new(pullback))
    }
}
