//! The perceptron computed by hand against the same one in burn.

mod common;

use anabranch_core::encode::VectorEncoded;
use anabranch_core::objective::Objective;
use anabranch_core::{Seed, Trajectories};
use anabranch_envs::bit_sequence::BitSequence;
use anabranch_envs::hypergrid::{Cell, Hypergrid, Terminal};
use anabranch_learn::LearnError;
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::params::{Gradients, Params, add};
use anabranch_learn::policy::{
    Adapt, Exploration, Mlp, MlpConfig, Model, Neural, Perceptron, Policy, Scores, ScoresGrad,
};
use anabranch_learn::rollout::rollout;
use anabranch_learn::score::{Choices, visited};
use anabranch_learn::step::{record, sample, train_step};
use common::{exact_total_variation, train};

type Both<E> = (Neural<Mlp<E>>, Perceptron<E>);

fn both<E: VectorEncoded>(env: &E, conditions: usize, config: MlpConfig) -> Both<E> {
    let mut rng = Seed::new(2).stream("init", &[]);
    let burn = Neural::new(Mlp::new(env, conditions, config), conditions, 1.0, &mut rng);
    let mut rng = Seed::new(2).stream("init", &[]);
    let plain = Perceptron::new(env, conditions, config, 1.0, &mut rng);
    (burn, plain)
}

/// All eight combinations of heads and trunks, with widths that fill panels and widths that do not.
fn configs() -> impl Iterator<Item = MlpConfig> {
    (0..8).map(|bits| MlpConfig {
        hidden: [16, 37, 64][bits % 3],
        layers: [2, 1, 3, 0][bits % 4],
        learned_backward: bits & 1 == 1,
        shared_trunk: bits & 2 == 2,
        flow: bits & 4 == 4,
    })
}

fn grid(dims: usize, side: usize) -> Hypergrid {
    Hypergrid::new(dims, side, Terminal::All).expect("a sound grid")
}

fn batch<P: Policy>(
    env: &P::Env,
    policy: &P,
    count: usize,
    conditions: usize,
) -> Trajectories<P::Env> {
    let mut streams: Vec<_> = (0..count)
        .map(|i| Seed::new(5).stream("rollout", &[i as u64]))
        .collect();
    let condition: Vec<f32> = (0..count * conditions)
        .map(|i| (i as f32 * 0.37).sin())
        .collect();
    rollout(env, policy, &condition, &mut streams).expect("samples")
}

/// Gradients of any numbers, so that every score takes part.
fn any_gradient(scores: &Scores) -> ScoresGrad {
    let wave = |length: usize, phase: f64| {
        let values = (0..length).map(|i| (i as f64 * 0.7 + phase).sin());
        values.collect::<Vec<f64>>()
    };
    ScoresGrad {
        moves: wave(scores.moves.len(), 0.0),
        parents: scores.parents.as_ref().map(|s| wave(s.len(), 1.0)),
        log_flow: scores.log_flow.as_ref().map(|s| wave(s.len(), 2.0)),
    }
}

/// Largest difference, as a share of the largest number.
fn difference<'a>(
    ours: impl IntoIterator<Item = &'a f32>,
    theirs: impl IntoIterator<Item = &'a f32>,
) -> f32 {
    let (mut difference, mut largest) = (0.0_f32, 1e-6_f32);
    for (a, b) in ours.into_iter().zip(theirs) {
        assert!(a.is_finite() && b.is_finite(), "{a} {b}");
        difference = difference.max((a - b).abs());
        largest = largest.max(b.abs());
    }
    difference / largest
}

fn assert_close(ours: &[f64], theirs: &[f64], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() < 1e-5, "{what}: {a} in place of {b}");
    }
}

fn assert_same_gradients(ours: &Gradients, theirs: &Gradients, params: &Params, what: &str) {
    assert_eq!(ours.len(), theirs.len());
    for ((ours, theirs), param) in ours.iter().zip(theirs).zip(params.iter()) {
        assert_eq!(ours.len(), theirs.len(), "{what} {}", param.name);
        let off = difference(ours, theirs);
        assert!(off < 1e-5, "{what} {}: off by {off}", param.name);
    }
}

fn agree<E: VectorEncoded>(env: &E) {
    for (config, conditions) in configs().flat_map(|config| [(config, 0), (config, 3)]) {
        let what = format!("{config:?}, {conditions} conditions");
        let (mut burn, mut plain) = both(env, conditions, config);
        assert_eq!(burn.params(), plain.params(), "{what}");
        // Biases begin as zeros; these are not.
        for model in [burn.params_mut(), plain.params_mut()] {
            for (index, value) in model.iter_mut().flat_map(|p| &mut p.values).enumerate() {
                *value += 0.1 * (index as f32).sin();
            }
        }
        // 11 trajectories do not fill a block of rows.
        let batch = batch(env, &plain, 11, conditions);
        let frontier = visited(env, &batch);
        let (theirs, burn_back) = burn.forward(&frontier).expect("scores");
        let (ours, plain_back) = plain.forward(&frontier).expect("scores");
        assert_eq!(plain.scores(&frontier).expect("scores"), ours, "{what}");
        assert_close(&ours.moves, &theirs.moves, &what);
        for (ours, theirs) in [
            (&ours.parents, &theirs.parents),
            (&ours.log_flow, &theirs.log_flow),
        ] {
            assert_eq!(ours.is_some(), theirs.is_some(), "{what}");
            assert_close(
                ours.as_deref().unwrap_or_default(),
                theirs.as_deref().unwrap_or_default(),
                &what,
            );
        }
        let grad = any_gradient(&ours);
        let (ours, theirs) = (plain_back(&grad), burn_back(&grad));
        assert_same_gradients(&ours, &theirs, plain.params(), &what);

        let count = batch.len();
        let (theirs, burn_back) = burn.forward_log_z(&batch.conditions, count).expect("log Z");
        let (ours, plain_back) = plain
            .forward_log_z(&batch.conditions, count)
            .expect("log Z");
        assert_close(&ours, &theirs, &what);
        let grad: Vec<f64> = (0..count).map(|i| 0.5 - i as f64 * 0.3).collect();
        let mut ours = plain.params().zero_gradients();
        add(&mut ours, &plain_back(&grad));
        assert_same_gradients(&ours, &burn_back(&grad), plain.params(), &what);
    }
}

#[test]
fn agrees_with_burn_on_a_grid() {
    agree(&grid(3, 5));
}

#[test]
fn agrees_with_burn_on_bit_sequences() {
    agree(&BitSequence::new(12, 3).expect("a sound environment"));
}

#[test]
fn an_empty_frontier_has_no_scores() {
    let env = grid(2, 4);
    for config in configs() {
        let (_, plain) = both(&env, 0, config);
        let frontier = anabranch_core::Frontier::new(&env, Vec::new(), Vec::new());
        let (scores, pullback) = plain.forward(&frontier).expect("scores");
        assert!(scores.moves.is_empty());
        let gradients = pullback(&any_gradient(&scores));
        assert!(gradients.iter().flatten().all(|&g| g == 0.0));
    }
}

/// A tape computes a state once that comes more often, and nothing for states with one way out; what a
/// policy sees of its scores is the same, and so is the gradient of all batches together.
#[test]
fn a_tape_adds_up_what_single_passes_give() {
    let env = BitSequence::new(6, 2).expect("a sound space");
    for config in configs() {
        let (_, plain) = both(&env, 0, config);
        let parts = [batch(&env, &plain, 5, 0), batch(&env, &plain, 3, 0)];
        let mut tape = plain.tape();
        let mut sum = plain.params().zero_gradients();
        let mut grads = Vec::new();
        for part in &parts {
            let frontier = visited(&env, part);
            let taped = tape.score(&frontier).expect("scores");
            let (scores, pullback) = plain.forward(&frontier).expect("scores");
            let (ours, theirs) = (
                Choices::new(&frontier, part, &taped).expect("listed"),
                Choices::new(&frontier, part, &scores).expect("listed"),
            );
            let zeros = || (vec![0.0; part.len()], vec![0.0; part.len()]);
            let terms = |choices: &Choices| {
                let (log_z, log_reward) = zeros();
                choices.terms(&frontier, part, log_z, log_reward)
            };
            assert_close(&terms(&ours).log_pf, &terms(&theirs).log_pf, "log P_F");
            assert_close(&terms(&ours).log_pb, &terms(&theirs).log_pb, "log P_B");
            let slopes = anabranch_core::TermsGrad {
                log_pf: vec![1.0; frontier.len()],
                log_pb: vec![-0.5; frontier.len()],
                log_flow: vec![0.3; frontier.len()],
                log_stop: vec![0.25; frontier.len()],
                log_z: Vec::new(),
            };
            let grad = theirs.pull_back(&frontier, &slopes);
            add(&mut sum, &pullback(&grad));
            grads.push(grad);
        }
        let ours = tape.pull_back(&grads);
        assert_same_gradients(&ours, &sum, plain.params(), &format!("{config:?}"));
    }
}

/// Sampling on a tape draws the same trajectories as sampling, and steps to the same parameters as a
/// step that scores them anew, but for rounding.
#[test]
fn recording_is_sampling_and_scoring() {
    let env = grid(3, 5);
    let reward = env.corners(0.1).expect("a sound reward");
    let objective = Objective::TrajectoryBalance;
    for (config, forget) in configs().flat_map(|c| [(c, false), (c, true)]) {
        let (_, mut once) = both(&env, 0, config);
        let (_, mut twice) = both(&env, 0, config);
        let at = (Seed::new(3), "rollout", 0);
        let explorer = (&twice).tempered(1.5).epsilon(0.1);
        let batch = sample(&env, &explorer, &[], 40, at).expect("samples");
        let exploration = Exploration {
            temperature: 1.5,
            epsilon: 0.1,
        };
        let mut recorded = record(&env, &once, exploration, &[], 40, at).expect("samples");
        if forget {
            recorded.forget();
        }
        assert_eq!(recorded.trajectories().states, batch.states, "{config:?}");
        assert_eq!(recorded.trajectories().moves, batch.moves);
        let cells = batch.objects();
        let rewards: Vec<f64> = cells.iter().map(|c| reward.reward(c).ln()).collect();
        let recorded = recorded.differentiate(|t| objective.loss(t), &rewards);
        let mut adam = Adam::new(AdamConfig::with_rates(1e-3, 0.1), once.params());
        let ours = recorded.expect("a gradient").apply(&mut once, &mut adam);
        let mut adam = Adam::new(AdamConfig::with_rates(1e-3, 0.1), twice.params());
        let theirs = train_step(
            &env,
            &mut twice,
            &mut adam,
            |t| objective.loss(t),
            &batch,
            &rewards,
        );
        let (ours, theirs) = (ours.expect("a step"), theirs.expect("a step"));
        assert!((ours.loss / theirs.loss - 1.0).abs() < 1e-5, "{config:?}");
        assert_close(&ours.terms.log_pf, &theirs.terms.log_pf, "log P_F");
        assert_close(&ours.terms.log_pb, &theirs.terms.log_pb, "log P_B");
        for (group, norm) in &ours.gradient_norms {
            let other = theirs.gradient_norms[group];
            assert!((norm - other).abs() <= 1e-4 * other, "{norm} and {other}");
        }
    }
}

/// A pass after an update must not use weights laid out before it.
#[test]
fn scores_follow_the_parameters() {
    let env = grid(2, 4);
    let config = configs().last().expect("eight");
    let (_, mut plain) = both(&env, 0, config);
    let batch = batch(&env, &plain, 4, 0);
    let frontier = visited(&env, &batch);
    let before = plain.scores(&frontier).expect("scores");
    for param in plain.params_mut().iter_mut() {
        param.values.iter_mut().for_each(|value| *value *= 1.5);
    }
    let after = plain.scores(&frontier).expect("scores");
    assert_ne!(before, after);
    let anew = plain.with_params(plain.params().clone());
    assert_eq!(anew.scores(&frontier).expect("scores"), after);
}

#[test]
fn a_score_that_is_not_finite_is_an_error() {
    let env = grid(2, 4);
    let (_, mut plain) = both(&env, 0, configs().next().expect("eight"));
    for param in plain.params_mut().iter_mut() {
        param.values.fill(f32::MAX);
    }
    let batch = batch(&env, &anabranch_learn::policy::Uniform::new(), 4, 0);
    let error = plain.scores(&visited(&env, &batch));
    assert!(matches!(error, Err(LearnError::Parameter { name, .. }) if name == "forward scores"));
}

/// Loss of `model` on `batch` and the gradient, through an objective with flows.
fn loss<M: Model>(env: &M::Env, model: &M, batch: &Trajectories<M::Env>) -> (f64, Gradients) {
    let frontier = visited(env, batch);
    let (scores, pullback) = model.forward(&frontier).expect("scores");
    let choices = Choices::new(&frontier, batch, &scores).expect("listed edges");
    let log_reward = (0..batch.len()).map(|i| 0.3 * i as f64 - 1.0).collect();
    let terms = choices.terms(&frontier, batch, vec![1.0; batch.len()], log_reward);
    let objective = Objective::SubTrajectoryBalance { lambda: 0.9 };
    let loss = objective.loss(&terms).expect("a loss");
    let gradient = pullback(&choices.pull_back(&frontier, &loss.grad));
    (loss.value, gradient)
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let env = grid(3, 4);
    for shared_trunk in [true, false] {
        let config = MlpConfig {
            hidden: 16,
            layers: 2,
            learned_backward: true,
            shared_trunk,
            flow: true,
        };
        let (_, mut model) = both(&env, 0, config);
        let batch = batch(&env, &model, 6, 0);
        let (_, gradient) = loss(&env, &model, &batch);
        let original = model.params().clone();
        let mut checked = 0;
        for (index, (param, grad)) in original.iter().zip(&gradient).enumerate() {
            let square: f64 = grad.iter().map(|&g| f64::from(g).powi(2)).sum();
            if square < 1e-8 {
                continue;
            }
            checked += 1;
            // Small enough to cross few kinks of LeakyReLU, large enough for f32.
            let step = 4e-4 / square.sqrt();
            let mut at = |sign: f64| {
                let params = model.params_mut();
                let moved = params.iter_mut().nth(index).expect("the parameter");
                for (value, g) in moved.values.iter_mut().zip(grad) {
                    *value += (sign * step * f64::from(*g)) as f32;
                }
                let value = loss(&env, &model, &batch).0;
                *model.params_mut() = original.clone();
                value
            };
            let numeric = (at(1.0) - at(-1.0)) / (2.0 * step);
            let relative = (numeric - square).abs() / square;
            let name = &param.name;
            assert!(relative < 3e-2, "{name}: numeric {numeric}, ours {square}");
        }
        assert!(checked > 8, "only {checked} parameters have a gradient");
    }
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let weights = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().expect("threads").install(|| {
            let env = grid(2, 8);
            let reward = env.corners(0.1).expect("a sound reward");
            let config = MlpConfig {
                hidden: 32,
                layers: 2,
                learned_backward: true,
                shared_trunk: true,
                flow: true,
            };
            let (_, mut model) = both(&env, 0, config);
            let mut adam = Adam::new(AdamConfig::with_rates(1e-3, 0.1), model.params());
            let objective = Objective::SubTrajectoryBalance { lambda: 0.9 };
            for step in 0..20 {
                // More than one shard, the last one smaller.
                let at = (Seed::new(3), "rollout", step);
                let batch = sample(&env, &model, &[], 40, at).expect("samples");
                let cells = batch.objects();
                let rewards: Vec<f64> = cells.iter().map(|c| reward.reward(c).ln()).collect();
                train_step(
                    &env,
                    &mut model,
                    &mut adam,
                    |t| objective.loss(t),
                    &batch,
                    &rewards,
                )
                .expect("trains");
            }
            model.params().clone()
        })
    };
    assert_eq!(weights(1), weights(2));
}

#[test]
fn learns_the_corners_of_a_grid() {
    let env = grid(2, 8);
    let reward = env.corners(0.1).expect("a sound reward");
    let log_reward = |cell: &Cell| reward.reward(cell).ln();
    let config = MlpConfig {
        hidden: 64,
        layers: 2,
        learned_backward: false,
        shared_trunk: true,
        flow: false,
    };
    let (_, mut model) = both(&env, 0, config);
    let objective = Objective::TrajectoryBalance;
    let rates = AdamConfig::with_rates(3e-3, 0.1);
    train(&env, &mut model, &objective, rates, 2000, log_reward);
    let tv = exact_total_variation(&env, &model, log_reward);
    assert!(tv < 0.05, "total variation {tv}");
}
