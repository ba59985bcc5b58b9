//! The junction-tree environment against references that enumerate automorphisms outright.

mod reference;

use std::collections::{BTreeMap, BTreeSet};

use anabranch_chem::{Fragment, Vocabulary};
use anabranch_core::encode::{GraphEncoded, GraphSlot};
use anabranch_core::rng::Stream;
use anabranch_core::{Discrete, Enumerable, Environment, Seed, exact};
use anabranch_envs::EnvError;
use anabranch_envs::fragments::{Action, Edge, Fragments, Tree};
use rand::RngExt;

use reference::*;

fn vocabulary(list: &[(&str, &[usize])]) -> Vocabulary {
    let fragment = |(smiles, stems): &(&str, &[usize])| Fragment {
        smiles: (*smiles).to_owned(),
        stems: stems.to_vec(),
    };
    Vocabulary::new(list.iter().map(fragment).collect()).unwrap()
}

/// Five fragments, four of them with symmetry.
fn symmetric(max_nodes: usize) -> Fragments {
    let list: [(&str, &[usize]); 5] = [
        ("c1ccccc1", &[0, 1, 2, 3, 4, 5]),
        ("CC", &[0, 1]),
        ("C", &[0]),
        ("C1CNCCN1", &[2, 5]),
        ("CO", &[0, 1]),
    ];
    Fragments::new(vocabulary(&list), max_nodes).unwrap()
}

fn actions(env: &Fragments, state: &Tree) -> Vec<Action> {
    let mut out = Vec::new();
    env.actions(state, &mut out);
    out
}

fn parents(env: &Fragments, state: &Tree) -> Vec<Action> {
    let mut out = Vec::new();
    env.parents(state, &mut out);
    out
}

/// A state somewhere on a random walk of `steps` steps.
fn walk(env: &Fragments, steps: usize, stream: &mut Stream) -> Tree {
    let mut state = env.source();
    for _ in 0..steps {
        let all = actions(env, &state);
        if all.is_empty() {
            break;
        }
        // One kind first, or nearly all steps would add nodes.
        let settings: Vec<Action> = all
            .iter()
            .copied()
            .filter(|a| matches!(a, Action::SetStem { .. }))
            .collect();
        let from = if settings.is_empty() || stream.random_range(0..2) == 0 {
            &all
        } else {
            &settings
        };
        env.step(&mut state, from[stream.random_range(0..from.len())]);
    }
    state
}

fn check_orbits(env: &Fragments, state: &Tree) {
    let forward = orbits(state, &labelled_actions(env, state), false);
    check_against(
        &forward,
        &actions(env, state),
        |a| env.listed_action(state, a),
        state,
    );
    let backward = orbits(state, &labelled_parents(state), true);
    check_against(
        &backward,
        &parents(env, state),
        |a| env.listed_parent(state, a),
        state,
    );
}

#[test]
fn orbits_are_those_of_explicit_automorphisms() {
    let env = symmetric(3).enumerate(100_000).unwrap();
    for state in env.states() {
        check_orbits(env.fragments(), &state);
    }
    let env = symmetric(5);
    for number in 0..150 {
        let mut stream = Seed::new(5).stream("orbits", &[number]);
        let steps = stream.random_range(1..14);
        let state = walk(&env, steps, &mut stream);
        check_orbits(&env, &relabel(&state, &mut stream));
    }
}

#[test]
fn the_key_is_blind_to_labels_and_to_nothing_else() {
    let env = symmetric(4);
    let mut states = Vec::new();
    for number in 0..400 {
        let mut stream = Seed::new(6).stream("keys", &[number]);
        let steps = stream.random_range(1..9);
        let state = walk(&env, steps, &mut stream);
        let other = relabel(&state, &mut stream);
        assert_eq!(env.key(&state), env.key(&other), "{state:?} {other:?}");
        assert_eq!(
            env.canonical(&state),
            env.canonical(&other),
            "{state:?} {other:?}"
        );
        assert_eq!(env.canonical(&env.canonical(&state)), env.canonical(&state));
        assert!(!isomorphisms(&state, &env.canonical(&state)).is_empty());
        env.check(&other).unwrap();
        states.push(state);
    }
    let mut equal = 0;
    for (i, a) in states.iter().enumerate() {
        for b in &states[..i] {
            let same = env.key(a) == env.key(b);
            equal += usize::from(same);
            assert_eq!(same, !isomorphisms(a, b).is_empty(), "{a:?} {b:?}");
        }
    }
    assert!(equal > 100, "the sample must hold isomorphic pairs");
}

/// The graphs of `state` and `other` are isomorphic, and so are the places that score their moves.
fn check_scores(env: &Fragments, state: &Tree, other: &Tree) {
    let encode = |s: &Tree| env.graph(s, &actions(env, s), &parents(env, s));
    let (graph, forward, backward) = encode(state);
    let (graph2, forward2, backward2) = encode(other);
    // One disjoint graph, so that equal colours mean the same in both.
    let n = graph.nodes.len();
    let mut both = graph.clone();
    both.nodes.extend(graph2.nodes.iter().cloned());
    let moved = graph2
        .edges
        .iter()
        .map(|(a, b, f)| (a + n, b + n, f.clone()));
    both.edges.extend(moved);
    let colour = colours(&both);
    let (mut left, mut right) = (colour[..n].to_vec(), colour[n..].to_vec());
    left.sort();
    right.sort();
    assert_eq!(left, right, "{state:?} {other:?}");
    for (slots, slots2) in [(&forward, &forward2), (&backward, &backward2)] {
        let here = scored(&graph, slots, 0, &colour);
        let there = scored(&graph2, slots2, n, &colour);
        assert_eq!(here, there, "{state:?} {other:?}");
    }
    let distinct: BTreeSet<String> = forward.iter().map(|s| format!("{s:?}")).collect();
    assert_eq!(distinct.len(), forward.len(), "one score for each action");
}

#[test]
fn a_network_scores_isomorphic_trees_alike() {
    let env = symmetric(6);
    for number in 0..300 {
        let mut stream = Seed::new(7).stream("scores", &[number]);
        let steps = stream.random_range(0..17);
        let state = walk(&env, steps, &mut stream);
        check_scores(&env, &state, &relabel(&state, &mut stream));
    }
    let env = symmetric(3).enumerate(100_000).unwrap();
    let mut stream = Seed::new(7).stream("all scores", &[]);
    for state in env.states() {
        for _ in 0..3 {
            check_scores(env.fragments(), &state, &relabel(&state, &mut stream));
        }
    }
}

#[test]
fn an_end_is_scored_on_the_edge_that_leaves_its_node() {
    let env = symmetric(3);
    let edge = |a, b, stem_a| Edge {
        a,
        b,
        stem_a,
        stem_b: None,
    };
    let nodes = [(4, METHANE), (1, BENZENE), (7, ETHANE)];
    let tree = Tree::from_parts(&nodes, &[edge(4, 1, Some(0)), edge(1, 7, None)]).unwrap();
    let moves = [(1, 4, 2), (1, 7, 5), (7, 1, 0)].map(|(node, neighbour, stem)| Action::SetStem {
        node,
        neighbour,
        stem,
    });
    let (graph, forward, _) = env.graph(&tree, &moves, &[]);
    let features = [vec![BENZENE], vec![METHANE], vec![ETHANE]];
    assert_eq!(graph.nodes, features, "slots in order");
    let labels = env.canonical_stems(&tree);
    for (slot, action) in forward.iter().zip(moves) {
        let (
            GraphSlot::Edge {
                edge,
                action: score,
            },
            Action::SetStem {
                node,
                neighbour,
                stem,
            },
        ) = (slot, action)
        else {
            panic!("{slot:?} for {action:?}");
        };
        let place = |slot: u8| [1, 4, 7].iter().position(|s| *s == slot).unwrap();
        let (from, to, _) = graph.edges[*edge];
        assert_eq!((from, to), (place(node), place(neighbour)));
        let label = labels[usize::from(node)].as_ref().unwrap()[usize::from(stem)];
        assert_eq!(*score, usize::from(label));
    }
    // Own end first, then the other; 6 and 13 stand for "undecided".
    assert_eq!(graph.edges[1], (1, 0, vec![0, 13]));
    assert_eq!(graph.edges[0], (0, 1, vec![6, 7]));
}

#[test]
fn the_shape_is_the_published_one() {
    // 73 node features, 14 edge features, 72 + 12 scores (molecules.md, section 3).
    let shape = Fragments::rp72().graph_shape();
    assert_eq!((shape.node_features, shape.edge_features), (73, 14));
    assert_eq!((shape.node_actions, shape.edge_actions), (72, 6));
}

/// Chemistry counts 13: benzene, toluene, 3 xylenes, 3 tri-, 3 tetra-, penta-, hexamethylbenzene.
#[test]
fn there_are_thirteen_methylbenzenes() {
    let env = symmetric(7);
    let mut layer = vec![env.source()];
    let mut smiles = BTreeMap::new();
    while !layer.is_empty() {
        let mut next = BTreeMap::new();
        for state in &layer {
            for action in actions(&env, state) {
                let allowed = match action {
                    Action::AddNode {
                        host: None,
                        fragment,
                        ..
                    } => fragment == BENZENE,
                    Action::AddNode { host, fragment, .. } => {
                        fragment == METHANE && state.fragment(host.unwrap()) == Some(BENZENE)
                    }
                    Action::SetStem { .. } => true,
                };
                if allowed {
                    let mut child = state.clone();
                    env.step(&mut child, action);
                    next.insert(env.key(&child), child);
                }
            }
        }
        layer = next.into_values().collect();
        for state in layer.iter().filter(|s| env.can_stop(s)) {
            let molecule = env.molecule(state).unwrap();
            *smiles
                .entry(molecule.smiles().unwrap().to_owned())
                .or_insert(0) += 1;
        }
    }
    assert_eq!(smiles.len(), 13, "{smiles:?}");
    assert!(smiles.values().all(|count| *count == 1), "{smiles:?}");
}

/// The worked example of docs/adr/0001: methyl on benzene is one edge at each step, both ways.
#[test]
fn toluene_has_one_way_for_each_order_of_its_ends() {
    let env = symmetric(2);
    let mut state = env.source();
    env.step(
        &mut state,
        Action::AddNode {
            host: None,
            fragment: BENZENE,
            slot: 0,
        },
    );
    assert_eq!(actions(&env, &state).len(), 5);
    env.step(
        &mut state,
        Action::AddNode {
            host: Some(0),
            fragment: METHANE,
            slot: 1,
        },
    );
    assert_eq!(
        actions(&env, &state).len(),
        2,
        "the end at benzene, in one way, and the end at methyl"
    );
    env.step(
        &mut state,
        Action::SetStem {
            node: 0,
            neighbour: 1,
            stem: 3,
        },
    );
    env.step(
        &mut state,
        Action::SetStem {
            node: 1,
            neighbour: 0,
            stem: 0,
        },
    );
    assert_eq!(parents(&env, &state).len(), 2);
    assert_eq!(env.molecule(&state).unwrap().smiles().unwrap(), "Cc1ccccc1");
}

/// If both sides count the same edges, the flow of any reward under any backward policy makes a forward
/// policy that reaches every object in proportion to its reward.
#[test]
fn backward_flows_make_a_forward_policy() {
    let env = symmetric(3).enumerate(100_000).unwrap();
    let dag = exact::Dag::new(&env).unwrap();
    let reward = |i: usize, state: &Tree| {
        let value = if env.can_stop(state) {
            1.0 + (i % 7) as f64
        } else {
            0.0
        };
        value.ln()
    };
    let states = dag.states().iter().enumerate();
    let log_reward: Vec<f64> = states.map(|(i, state)| reward(i, state)).collect();
    for log_pb in [exact::uniform_log_pb(&dag), exact::max_entropy_log_pb(&dag)] {
        let solution = exact::exact_flows(&dag, &log_reward, &log_pb);
        let total: f64 = log_reward.iter().map(|r| r.exp()).sum();
        assert!((solution.log_z - total.ln()).abs() < 1e-9);
        let log_p = exact::terminating_distribution(&dag, &solution.log_pf);
        for (log_p, log_r) in log_p.iter().zip(&log_reward) {
            assert!((log_p.exp() - (log_r - solution.log_z).exp()).abs() < 1e-12);
        }
    }
    let uniform = exact::terminating_distribution(&dag, &exact::uniform_log_pf(&dag));
    assert!((uniform.iter().map(|p| p.exp()).sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn lists_of_isomorphic_trees_are_in_one_order() {
    let env = symmetric(5);
    for number in 0..200 {
        let mut stream = Seed::new(8).stream("order", &[number]);
        let steps = stream.random_range(1..14);
        let state = walk(&env, steps, &mut stream);
        let other = relabel(&state, &mut stream);
        let children = |s: &Tree| -> Vec<u128> {
            let key = |action| {
                let mut child = s.clone();
                env.step(&mut child, action);
                env.key(&child)
            };
            actions(&env, s).into_iter().map(key).collect()
        };
        let before = |s: &Tree| -> Vec<u128> {
            let key = |action| {
                let mut parent = s.clone();
                env.undo(&mut parent, action);
                env.key(&parent)
            };
            parents(&env, s).into_iter().map(key).collect()
        };
        assert_eq!(children(&state), children(&other), "{state:?} {other:?}");
        assert_eq!(before(&state), before(&other), "{state:?} {other:?}");
    }
}

/// Trees and molecules are not one to one; `--nocapture` prints how far they are from it.
#[test]
fn multiplicity_of_molecules() {
    let env = symmetric(3).enumerate(100_000).unwrap();
    let molecules = env.molecules().unwrap();
    let multiplicity = env.molecule_multiplicity().unwrap();
    let objects = multiplicity.iter().filter(|m| **m > 0).count();
    let shared = molecules.values().filter(|trees| trees.len() > 1).count();
    println!(
        "{} states, {objects} objects, {} molecules, {shared} of them from several trees",
        env.num_states(),
        molecules.len()
    );
    let inverse: f64 = multiplicity
        .iter()
        .filter(|m| **m > 0)
        .map(|m| 1.0 / *m as f64)
        .sum();
    assert!((inverse - molecules.len() as f64).abs() < 1e-9);
    assert_eq!(
        objects,
        env.states().iter().filter(|s| env.can_stop(s)).count()
    );
    // Ethane: the fragment CC, and two methanes joined.
    assert_eq!(molecules["CC"].len(), 2);
    // Propane: CC with a methane. Toluene: benzene with a methane. Both one tree.
    assert_eq!(molecules["CCC"].len(), 1);
    assert_eq!(molecules["Cc1ccccc1"].len(), 1);
    // Butane from two ethanes, and from ethane between two methanes.
    assert_eq!(molecules["CCCC"].len(), 2);

    // Without fragments that are made of each other, every tree is a molecule of its own.
    let apart: [(&str, &[usize]); 3] = [
        ("c1ccccc1", &[0, 1, 2, 3, 4, 5]),
        ("F", &[0]),
        ("C1CNCCN1", &[2, 5]),
    ];
    let env = Fragments::new(vocabulary(&apart), 4)
        .unwrap()
        .enumerate(100_000)
        .unwrap();
    println!(
        "{} states of a vocabulary without overlap",
        env.num_states()
    );
    assert!(env.molecule_multiplicity().unwrap().iter().all(|m| *m <= 1));
}

#[test]
fn undo_restores_the_root_too() {
    let env = symmetric(3);
    let mut state = env.source();
    env.step(
        &mut state,
        Action::AddNode {
            host: None,
            fragment: BENZENE,
            slot: 0,
        },
    );
    env.step(
        &mut state,
        Action::AddNode {
            host: Some(0),
            fragment: ETHANE,
            slot: 1,
        },
    );
    let built = state.clone();
    let root = Action::AddNode {
        host: Some(1),
        fragment: BENZENE,
        slot: 0,
    };
    assert!(parents(&env, &state).contains(&root));
    env.undo(&mut state, root);
    assert_eq!(state.nodes().collect::<Vec<_>>(), [(1, ETHANE)]);
    env.step(&mut state, root);
    assert_eq!(state, built);
    let from_elsewhere = Action::AddNode {
        host: Some(1),
        fragment: BENZENE,
        slot: 9,
    };
    env.undo(&mut state, root);
    assert_eq!(env.listed_action(&state, from_elsewhere), root);
}

#[test]
fn what_does_not_belong_is_refused() {
    let env = symmetric(2);
    let tree = |nodes: &[(u8, u16)], edges: &[Edge]| Tree::from_parts(nodes, edges).unwrap();
    let edge = |a, b, stem_a, stem_b| Edge {
        a,
        b,
        stem_a,
        stem_b,
    };
    let methanes = [(0, METHANE), (1, METHANE), (2, METHANE)];
    assert!(
        env.check(&tree(&[(0, 5)], &[])).is_err(),
        "an unknown fragment"
    );
    assert!(
        env.check(&tree(
            &methanes,
            &[edge(0, 1, None, None), edge(0, 2, None, None)]
        ))
        .is_err()
    );
    assert!(
        symmetric(3)
            .check(&tree(
                &methanes,
                &[edge(0, 1, None, None), edge(0, 2, None, None)]
            ))
            .is_err()
    );
    assert!(
        env.check(&tree(&methanes[..2], &[edge(0, 1, Some(1), None)]))
            .is_err(),
        "an unknown stem"
    );
    let unfinished = tree(&methanes[..2], &[edge(0, 1, Some(0), None)]);
    env.check(&unfinished).unwrap();
    assert!(matches!(
        env.molecule(&unfinished),
        Err(EnvError::NotComplete { .. })
    ));
    assert!(env.molecule(&Tree::new()).is_err());
    assert!(
        symmetric(3).with_min_nodes(3).is_err(),
        "two methanes would be a dead end"
    );
    assert!(symmetric(3).with_min_nodes(0).is_err());
    assert!(Fragments::new(Vocabulary::rp72(), 17).is_err());
    assert!(Fragments::new(Vocabulary::rp72(), 0).is_err());
    let fluorine = Fragments::new(vocabulary(&[("C", &[0]), ("F", &[0, 0])]), 3);
    assert!(matches!(
        fluorine,
        Err(EnvError::Oversubscribed { fragment: 1, .. })
    ));
    assert!(matches!(
        symmetric(3).enumerate(10),
        Err(EnvError::TooManyStates { limit: 10 })
    ));
}
