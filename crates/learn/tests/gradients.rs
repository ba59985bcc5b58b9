//! Gradients of models against finite differences, through an objective.

use anabranch_chem::{Fragment, Vocabulary};
use anabranch_core::objective::Objective;
use anabranch_core::{Frontier, Seed, Trajectories};
use anabranch_envs::fragments::Fragments;
use anabranch_envs::hypergrid::{Hypergrid, Terminal};
use anabranch_learn::policy::{
    GraphTransformer, GraphTransformerConfig, MessagePassing, MessagePassingConfig, Mlp, MlpConfig,
    Model, Neural,
};
use anabranch_learn::rollout::rollout;
use anabranch_learn::score::{Choices, visited};

const OBJECTIVE: Objective = Objective::SubTrajectoryBalance { lambda: 0.9 };

/// Loss of `model` and the gradient of its parameters.
fn loss<M: Model>(env: &M::Env, model: &M, batch: &Trajectories<M::Env>) -> (f64, Vec<Vec<f32>>) {
    let frontier: Frontier<'_, M::Env> = visited(env, batch);
    let (scores, pullback) = model.forward(&frontier).expect("scores");
    let (log_z, log_z_pullback) = model
        .forward_log_z(&batch.conditions, batch.len())
        .expect("log Z");
    let choices = Choices::new(&frontier, batch, &scores).expect("listed edges");
    let log_reward = (0..batch.len()).map(|i| 0.3 * i as f64 - 1.0).collect();
    let terms = choices.terms(&frontier, batch, log_z, log_reward);
    // Two objectives, so that log Z and the flows both have a gradient.
    let one = OBJECTIVE.loss(&terms).expect("a loss");
    let two = Objective::TrajectoryBalance.loss(&terms).expect("a loss");
    let mut gradient = pullback(&choices.pull_back(&frontier, &one.grad));
    let (_, again) = model.forward(&frontier).expect("scores");
    for part in [
        again(&choices.pull_back(&frontier, &two.grad)),
        log_z_pullback(&two.grad.log_z),
    ] {
        for (sum, values) in gradient.iter_mut().zip(part) {
            sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
        }
    }
    (one.value + two.value, gradient)
}

/// Compares directional derivatives along each parameter array; f32 networks allow some 1e-2.
fn check<M: Model>(env: &M::Env, mut model: M, conditions: usize) {
    let mut streams: Vec<_> = (0..6)
        .map(|i| Seed::new(5).stream("rollout", &[i]))
        .collect();
    let condition: Vec<f32> = (0..6 * conditions)
        .map(|i| (i as f32 * 0.37).sin())
        .collect();
    let batch = rollout(env, &model, &condition, &mut streams).expect("samples");
    let (_, gradient) = loss(env, &model, &batch);
    let mut moved = 0;
    for (index, grad) in gradient.iter().enumerate() {
        let norm = grad
            .iter()
            .map(|g| f64::from(*g).powi(2))
            .sum::<f64>()
            .sqrt();
        if norm < 1e-4 {
            continue;
        }
        moved += 1;
        let original = model.params().clone();
        // Small enough to cross few kinks of LeakyReLU, large enough for f32.
        let step = 4e-4 / norm;
        let mut at = |sign: f64| {
            let param = model
                .params_mut()
                .iter_mut()
                .nth(index)
                .expect("the parameter");
            for (value, g) in param.values.iter_mut().zip(grad) {
                *value += (sign * step * f64::from(*g)) as f32;
            }
            let value = loss(env, &model, &batch).0;
            *model.params_mut() = original.clone();
            value
        };
        let numeric = (at(1.0) - at(-1.0)) / (2.0 * step);
        let relative = (numeric - norm * norm).abs() / (norm * norm);
        let name = &original.iter().nth(index).expect("the parameter").name;
        assert!(
            relative < 3e-2,
            "{name}: numeric {numeric}, analytic {}",
            norm * norm
        );
    }
    assert!(moved > 5, "only {moved} parameters have a gradient");
}

#[test]
fn perceptron() {
    let env = Hypergrid::new(3, 4, Terminal::All).expect("a sound grid");
    for shared_trunk in [true, false] {
        let config = MlpConfig {
            hidden: 16,
            layers: 2,
            learned_backward: true,
            shared_trunk,
            flow: true,
        };
        let mut rng = Seed::new(2).stream("init", &[]);
        check(
            &env,
            Neural::new(Mlp::new(&env, 3, config), 3, 1.0, &mut rng),
            3,
        );
    }
}

fn small_molecules() -> Fragments {
    let fragment = |smiles: &str, stems: &[usize]| Fragment {
        smiles: smiles.into(),
        stems: stems.to_vec(),
    };
    let vocabulary = Vocabulary::new(vec![
        fragment("c1ccccc1", &[0, 1, 2, 3, 4, 5]),
        fragment("C", &[0]),
        fragment("CO", &[0, 1]),
    ])
    .expect("a sound vocabulary");
    Fragments::new(vocabulary, 4).expect("a sound environment")
}

#[test]
fn graph_transformer() {
    let env = small_molecules();
    let config = GraphTransformerConfig {
        width: 16,
        layers: 2,
        heads: 2,
        learned_backward: true,
        flow: true,
    };
    let mut rng = Seed::new(2).stream("init", &[]);
    check(
        &env,
        Neural::new(GraphTransformer::new(&env, 3, config), 3, 1.0, &mut rng),
        3,
    );
}

#[test]
fn message_passing() {
    let env = small_molecules();
    for (width, directed) in [(16, true), (19, false)] {
        let config = MessagePassingConfig {
            width,
            rounds: 2,
            learned_backward: true,
            flow: true,
            directed,
        };
        let mut rng = Seed::new(2).stream("init", &[]);
        check(&env, MessagePassing::new(&env, 3, config, 1.0, &mut rng), 3);
    }
}
