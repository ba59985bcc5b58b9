//! The message passing network: gradients, symmetry, equal graphs, learning, threads.

mod common;

use anabranch_chem::{Fragment, Vocabulary};
use anabranch_core::encode::{Graph, GraphEncoded, GraphShape, GraphSlot};
use anabranch_core::objective::Objective;
use anabranch_core::{Discrete, Environment, Frontier, Seed};
use anabranch_envs::fragments::{Action, Fragments, Tree};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{
    MessagePassing, MessagePassingConfig, Model, Policy, Scores, ScoresGrad,
};
use anabranch_learn::score::visited;
use anabranch_learn::step::{sample, train_step};
use common::{exact_total_variation, train};

/// Reads node features, edge features and slots of the fragments in another way.
#[derive(Clone, Copy, PartialEq)]
enum View {
    Plain,
    /// Nodes and edges are numbered from the other end.
    Relabelled,
    /// Edges have no direction to be seen.
    Undirected,
    /// The same, and actions stand at the other direction of their edge.
    Turned,
}

struct Molecules {
    env: Fragments,
    view: View,
}

fn vocabulary() -> Vocabulary {
    let fragment = |smiles: &str, stems: &[usize]| Fragment {
        smiles: smiles.into(),
        stems: stems.to_vec(),
    };
    Vocabulary::new(vec![
        fragment("c1ccccc1", &[0, 1, 2, 3, 4, 5]),
        fragment("C", &[0]),
        fragment("CO", &[0, 1]),
    ])
    .expect("a sound vocabulary")
}

impl Molecules {
    fn new(view: View) -> Self {
        let env = Fragments::new(vocabulary(), 5).expect("a sound environment");
        Self { env, view }
    }
}

impl Environment for Molecules {
    type State = Tree;
    type Action = Action;

    fn source(&self) -> Tree {
        self.env.source()
    }

    fn can_stop(&self, state: &Tree) -> bool {
        self.env.can_stop(state)
    }

    fn step(&self, state: &mut Tree, action: Action) {
        self.env.step(state, action);
    }

    fn undo(&self, state: &mut Tree, action: Action) {
        self.env.undo(state, action);
    }
}

impl Discrete for Molecules {
    fn actions(&self, state: &Tree, out: &mut Vec<Action>) {
        self.env.actions(state, out);
    }

    fn parents(&self, state: &Tree, out: &mut Vec<Action>) {
        self.env.parents(state, out);
    }

    fn listed_action(&self, parent: &Tree, action: Action) -> Action {
        self.env.listed_action(parent, action)
    }

    fn listed_parent(&self, child: &Tree, action: Action) -> Action {
        self.env.listed_parent(child, action)
    }
}

impl GraphEncoded for Molecules {
    fn graph_shape(&self) -> GraphShape {
        self.env.graph_shape()
    }

    fn graph(
        &self,
        state: &Tree,
        actions: &[Action],
        parents: &[Action],
    ) -> (Graph, Vec<GraphSlot>, Vec<GraphSlot>) {
        let (mut graph, mut forward, mut backward) = self.env.graph(state, actions, parents);
        let (nodes, edges) = (graph.nodes.len(), graph.edges.len());
        let slots = forward.iter_mut().chain(&mut backward);
        match self.view {
            View::Plain => {}
            View::Relabelled => {
                graph.nodes.reverse();
                graph.edges.reverse();
                for (from, to, _) in &mut graph.edges {
                    (*from, *to) = (nodes - 1 - *from, nodes - 1 - *to);
                }
                for slot in slots {
                    match slot {
                        GraphSlot::Node { node, .. } => *node = nodes - 1 - *node,
                        GraphSlot::Edge { edge, .. } => *edge = edges - 1 - *edge,
                    }
                }
            }
            View::Undirected | View::Turned => {
                for (_, _, features) in &mut graph.edges {
                    *features = vec![0];
                }
                if self.view == View::Turned {
                    for slot in slots {
                        if let GraphSlot::Edge { edge, .. } = slot {
                            *edge ^= 1;
                        }
                    }
                }
            }
        }
        (graph, forward, backward)
    }
}

const ALL_HEADS: MessagePassingConfig = MessagePassingConfig {
    width: 20,
    rounds: 3,
    learned_backward: true,
    flow: true,
    directed: true,
};

fn model<E: GraphEncoded>(
    env: &E,
    conditions: usize,
    config: MessagePassingConfig,
) -> MessagePassing<E> {
    let mut rng = Seed::new(2).stream("init", &[]);
    MessagePassing::new(env, conditions, config, 1.0, &mut rng)
}

/// States of 24 trajectories with conditions of 18 numbers, more than a panel, which repeat.
fn states(env: &Molecules) -> (Vec<Tree>, Vec<f32>) {
    let conditions: Vec<f32> = (0..24 * 18).map(|i| ((i % 54) as f32).sin()).collect();
    let policy = model(env, 18, ALL_HEADS);
    let batch = sample(env, &policy, &conditions, 24, (Seed::new(5), "rollout", 0));
    let frontier = visited(env, &batch.expect("samples")).conditions;
    let batch = sample(env, &policy, &conditions, 24, (Seed::new(5), "rollout", 0));
    (batch.expect("samples").states.items().to_vec(), frontier)
}

fn all(scores: &Scores) -> Vec<f64> {
    let parents = scores.parents.iter().flatten();
    let flows = scores.log_flow.iter().flatten();
    let moves = scores.moves.iter();
    moves.chain(parents).chain(flows).copied().collect()
}

/// A number in -1..1 that depends on `i`.
fn wave(i: usize, frequency: f64) -> f64 {
    ((i + 1) as f64 * frequency).sin()
}

/// Derivatives of a sum of scores with arbitrary weights along arbitrary directions: unlike the
/// direction of the gradient itself, these also see what a gradient lacks.
#[test]
fn gradients_of_every_parameter_agree_with_finite_differences() {
    let env = Molecules::new(View::Plain);
    let (states, conditions) = states(&env);
    for (rounds, width, directed) in [(3, 20, true), (2, 16, false), (0, 5, true)] {
        let config = MessagePassingConfig {
            width,
            rounds,
            directed,
            ..ALL_HEADS
        };
        let mut model = model(&env, 18, config);
        let frontier = Frontier::new(&env, states.clone(), conditions.clone());
        let (scores, pullback) = model.forward(&frontier).expect("scores");
        // Not of mean zero, where rounding would be as large as what remains of the gradient.
        let weigh = |values: &[f64], frequency| -> Vec<f64> {
            (0..values.len())
                .map(|i| 0.7 + wave(i, frequency))
                .collect()
        };
        let weights = ScoresGrad {
            moves: weigh(&scores.moves, 0.7),
            parents: scores.parents.as_deref().map(|p| weigh(p, 0.3)),
            log_flow: scores.log_flow.as_deref().map(|f| weigh(f, 1.1)),
        };
        let gradient = pullback(&weights);
        let flat_weights = all(&Scores {
            moves: weights.moves,
            parents: weights.parents,
            log_flow: weights.log_flow,
        });
        let original = model.params().clone();
        for (index, param) in original.iter().enumerate() {
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
                error += errors
                    .map(|e| e * e)
                    .into_iter()
                    .fold(f64::INFINITY, f64::min);
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
}

#[test]
fn the_numbering_of_nodes_and_edges_does_not_matter() {
    let scores = |view, directed| {
        let env = Molecules::new(view);
        let (states, conditions) = states(&Molecules::new(View::Plain));
        let config = MessagePassingConfig {
            directed,
            ..ALL_HEADS
        };
        let model = model(&env, 18, config);
        let frontier = Frontier::new(&env, states, conditions);
        all(&model.scores(&frontier).expect("scores"))
    };
    let apart = |one: Vec<f64>, two: Vec<f64>| {
        assert_eq!(one.len(), two.len());
        let pairs = one.iter().zip(&two);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    // Sums in another order, in f32.
    assert!(apart(scores(View::Plain, true), scores(View::Relabelled, true)) < 1e-5);
    // Which of two directions stands for an undirected edge matters only where it is asked for.
    let turned = |directed| {
        apart(
            scores(View::Undirected, directed),
            scores(View::Turned, directed),
        )
    };
    assert!(turned(false) < 1e-5);
    assert!(turned(true) > 1e-2);
}

#[test]
fn a_state_has_the_same_scores_in_any_batch() {
    let env = Molecules::new(View::Plain);
    let (states, conditions) = states(&env);
    let model = model(&env, 18, ALL_HEADS);
    let frontier = Frontier::new(&env, states.clone(), conditions);
    let together = model.scores(&frontier).expect("scores");
    let (mut moves, mut parents, mut flows) = (Vec::new(), Vec::new(), Vec::new());
    for (row, state) in states.iter().enumerate() {
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
    assert!(all(&model.scores(&nothing).expect("scores")).is_empty());
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

fn learns_molecules(objective: &Objective, learned_backward: bool) {
    let env = Fragments::new(vocabulary(), 3).expect("a sound environment");
    let env = env.enumerate(10_000).expect("a small space");
    let config = MessagePassingConfig {
        learned_backward,
        flow: objective.needs_flow(),
        directed: true,
        ..MessagePassingConfig::default()
    };
    let mut model = model(&env, 0, config);
    for (rate, steps) in [(5e-3, 2000), (1e-3, 1500)] {
        let rates = AdamConfig::with_rates(rate, 0.1);
        train(&env, &mut model, objective, rates, steps, log_reward);
    }
    let tv = exact_total_variation(&env, &model, log_reward);
    assert!(tv < 0.05, "{objective:?}: total variation {tv}");
}

#[test]
fn trajectory_balance_learns_molecules() {
    learns_molecules(&Objective::TrajectoryBalance, false);
}

#[test]
fn sub_trajectory_balance_learns_molecules_with_a_learned_backward_policy() {
    learns_molecules(&Objective::SubTrajectoryBalance { lambda: 0.9 }, true);
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let weights = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads").install(|| {
            let env = Molecules::new(View::Plain);
            let mut model = model(&env, 0, ALL_HEADS);
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
