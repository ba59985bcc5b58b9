//! The graph transformer computed by hand against the same one in burn.

mod common;

use anabranch_chem::{Fragment, Vocabulary};
use anabranch_core::encode::GraphEncoded;
use anabranch_core::objective::Objective;
use anabranch_core::{Enumerable, Frontier, Seed};
use anabranch_envs::coloured_graph::ColouredGraphs;
use anabranch_envs::fragments::{Fragments, Tree};
use anabranch_learn::LearnError;
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::params::{Gradients, Params};
use anabranch_learn::policy::{
    GraphTransformer, GraphTransformerConfig, Model, NativeGraphTransformer, Neural, Policy,
    Scores, ScoresGrad, Uniform,
};
use anabranch_learn::score::visited;
use anabranch_learn::step::{sample, train_step};
use common::{exact_total_variation, train};

const ALL_HEADS: GraphTransformerConfig = GraphTransformerConfig {
    width: 32,
    layers: 2,
    heads: 2,
    learned_backward: true,
    flow: true,
};

fn molecules(nodes: usize) -> Fragments {
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
    Fragments::new(vocabulary, nodes).expect("a sound environment")
}

type Both<E> = (Neural<GraphTransformer<E>>, NativeGraphTransformer<E>);

/// Biases, scales and shifts begin as zeros; these do not.
fn shake(model: &mut impl Model) {
    for (index, value) in model
        .params_mut()
        .iter_mut()
        .flat_map(|p| &mut p.values)
        .enumerate()
    {
        *value += 0.1 * (index as f32).sin();
    }
}

fn native<E: GraphEncoded>(
    env: &E,
    conditions: usize,
    config: GraphTransformerConfig,
) -> NativeGraphTransformer<E> {
    let mut rng = Seed::new(2).stream("init", &[]);
    NativeGraphTransformer::new(env, conditions, config, 1.0, &mut rng)
}

fn both<E: GraphEncoded>(env: &E, conditions: usize, config: GraphTransformerConfig) -> Both<E> {
    let mut rng = Seed::new(2).stream("init", &[]);
    let network = GraphTransformer::new(env, conditions, config);
    let burn = Neural::new(network, conditions, 1.0, &mut rng);
    (burn, native(env, conditions, config))
}

/// The states of `count` random trajectories, with conditions of three repeating rows.
fn frontier<E: GraphEncoded>(env: &E, count: usize, conditions: usize) -> Frontier<'_, E> {
    let condition: Vec<f32> = (0..count * conditions)
        .map(|i| ((i % (3 * conditions)) as f32 * 0.37).sin())
        .collect();
    let at = (Seed::new(5), "rollout", 0);
    visited(
        env,
        &sample(env, &Uniform::new(), &condition, count, at).expect("samples"),
    )
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

fn all(scores: &Scores) -> Vec<f32> {
    let parents = scores.parents.iter().flatten();
    let flows = scores.log_flow.iter().flatten();
    let moves = scores.moves.iter();
    moves
        .chain(parents)
        .chain(flows)
        .map(|s| *s as f32)
        .collect()
}

/// Largest difference, as a share of the largest number.
fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let (mut difference, mut largest) = (0.0_f32, 1e-6_f32);
    for (a, b) in ours.iter().zip(theirs) {
        assert!(a.is_finite() && b.is_finite(), "{a} {b}");
        difference = difference.max((a - b).abs());
        largest = largest.max(b.abs());
    }
    difference / largest
}

fn assert_same_gradients(ours: &Gradients, theirs: &Gradients, params: &Params, what: &str) {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().flatten().fold(0.0_f32, |l, g| l.max(g.abs()));
    for ((ours, theirs), param) in ours.iter().zip(theirs).zip(params.iter()) {
        assert_eq!(ours.len(), theirs.len(), "{what} {}", param.name);
        let own = theirs.iter().fold(0.0_f32, |l, g| l.max(g.abs()));
        // A gradient that is nothing but rounding has no digits to agree in.
        if own < 1e-5 * largest {
            continue;
        }
        let off = difference(ours, theirs);
        // A bias of bonds is a sum that cancels, and has the rounding of what cancels.
        let rounding = 4.0 * f32::EPSILON * largest;
        let same = off < 1e-5 || off * own < rounding;
        assert!(same, "{what} {}: off by {off}", param.name);
    }
}

fn agree<E: GraphEncoded>(env: &E, count: usize, configs: &[GraphTransformerConfig]) {
    for (config, conditions) in configs.iter().flat_map(|c| [(*c, 0), (*c, 3)]) {
        let what = format!("{config:?}, {conditions} conditions");
        let (mut burn, mut plain) = both(env, conditions, config);
        assert_eq!(burn.params(), plain.params(), "{what}");
        shake(&mut burn);
        shake(&mut plain);
        let frontier = frontier(env, count, conditions);
        let (theirs, burn_back) = burn.forward(&frontier).expect("scores");
        let (ours, plain_back) = plain.forward(&frontier).expect("scores");
        assert_eq!(plain.scores(&frontier).expect("scores"), ours, "{what}");
        assert_eq!(ours.parents.is_some(), theirs.parents.is_some(), "{what}");
        let off = difference(&all(&ours), &all(&theirs));
        assert!(off < 1e-5, "{what}: scores off by {off}");
        let grad = any_gradient(&ours);
        let (ours, theirs) = (plain_back(&grad), burn_back(&grad));
        assert_same_gradients(&ours, &theirs, plain.params(), &what);
    }
}

/// Widths of heads of two panels, one, a half, and none of these, with no block of attention and three.
fn configs() -> Vec<GraphTransformerConfig> {
    let sizes = [
        (64, 2, 2),
        (32, 3, 2),
        (32, 1, 4),
        (30, 2, 5),
        (16, 0, 1),
        (37, 1, 1),
    ];
    let config =
        |(index, (width, layers, heads)): (usize, (usize, usize, usize))| GraphTransformerConfig {
            width,
            layers,
            heads,
            learned_backward: index % 2 == 0,
            flow: index % 3 == 0,
        };
    sizes.into_iter().enumerate().map(config).collect()
}

#[test]
fn agrees_with_burn_on_molecules() {
    agree(&molecules(5), 11, &configs());
}

/// Seventeen tokens do not fit one lane of weights.
#[test]
fn agrees_with_burn_on_large_trees() {
    agree(&molecules(16), 6, &configs()[..2]);
}

#[test]
fn agrees_with_burn_on_coloured_graphs() {
    let env = ColouredGraphs::new(5).expect("a sound environment");
    agree(&env, 7, &configs()[1..4]);
}

#[test]
fn a_tape_has_the_gradient_of_its_batches() {
    let env = molecules(4);
    let mut model = native(&env, 3, ALL_HEADS);
    shake(&mut model);
    let batches = [frontier(&env, 9, 3), frontier(&env, 5, 3)];
    let mut tape = model.tape();
    let mut sums = model.params().zero_gradients();
    let mut grads = Vec::new();
    for batch in &batches {
        let scores = tape.score(batch).expect("scores");
        let (again, back) = model.forward(batch).expect("scores");
        assert_eq!(scores, again);
        let grad = any_gradient(&scores);
        for (sum, values) in sums.iter_mut().zip(back(&grad)) {
            sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
        }
        grads.push(grad);
    }
    assert_same_gradients(&tape.pull_back(&grads), &sums, model.params(), "tape");
}

#[test]
fn equal_graphs_computed_once_have_the_same_gradient() {
    let env = molecules(4);
    let frontier = frontier(&env, 40, 3);
    let (mut shared, apart) = (native(&env, 3, ALL_HEADS), native(&env, 3, ALL_HEADS));
    let mut apart = apart.without_sharing();
    shake(&mut shared);
    shake(&mut apart);
    let (ours, shared_back) = shared.forward(&frontier).expect("scores");
    let (theirs, apart_back) = apart.forward(&frontier).expect("scores");
    assert!(difference(&all(&ours), &all(&theirs)) < 1e-6);
    let grad = any_gradient(&ours);
    let (ours, theirs) = (shared_back(&grad), apart_back(&grad));
    assert_same_gradients(&ours, &theirs, shared.params(), "shared");
}

#[test]
fn a_state_has_the_same_scores_in_any_batch() {
    let env = molecules(5);
    let mut model = native(&env, 3, ALL_HEADS);
    shake(&mut model);
    let frontier = frontier(&env, 24, 3);
    let together = model.scores(&frontier).expect("scores");
    let (mut moves, mut parents, mut flows) = (Vec::new(), Vec::new(), Vec::new());
    for (row, state) in frontier.states.iter().enumerate() {
        let condition = frontier.condition(row).to_vec();
        let alone = Frontier::new(&env, vec![state.clone()], condition);
        let alone = model.scores(&alone).expect("scores");
        moves.extend(alone.moves);
        parents.extend(alone.parents.expect("learned"));
        flows.extend(alone.log_flow.expect("a flow head"));
    }
    let alone = Scores {
        moves,
        parents: Some(parents),
        log_flow: Some(flows),
    };
    assert_eq!(together, alone);
    let nothing = Frontier::new(&env, Vec::new(), Vec::new());
    let (scores, back) = model.forward(&nothing).expect("scores");
    assert!(all(&scores).is_empty());
    let gradient = back(&any_gradient(&scores));
    assert!(gradient.iter().flatten().all(|&g| g == 0.0));
}

/// A pass after an update must not use weights laid out before it.
#[test]
fn scores_follow_the_parameters() {
    let env = molecules(3);
    let mut model = native(&env, 0, ALL_HEADS);
    let frontier = frontier(&env, 4, 0);
    let before = model.scores(&frontier).expect("scores");
    shake(&mut model);
    let after = model.scores(&frontier).expect("scores");
    assert_ne!(before, after);
    let anew = model.with_params(model.params().clone());
    assert_eq!(anew.scores(&frontier).expect("scores"), after);
    for param in model.params_mut().iter_mut() {
        param.values.fill(f32::MAX);
    }
    let error = model.scores(&frontier);
    assert!(matches!(error, Err(LearnError::Parameter { .. })));
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let weights = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads").install(|| {
            let env = molecules(5);
            let mut model = native(&env, 0, ALL_HEADS);
            let objective = Objective::SubTrajectoryBalance { lambda: 0.9 };
            let mut optimizer = Adam::new(AdamConfig::with_rates(1e-3, 0.1), model.params());
            for step in 0..6 {
                let at = (Seed::new(3), "rollout", step);
                // More than one shard, the last one smaller.
                let trajectories = sample(&env, &model, &[], 40, at).expect("samples");
                let objects = trajectories.objects();
                let rewards: Vec<f64> = objects.iter().map(log_reward).collect();
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

/// Benzene is symmetric and methanol is not: a target that needs fragments, neighbours and stems.
fn log_reward(tree: &Tree) -> f64 {
    let nodes: f64 = tree
        .nodes()
        .map(|(_, f)| [0.4, -0.3, 0.2][usize::from(f)])
        .sum();
    let edge = |e: &anabranch_envs::fragments::Edge| {
        let same = tree.fragment(e.a) == tree.fragment(e.b);
        f64::from(u8::from(same)) - 0.5 * f64::from(u8::from(e.stem_a == e.stem_b))
    };
    nodes + tree.edges().iter().map(edge).sum::<f64>()
}

#[test]
fn learns_molecules() {
    let env = molecules(3).enumerate(10_000).expect("a small space");
    assert!(env.num_states() > 100);
    let config = GraphTransformerConfig {
        learned_backward: false,
        flow: false,
        ..ALL_HEADS
    };
    let mut model = native(&env, 0, config);
    let objective = Objective::TrajectoryBalance;
    for (rate, steps) in [(3e-3, 1000), (5e-4, 1000), (1e-4, 300)] {
        let rates = AdamConfig::with_rates(rate, 0.1);
        train(&env, &mut model, &objective, rates, steps, log_reward);
    }
    let tv = exact_total_variation(&env, &model, log_reward);
    assert!(tv < 0.05, "total variation {tv}");
}
