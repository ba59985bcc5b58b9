//! Adam with one learning rate for each group of parameters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{LearnError, Result};
use crate::params::{Gradients, Params};
use crate::schedule::Schedule;

/// Constants of [`Adam`] (Kingma and Ba 2015).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamConfig {
    /// Learning rate of the policy over steps.
    pub learning_rate: Schedule,
    /// Learning rate of log Z over steps.
    pub log_z_learning_rate: Schedule,
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
    /// Added to the root of the mean square.
    pub epsilon: f32,
    /// Decoupled weight decay, as a share of the learning rate.
    pub weight_decay: f32,
    /// Largest Euclidean norm of a whole group's gradient; 0 turns clipping off.
    pub clip_norm: f32,
}

/// The optimiser and its memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    config: AdamConfig,
    step: u64,
    first: Gradients,
    second: Gradients,
}

impl Adam {
    /// No memory yet.
    pub fn new(config: AdamConfig, params: &Params) -> Self {
        Self {
            config,
            step: 0,
            first: params.zero_gradients(),
            second: params.zero_gradients(),
        }
    }

    /// Memory read back from a checkpoint.
    pub fn restore(config: AdamConfig, step: u64, first: Gradients, second: Gradients) -> Self {
        Self { config, step, first, second }
    }

    /// Steps taken.
    pub fn step_count(&self) -> u64 {
        self.step
    }

    /// Means of gradients and of squared gradients, to be stored.
    pub fn memory(&self) -> (&Gradients, &Gradients) {
        (&self.first, &self.second)
    }

    /// One step; returns the gradient's norm by group before clipping.
    ///
    /// # Errors
    /// Names the parameter whose gradient is not finite; no parameter is changed then.
    pub fn update(&mut self, params: &mut Params, gradients: &Gradients) -> Result<BTreeMap<String, f64>> {
        let mut norms: BTreeMap<String, f64> = BTreeMap::new();
        for (param, grad) in params.iter().zip(gradients) {
            let square: f64 = grad.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
            if !square.is_finite() {
                return Err(LearnError::Parameter {
                    name: param.name.clone(),
                    problem: "its gradient is not finite; lower the learning rate or clip".into(),
                });
            }
            *norms.entry(param.group().to_string()).or_default() += square;
        }
        norms.values_mut().for_each(|square| *square = square.sqrt());
        self.step += 1;
        let AdamConfig { beta1, beta2, epsilon, weight_decay, clip_norm, .. } = self.config;
        let correct1 = 1.0 - (f64::from(beta1)).powf(self.step as f64);
        let correct2 = 1.0 - (f64::from(beta2)).powf(self.step as f64);
        let memory = self.first.iter_mut().zip(&mut self.second);
        for ((param, grad), (first, second)) in params.iter_mut().zip(gradients).zip(memory) {
            let is_log_z = param.group() == "log_z";
            let schedule = if is_log_z {
                &self.config.log_z_learning_rate
            } else {
                &self.config.learning_rate
            };
            let rate = schedule.at(self.step - 1);
            let norm = norms[param.group()];
            let scale = if clip_norm > 0.0 && norm > f64::from(clip_norm) {
                (f64::from(clip_norm) / norm) as f32
            } else {
                1.0
            };
            let size = (rate * correct2.sqrt() / correct1) as f32;
            let epsilon = epsilon * correct2.sqrt() as f32;
            let keep = 1.0 - (rate as f32) * if is_log_z { 0.0 } else { weight_decay };
            let slots = first.iter_mut().zip(second).zip(grad);
            for (value, ((m, v), g)) in param.values.iter_mut().zip(slots) {
                let g = g * scale;
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                *value = *value * keep - size * *m / (v.sqrt() + epsilon);
            }
        }
        Ok(norms)
    }
}
