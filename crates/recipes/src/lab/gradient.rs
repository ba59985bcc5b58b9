//! Gradients of an objective without a step, to compare objectives with each other.

use anabranch_core::objective::Objective;
use anabranch_core::{Environment, Trajectories};
use anabranch_learn::policy::Model;
use anabranch_learn::score::{Choices, visited};

/// Gradient of `objective` on `trajectories` with respect to every parameter of the trunk and of the
/// forward and backward heads, flat; the flow head and log Z are left out.
///
/// log Z of the terms is the model's log F(s_0), so that trajectory balance is judged by the flows of a
/// model that was trained by another objective (Madan et al. 2023, arXiv 2209.12782, section 5).
///
/// # Errors
/// Where the model cannot score or has no flow head, or the objective is not finite.
pub fn policy_gradient<M: Model>(
    env: &M::Env,
    model: &M,
    objective: Objective,
    trajectories: &Trajectories<M::Env>,
    log_reward: impl Fn(&<M::Env as Environment>::State) -> f64,
) -> anyhow::Result<Vec<f64>> {
    let frontier = visited(env, trajectories);
    let (scores, pullback) = model.forward(&frontier)?;
    let choices = Choices::new(&frontier, trajectories, &scores)?;
    let flows = scores.log_flow.as_deref();
    let flows = flows.ok_or_else(|| anyhow::anyhow!("the model has no flow head"))?;
    let offsets = trajectories.states.offsets();
    let sources = &offsets[..trajectories.len()];
    let log_z = sources.iter().map(|&row| flows[row]).collect();
    let rewards = trajectories.objects().iter().map(log_reward).collect();
    let terms = choices.terms(&frontier, trajectories, log_z, rewards);
    let loss = objective.loss(&terms)?;
    let gradients = pullback(&choices.pull_back(&frontier, &loss.grad));
    let named = model.params().iter().zip(gradients);
    let kept = named
        .filter(|(param, _)| param.group() == "policy" && !param.name.starts_with("policy.flow"));
    Ok(kept
        .flat_map(|(_, values)| values.into_iter().map(f64::from))
        .collect())
}

/// Cosine of the angle between `a` and `b`; 0 where one of them vanishes.
pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms > 0.0 { dot(a, b) / norms } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_core::Seed;
    use anabranch_envs::hypergrid::{Hypergrid, Terminal};
    use anabranch_learn::policy::{MlpConfig, Perceptron};
    use anabranch_learn::step::sample;

    #[test]
    fn the_gradient_of_trajectory_balance_is_that_of_differences() {
        let grid = Hypergrid::new(2, 4, Terminal::All).expect("a grid");
        let reward = grid.corners(0.1).expect("a reward");
        let log_reward = |cell: &_| reward.reward(cell).ln();
        let config = MlpConfig {
            hidden: 8,
            layers: 1,
            learned_backward: true,
            shared_trunk: false,
            flow: true,
        };
        let seed = Seed::new(5);
        let mut model = Perceptron::new(&grid, 0, config, 0.0, &mut seed.stream("init", &[]));
        let batch = sample(&grid, &model, &[], 8, (seed, "rollout", 0)).expect("samples");
        let objective = Objective::TrajectoryBalance;
        let gradient = policy_gradient(&grid, &model, objective, &batch, log_reward);
        let gradient = gradient.expect("a gradient");
        // The trunks stand apart, so the flows, and log Z with them, stay where they are.
        let value = |model: &Perceptron<Hypergrid>| {
            let rewards: Vec<f64> = batch.objects().iter().map(log_reward).collect();
            let frontier = visited(&grid, &batch);
            let flow = model.forward(&frontier).expect("scores").0.log_flow;
            let log_z = vec![flow.expect("flows")[0]; batch.len()];
            let terms = anabranch_learn::step::terms(&grid, model, &batch, &log_z, &rewards);
            objective
                .loss(&terms.expect("terms"))
                .expect("a loss")
                .value
        };
        let is_forward = |name: &str| name.starts_with("policy.forward");
        let array = model.params().iter().position(|p| is_forward(&p.name));
        let array = array.expect("a forward head");
        let lengths = model.params().iter().take(array + 1);
        let mut lengths: Vec<usize> = lengths
            .filter(|p| !p.name.starts_with("policy.flow"))
            .map(|p| p.values.len())
            .collect();
        let count = lengths.pop().expect("the array itself");
        let first: usize = lengths.iter().sum();
        let shift = 1e-2_f32;
        let places: Vec<usize> = (0..count)
            .filter(|i| gradient[first + i].abs() > 0.05)
            .collect();
        assert!(!places.is_empty());
        for &place in places.iter().take(5) {
            let mut moved = |by: f32| {
                let param = model.params_mut().iter_mut().nth(array).expect("an array");
                param.values[place] += by;
                value(&model)
            };
            let up = moved(shift);
            let down = moved(-2.0 * shift);
            moved(shift);
            let numeric = (up - down) / (2.0 * f64::from(shift));
            let analytic = gradient[first + place];
            assert!(
                (numeric - analytic).abs() < 0.02 * analytic.abs().max(1.0),
                "{numeric} against {analytic}"
            );
        }
        assert_eq!(cosine(&[1.0, 0.0], &[2.0, 0.0]), 1.0);
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 0.0]), 0.0);
    }
}
