//! The sequence transformer: gradients, sharing, batches, learning, threads.

mod common;

use anabranch_core::encode::{TokenEncoded, TokenShape, TokenSlot};
use anabranch_core::objective::Objective;
use anabranch_core::{Discrete, Environment, Frontier, Seed};
use anabranch_envs::bit_sequence::{AnyOrderBits, BitSequence};
use anabranch_envs::sequence::AppendSequence;
use anabranch_envs::slots::{Fill, Filling, Slots};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{
    Model, Policy, Scores, ScoresGrad, SequenceTransformer, SequenceTransformerConfig, Uniform,
};
use anabranch_learn::score::visited;
use anabranch_learn::step::{sample, train_step};
use common::{exact_total_variation, train};

const ALL_HEADS: SequenceTransformerConfig = SequenceTransformerConfig {
    width: 32,
    layers: 2,
    heads: 4,
    feed_forward: 64,
    learned_backward: true,
    flow: true,
};

fn model<E: TokenEncoded>(
    env: &E,
    conditions: usize,
    config: SequenceTransformerConfig,
) -> SequenceTransformer<E> {
    let mut rng = Seed::new(2).stream("init", &[]);
    SequenceTransformer::new(env, conditions, config, 1.0, &mut rng)
}

/// A number in -1..1 that depends on `i`.
fn wave(i: usize, frequency: f64) -> f64 {
    ((i + 1) as f64 * frequency).sin()
}

/// Biases, scales and shifts begin as zeros; these do not.
fn shake(model: &mut impl Model) {
    let values = model.params_mut().iter_mut().flat_map(|p| &mut p.values);
    for (i, value) in values.enumerate() {
        *value += 0.1 * wave(i, 1.0) as f32;
    }
}

/// The states of `count` random trajectories, with conditions of three repeating rows.
fn frontier<E: Discrete>(env: &E, count: usize, conditions: usize) -> Frontier<'_, E> {
    let condition: Vec<f32> = (0..count * conditions)
        .map(|i| wave(i % (3 * conditions), 0.37) as f32)
        .collect();
    let at = (Seed::new(5), "rollout", 0);
    let batch = sample(env, &Uniform::new(), &condition, count, at).expect("samples");
    visited(env, &batch)
}

fn all(scores: &Scores) -> Vec<f64> {
    let parents = scores.parents.iter().flatten();
    let flows = scores.log_flow.iter().flatten();
    let moves = scores.moves.iter();
    moves.chain(parents).chain(flows).copied().collect()
}

/// Weights that are not of mean zero, where rounding would be as large as what remains of the gradient.
fn weigh(scores: &Scores) -> ScoresGrad {
    let weigh = |values: &[f64], frequency| -> Vec<f64> {
        (0..values.len())
            .map(|i| 0.7 + wave(i, frequency))
            .collect()
    };
    ScoresGrad {
        moves: weigh(&scores.moves, 0.7),
        parents: scores.parents.as_deref().map(|p| weigh(p, 0.3)),
        log_flow: scores.log_flow.as_deref().map(|f| weigh(f, 1.1)),
    }
}

/// Derivatives of a sum of scores with arbitrary weights along arbitrary directions: unlike the
/// direction of the gradient itself, these also see what a gradient lacks.
fn differentiate<E: TokenEncoded>(env: &E, conditions: usize, config: SequenceTransformerConfig) {
    let mut model = model(env, conditions, config);
    shake(&mut model);
    let frontier = frontier(env, 10, conditions);
    let (scores, pullback) = model.forward(&frontier).expect("scores");
    let weights = weigh(&scores);
    let gradient = pullback(&weights);
    let flat_weights = all(&Scores {
        moves: weights.moves,
        parents: weights.parents,
        log_flow: weights.log_flow,
    });
    let original = model.params().clone();
    for (index, param) in original.iter().enumerate() {
        // The bias of keys moves all scores of attention alike, so that part has no gradient.
        if param.group() == "log_z" {
            continue;
        }
        let norm: f64 = gradient[index].iter().map(|g| f64::from(*g).powi(2)).sum();
        assert!(norm > 0.0, "{} has no gradient", param.name);
        let (mut error, mut size) = (0.0, 0.0);
        for direction in 0..4 {
            let along = |i: usize| wave(i, 0.9 + 0.37 * f64::from(direction));
            let mut at = |moved_by: f64| -> f64 {
                let moved = model.params_mut().iter_mut().nth(index);
                let moved = &mut moved.expect("the parameter").values;
                for (i, value) in moved.iter_mut().enumerate() {
                    *value += (moved_by * along(i)) as f32;
                }
                let scores = all(&model.scores(&frontier).expect("scores"));
                *model.params_mut() = original.clone();
                scores.iter().zip(&flat_weights).map(|(s, w)| s * w).sum()
            };
            let slopes = gradient[index].iter().enumerate();
            let analytic: f64 = slopes.map(|(i, g)| f64::from(*g) * along(i)).sum();
            // Large steps cross kinks of LeakyReLU and small ones drown in f32: one of them must
            // agree, and with a wrong gradient none does.
            let errors = [2e-2, 6e-3, 2e-3, 6e-4].map(|step| {
                let step = step / (param.values.len() as f64).sqrt();
                (at(step) - at(-step)) / (2.0 * step) - analytic
            });
            let least = errors.map(|e| e * e).into_iter();
            error += least.fold(f64::INFINITY, f64::min);
            size += analytic.powi(2);
        }
        assert!(
            error.sqrt() < 1e-2 * size.sqrt().max(norm.sqrt()),
            "{}: off by {} of {}",
            param.name,
            error.sqrt(),
            size.sqrt()
        );
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let slots = Slots::new(5, 3).expect("a sound environment");
    differentiate(&slots, 2, ALL_HEADS);
    let odd = SequenceTransformerConfig {
        width: 21,
        heads: 3,
        feed_forward: 30,
        ..ALL_HEADS
    };
    differentiate(&AppendSequence::between(4, 1, 6).expect("sizes"), 0, odd);
    // Eighteen tokens do not fit one lane of weights.
    differentiate(&BitSequence::new(34, 2).expect("sizes"), 0, ALL_HEADS);
}

#[test]
fn equal_states_computed_once_have_the_same_gradient() {
    let env = Slots::new(4, 2).expect("a sound environment");
    let frontier = frontier(&env, 40, 2);
    let (mut shared, apart) = (model(&env, 2, ALL_HEADS), model(&env, 2, ALL_HEADS));
    let mut apart = apart.without_sharing();
    shake(&mut shared);
    shake(&mut apart);
    let (ours, shared_back) = shared.forward(&frontier).expect("scores");
    let (theirs, apart_back) = apart.forward(&frontier).expect("scores");
    assert_eq!(ours, theirs);
    let grad = weigh(&ours);
    let (ours, theirs) = (shared_back(&grad), apart_back(&grad));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let largest = theirs.iter().fold(1e-3_f32, |l, g| l.max(g.abs()));
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() < 1e-5 * largest, "{a} and {b} of {largest}");
        }
    }
}

#[test]
fn a_state_has_the_same_scores_in_any_batch() {
    let env = AnyOrderBits::new(24, 4).expect("a sound environment");
    let mut model = model(&env, 0, ALL_HEADS);
    shake(&mut model);
    let frontier = frontier(&env, 30, 0);
    let together = model.scores(&frontier).expect("scores");
    let mut moves = Vec::new();
    for state in &frontier.states {
        let alone = Frontier::new(&env, vec![state.clone()], Vec::new());
        moves.extend(model.scores(&alone).expect("scores").moves);
    }
    assert_eq!(together.moves, moves);
    let nothing = Frontier::new(&env, Vec::new(), Vec::new());
    assert!(all(&model.scores(&nothing).expect("scores")).is_empty());
}

/// Slots whose places are shifted round by one.
struct Shifted(Slots);

impl Shifted {
    fn turn(&self, slot: u16) -> usize {
        (usize::from(slot) + 1) % self.0.slots()
    }
}

impl Environment for Shifted {
    type State = Filling;
    type Action = Fill;

    fn source(&self) -> Filling {
        self.0.source()
    }

    fn can_stop(&self, state: &Filling) -> bool {
        self.0.can_stop(state)
    }

    fn step(&self, state: &mut Filling, action: Fill) {
        self.0.step(state, action);
    }

    fn undo(&self, state: &mut Filling, action: Fill) {
        self.0.undo(state, action);
    }
}

impl Discrete for Shifted {
    fn actions(&self, state: &Filling, out: &mut Vec<Fill>) {
        self.0.actions(state, out);
    }

    fn parents(&self, state: &Filling, out: &mut Vec<Fill>) {
        self.0.parents(state, out);
    }
}

impl TokenEncoded for Shifted {
    fn token_shape(&self) -> TokenShape {
        self.0.token_shape()
    }

    fn tokens(&self, state: &Filling, out: &mut Vec<u32>) {
        let first = out.len();
        self.0.tokens(state, out);
        out[first..].rotate_right(1);
    }

    fn action_slot(&self, _: &Filling, action: Fill) -> TokenSlot {
        TokenSlot::Position {
            position: self.turn(action.slot),
            output: action.value.into(),
        }
    }

    fn parent_slot(&self, _: &Filling, action: Fill) -> TokenSlot {
        TokenSlot::Position {
            position: self.turn(action.slot),
            output: 0,
        }
    }
}

/// Positions differ by their embedding only: where that is shifted too, so are the scores.
#[test]
fn positions_are_what_their_embedding_says() {
    let env = Slots::new(5, 3).expect("a sound environment");
    let shifted = Shifted(env);
    let states = frontier(&env, 12, 0).states;
    let mut plain = model(&env, 0, ALL_HEADS);
    shake(&mut plain);
    let mut turned = model(&shifted, 0, ALL_HEADS);
    *turned.params_mut() = plain.params().clone();
    let scores = |model: &SequenceTransformer<Shifted>| {
        let frontier = Frontier::new(&shifted, states.clone(), Vec::new());
        all(&model.scores(&frontier).expect("scores"))
    };
    let ours = Frontier::new(&env, states.clone(), Vec::new());
    let ours = all(&plain.scores(&ours).expect("scores"));
    let apart = |theirs: Vec<f64>| {
        let pairs = ours.iter().zip(&theirs);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    assert!(apart(scores(&turned)) > 1e-2);
    let positions = turned.params_mut().iter_mut();
    let mut positions = positions.filter(|param| param.name == "policy.positions");
    let values = &mut positions.next().expect("declared").values;
    values.rotate_right(ALL_HEADS.width);
    assert!(apart(scores(&turned)) < 1e-5);
}

fn log_reward(state: &Filling) -> f64 {
    let values: Vec<f64> = state.values().flatten().map(f64::from).collect();
    let pairs = values.windows(2).map(|w| f64::from(u8::from(w[0] == w[1])));
    0.5 * values[0] + pairs.sum::<f64>()
}

fn learns(objective: &Objective, learned_backward: bool) {
    let env = Slots::new(4, 3).expect("a sound environment");
    let config = SequenceTransformerConfig {
        learned_backward,
        flow: objective.needs_flow(),
        ..ALL_HEADS
    };
    let mut model = model(&env, 0, config);
    for (rate, steps) in [(3e-3, 600), (5e-4, 400)] {
        let rates = AdamConfig::with_rates(rate, 0.1);
        train(&env, &mut model, objective, rates, steps, log_reward);
    }
    let tv = exact_total_variation(&env, &model, log_reward);
    assert!(tv < 0.05, "{objective:?}: total variation {tv}");
}

#[test]
fn trajectory_balance_learns_slots() {
    learns(&Objective::TrajectoryBalance, false);
}

#[test]
fn sub_trajectory_balance_learns_slots_with_a_learned_backward_policy() {
    learns(&Objective::SubTrajectoryBalance { lambda: 0.9 }, true);
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let weights = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads").install(|| {
            let env = AnyOrderBits::new(24, 4).expect("a sound environment");
            let mut model = model(&env, 0, ALL_HEADS);
            let objective = Objective::SubTrajectoryBalance { lambda: 0.9 };
            let mut optimizer = Adam::new(AdamConfig::with_rates(1e-3, 0.1), model.params());
            for step in 0..5 {
                let at = (Seed::new(3), "rollout", step);
                // More than one shard, the last one smaller.
                let trajectories = sample(&env, &model, &[], 40, at).expect("samples");
                let rewards: Vec<f64> = (0..40).map(|i| wave(i, 0.3)).collect();
                let loss = |terms: &_| objective.loss(terms);
                train_step(
                    &env,
                    &mut model,
                    &mut optimizer,
                    loss,
                    &trajectories,
                    &rewards,
                )
                .expect("trains");
            }
            model.params().clone()
        })
    };
    let one = weights(1);
    assert_eq!(one, weights(2));
    assert_eq!(one, weights(3));
}
