//! Adam with one learning rate for each group of parameters.

use std::collections::BTreeMap;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{LearnError, Result};
use crate::params::{Gradients, Params};
use crate::schedule::Schedule;
use crate::simd::dispatch;

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

impl AdamConfig {
    /// Constant learning rates of the policy and of log Z, and the usual constants: 0.9, 0.999, 1e-8, no
    /// decay, no clipping.
    pub fn with_rates(learning_rate: f64, log_z_learning_rate: f64) -> Self {
        Self {
            learning_rate: Schedule::Constant(learning_rate),
            log_z_learning_rate: Schedule::Constant(log_z_learning_rate),
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            clip_norm: 0.0,
        }
    }
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
        Self {
            config,
            step,
            first,
            second,
        }
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
    pub fn update(
        &mut self,
        params: &mut Params,
        gradients: &Gradients,
    ) -> Result<BTreeMap<String, f64>> {
        self.update_sum(params, vec![gradients.clone()])
    }

    /// As [`update`](Self::update) with the sum of `parts`, added in their order over the threads of
    /// the current pool; an empty array is one of zeros.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn update_sum(
        &mut self,
        params: &mut Params,
        mut parts: Vec<Gradients>,
    ) -> Result<BTreeMap<String, f64>> {
        let mut gradients = match parts.is_empty() {
            true => params.zero_gradients(),
            false => parts.remove(0),
        };
        for (param, gradient) in params.iter().zip(&mut gradients) {
            gradient.resize(param.values.len(), 0.0);
        }
        let norms = self.sum(params, &mut gradients, &parts)?;
        self.step += 1;
        let correct1 = 1.0 - (f64::from(self.config.beta1)).powf(self.step as f64);
        let correct2 = 1.0 - (f64::from(self.config.beta2)).powf(self.step as f64);
        let mut slices = Vec::new();
        let memory = self.first.iter_mut().zip(&mut self.second);
        for ((param, gradient), (first, second)) in params.iter_mut().zip(&gradients).zip(memory) {
            let rule = self.config.rule(
                param.group(),
                self.step - 1,
                norms[param.group()],
                (correct1, correct2),
            );
            let chunks = param.values.chunks_mut(CHUNK).zip(gradient.chunks(CHUNK));
            let memory = first.chunks_mut(CHUNK).zip(second.chunks_mut(CHUNK));
            slices.extend(
                chunks
                    .zip(memory)
                    .map(|((values, gradient), (first, second))| Step {
                        values,
                        gradient,
                        first,
                        second,
                        rule,
                    }),
            );
        }
        slices
            .into_par_iter()
            .with_min_len(TOGETHER)
            .for_each(dispatch);
        Ok(norms)
    }

    /// Adds `parts` to `sums`; returns the norm of each group.
    fn sum(
        &self,
        params: &Params,
        sums: &mut Gradients,
        parts: &[Gradients],
    ) -> Result<BTreeMap<String, f64>> {
        let mut slices: Vec<(usize, usize, &mut [f32])> = Vec::new();
        for (index, sums) in sums.iter_mut().enumerate() {
            let chunks = sums.chunks_mut(CHUNK).enumerate();
            slices.extend(chunks.map(|(chunk, sums)| (index, chunk * CHUNK, sums)));
        }
        let squares: Vec<(usize, f64)> = slices
            .into_par_iter()
            .with_min_len(TOGETHER)
            .map(|(index, start, sums)| {
                let parts = parts.iter().map(|part| &part[index]);
                for part in parts.filter(|part| !part.is_empty()) {
                    let part = &part[start..start + sums.len()];
                    sums.iter_mut().zip(part).for_each(|(s, v)| *s += v);
                }
                (index, dispatch(SumOfSquares(sums)))
            })
            .collect();
        let mut norms: BTreeMap<String, f64> = BTreeMap::new();
        let mut squares = squares.into_iter().peekable();
        for (index, param) in params.iter().enumerate() {
            let mut square = 0.0;
            while let Some((_, part)) = squares.next_if(|(of, _)| *of == index) {
                square += part;
            }
            if !square.is_finite() {
                return Err(LearnError::Parameter {
                    name: param.name.clone(),
                    problem: "its gradient is not finite; lower the learning rate or clip".into(),
                });
            }
            match norms.get_mut(param.group()) {
                Some(norm) => *norm += square,
                None => _ = norms.insert(param.group().to_string(), square),
            }
        }
        norms
            .values_mut()
            .for_each(|square| *square = square.sqrt());
        Ok(norms)
    }
}

/// Values that one thread works on at a time.
const CHUNK: usize = 8192;
/// Chunks that are not worth a second thread: their way from one core's cache to the other's takes as
/// long as they do.
const TOGETHER: usize = 16;
/// Fewer values than these are updated by one thread.
pub(crate) const ALONE: usize = CHUNK * TOGETHER;

impl AdamConfig {
    /// The rule for the parameters of `group`, whose gradient has the given norm, at `step` counted from
    /// 0; `correct` are the corrections of the two means.
    fn rule(&self, group: &str, step: u64, norm: f64, correct: (f64, f64)) -> Rule {
        let is_log_z = group == "log_z";
        let schedule = if is_log_z {
            &self.log_z_learning_rate
        } else {
            &self.learning_rate
        };
        let rate = schedule.at(step);
        let clip_norm = f64::from(self.clip_norm);
        let clipped = clip_norm > 0.0 && norm > clip_norm;
        Rule {
            beta1: self.beta1,
            beta2: self.beta2,
            scale: if clipped {
                (clip_norm / norm) as f32
            } else {
                1.0
            },
            size: (rate * correct.1.sqrt() / correct.0) as f32,
            epsilon: self.epsilon * correct.1.sqrt() as f32,
            keep: 1.0 - (rate as f32) * if is_log_z { 0.0 } else { self.weight_decay },
        }
    }
}

/// Sum of squares in f64, sixteen sums side by side.
struct SumOfSquares<'a>(&'a [f32]);

impl WithSimd for SumOfSquares<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let mut sums = [0.0_f64; 16];
        let (lanes, rest) = self.0.as_chunks::<16>();
        for lane in lanes {
            for (sum, &g) in sums.iter_mut().zip(lane) {
                *sum += f64::from(g) * f64::from(g);
            }
        }
        for (sum, &g) in sums.iter_mut().zip(rest) {
            *sum += f64::from(g) * f64::from(g);
        }
        sums.iter().sum()
    }
}

/// The constants of one step of one group.
#[derive(Clone, Copy)]
struct Rule {
    beta1: f32,
    beta2: f32,
    scale: f32,
    size: f32,
    epsilon: f32,
    keep: f32,
}

/// The rule for part of one array. Every operation is rounded by itself, so that the width of the
/// vectors changes no bit.
struct Step<'a> {
    values: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    rule: Rule,
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Rule {
            beta1,
            beta2,
            scale,
            size,
            epsilon,
            keep,
        } = self.rule;
        let slots = self.first.iter_mut().zip(self.second).zip(self.gradient);
        for (value, ((m, v), g)) in self.values.iter_mut().zip(slots) {
            let g = g * scale;
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *value = *value * keep - size * *m / (v.sqrt() + epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(values: &[f32], name: &str) -> Params {
        let mut params = Params::new();
        params.constant(name, [1, values.len()], 0.0);
        params
            .iter_mut()
            .for_each(|p| p.values.copy_from_slice(values));
        params
    }

    fn values(params: &Params) -> Vec<f32> {
        params.iter().flat_map(|p| p.values.clone()).collect()
    }

    /// The rule of Kingma and Ba 2015, algorithm 1, written plainly in f64.
    #[test]
    fn steps_are_those_of_the_paper() {
        let mut model = params(&[1.0, -2.0], "policy.w");
        let mut adam = Adam::new(AdamConfig::with_rates(0.1, 0.0), &model);
        let (mut x, mut m, mut v) = ([1.0_f64, -2.0], [0.0; 2], [0.0; 2]);
        for t in 1..=5 {
            let gradient: [f64; 2] = [0.5 * t as f64, -3.0];
            for i in 0..2 {
                m[i] = 0.9 * m[i] + 0.1 * gradient[i];
                v[i] = 0.999 * v[i] + 0.001 * gradient[i] * gradient[i];
                let (m_hat, v_hat) = (
                    m[i] / (1.0 - 0.9_f64.powi(t)),
                    v[i] / (1.0 - 0.999_f64.powi(t)),
                );
                x[i] -= 0.1 * m_hat / (v_hat.sqrt() + 1e-8);
            }
            let gradient = vec![gradient.map(|g| g as f32).to_vec()];
            adam.update(&mut model, &gradient).expect("finite");
        }
        for (ours, theirs) in values(&model).iter().zip(x) {
            assert!((f64::from(*ours) - theirs).abs() < 1e-5, "{ours} {theirs}");
        }
    }

    #[test]
    fn log_z_has_its_own_rate_and_no_decay() {
        let config = AdamConfig {
            weight_decay: 0.5,
            ..AdamConfig::with_rates(0.0, 0.2)
        };
        let mut policy = params(&[3.0], "policy.w");
        let mut log_z = params(&[3.0], "log_z.value");
        for model in [&mut policy, &mut log_z] {
            let mut adam = Adam::new(config.clone(), model);
            adam.update(model, &vec![vec![1.0]]).expect("finite");
        }
        assert_eq!(values(&policy), [3.0]);
        assert!((values(&log_z)[0] - 2.8).abs() < 1e-6);
    }

    #[test]
    fn clipping_bounds_the_group_and_reports_the_norm_before() {
        let config = AdamConfig {
            clip_norm: 1.0,
            ..AdamConfig::with_rates(0.1, 0.1)
        };
        let mut model = params(&[0.0, 0.0], "policy.w");
        let mut adam = Adam::new(config, &model);
        let norms = adam
            .update(&mut model, &vec![vec![3.0, 4.0]])
            .expect("finite");
        assert!((norms["policy"] - 5.0).abs() < 1e-12);
        // The mean of gradients is a tenth of the clipped gradient (0.6, 0.8).
        let (first, _) = adam.memory();
        assert!((first[0][0] - 0.06).abs() < 1e-6 && (first[0][1] - 0.08).abs() < 1e-6);
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing() {
        let mut model = params(&[1.0, 2.0], "policy.w");
        let mut adam = Adam::new(AdamConfig::with_rates(0.1, 0.1), &model);
        let error = adam.update(&mut model, &vec![vec![f32::NAN, 0.0]]);
        assert!(error.is_err_and(|e| e.to_string().contains("policy.w")));
        assert_eq!(values(&model), [1.0, 2.0]);
        assert_eq!(adam.step_count(), 0);
    }
}
