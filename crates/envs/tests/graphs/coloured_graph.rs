//! The benchmark's published counts and exact values (arXiv 2402.05309, section 3; the numbers by an
//! independent enumeration in Python).

use std::time::Instant;

use anabranch_core::encode::{GraphEncoded, VectorEncoded};
use anabranch_core::exact::{self, Dag};
use anabranch_core::logspace::log_sum_exp;
use anabranch_core::{Discrete, Enumerable, Reward, Seed};
use anabranch_envs::Enumerated;
use anabranch_envs::coloured_graph::{
    ColouredGraph, ColouredGraphs, GraphReward, Listed, corrupted, shuffled, skewed, skewed_random,
};
use rand::RngExt;
use rand::seq::SliceRandom;

const REWARDS: [GraphReward; 3] = [
    GraphReward::Count,
    GraphReward::Neighbors,
    GraphReward::Cliques,
];

fn graphs(max_nodes: usize) -> Enumerated<ColouredGraphs> {
    Enumerated::new(ColouredGraphs::new(max_nodes).unwrap(), 100_000).unwrap()
}

/// Nodes; states; log Z of the three rewards; log F of the graphs of one node of colour 0 and 1 by
/// count, and by neighbors; edges up to isomorphism and labelled; mean number of parents.
#[test]
fn up_to_six_nodes() {
    let golden = [
        (
            4,
            66,
            [3.279500, 1.505521, 2.493704],
            [2.665434, 2.500432],
            0.812198,
            132,
            183,
            2.03,
        ),
        (
            5,
            420,
            [4.853642, 2.554166, 3.406010],
            [3.768197, 4.441520],
            1.860957,
            1448,
            2015,
            3.46,
        ),
        (
            6,
            4303,
            [6.134050, 4.766402, 4.515779],
            [4.630333, 5.882631],
            4.073248,
            24351,
            31797,
            5.66,
        ),
    ];
    for (nodes, states, log_z, count_flow, neighbors_flow, edges, labelled, parents) in golden {
        let clock = Instant::now();
        let env = graphs(nodes);
        let listed = clock.elapsed();
        let dag = Dag::new(&env).unwrap();
        println!(
            "{nodes} nodes: listed in {listed:?}, with the edges in {:?}",
            clock.elapsed()
        );
        assert_eq!((dag.len(), dag.num_parents()), (states, edges));
        let additions = env
            .listed()
            .iter()
            .map(|graph| env.env().additions(graph).len());
        assert_eq!(additions.sum::<usize>(), labelled);
        let mean = edges as f64 / (states - 1) as f64;
        assert!((mean - parents).abs() < 0.005, "{mean}");
        let log_pb = exact::uniform_log_pb(&dag);
        let single = |colour| env.index(&ColouredGraph::new(&[colour], &[]).unwrap());
        for (reward, expected) in REWARDS.into_iter().zip(log_z) {
            let log_reward = dag.log_reward(&reward).unwrap();
            assert!(log_reward.iter().all(|r| (-10.0..=0.0).contains(r)));
            let found = log_sum_exp(&log_reward);
            assert!(
                (found - expected).abs() < 1e-6,
                "{nodes} {reward:?} {found}"
            );
            let flows = exact::exact_flows(&dag, &log_reward, &log_pb).log_flow;
            let pair = [flows[single(0)], flows[single(1)]];
            let wanted = match reward {
                GraphReward::Count => count_flow,
                GraphReward::Neighbors => [neighbors_flow; 2],
                _ => continue,
            };
            assert!((pair[0] - wanted[0]).abs() < 1e-6 && (pair[1] - wanted[1]).abs() < 1e-6);
        }
    }
}

/// States by number of nodes; log Z, graphs with log R = 0 and entropy of each reward.
#[test]
fn seven_nodes() {
    let clock = Instant::now();
    let env = graphs(7);
    println!(
        "7 nodes: {} states listed in {:?}",
        env.num_states(),
        clock.elapsed()
    );
    let count = |n| env.listed().iter().filter(|g| g.num_nodes() == n).count();
    let counts: Vec<usize> = (0..=7).map(count).collect();
    assert_eq!(counts, [1, 2, 3, 10, 50, 354, 3883, 67994]);
    let golden = [
        (7.302010, 188, 9.714),
        (6.958657, 332, 9.081),
        (5.813502, 16, 9.109),
    ];
    for (reward, (log_z, zeros, entropy)) in REWARDS.into_iter().zip(golden) {
        let log_reward = reward.log_reward(env.listed()).unwrap();
        let found = log_sum_exp(&log_reward);
        assert!((found - log_z).abs() < 1e-6, "{reward:?} {found}");
        let best = log_reward.iter().filter(|r| r.abs() < 1e-12).count();
        assert_eq!(best, zeros, "{reward:?}");
        let found = exact::entropy(&exact::target(&log_reward));
        assert!((found - entropy).abs() < 5e-4, "{reward:?} {found}");
    }
}

/// The empty graph and the rewards' values by hand.
#[test]
fn rewards_of_small_graphs() {
    let value = |reward: GraphReward, colours: &[u8], edges: &[(usize, usize)]| {
        reward.log_reward_of(&ColouredGraph::new(colours, edges).unwrap())
    };
    assert_eq!(value(GraphReward::Count, &[], &[]), -7.5);
    assert_eq!(value(GraphReward::Cliques, &[], &[]), -1.0);
    assert_eq!(value(GraphReward::Constant, &[], &[]), 0.0);
    let complete = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];
    assert_eq!(value(GraphReward::Cliques, &[0, 0, 1, 0], &complete), 0.0);
    assert_eq!(value(GraphReward::Cliques, &[0, 1, 1, 0], &complete), -0.5);
    // Each of four nodes has two neighbours of the other colour.
    let square = [(0, 1), (1, 2), (2, 3), (0, 3)];
    assert_eq!(value(GraphReward::Neighbors, &[0, 1, 0, 1], &square), 0.0);
    let none = value(GraphReward::Neighbors, &[0, 0, 0, 0], &square);
    assert!((none + 40.0 / 7.0).abs() < 1e-12);
}

#[test]
fn labels_do_not_matter() {
    let mut stream = Seed::new(0).stream("test", &[]);
    for _ in 0..300 {
        let n = stream.random_range(1..8_usize);
        let mut edges: Vec<(usize, usize)> =
            (1..n).map(|j| (stream.random_range(0..j), j)).collect();
        for j in 1..n {
            for i in 0..j {
                if stream.random_range(0..3) == 0 && !edges.contains(&(i, j)) {
                    edges.push((i, j));
                }
            }
        }
        let colours: Vec<u8> = (0..n).map(|_| stream.random_range(0..2)).collect();
        let graph = ColouredGraph::new(&colours, &edges).unwrap();
        assert_eq!((graph.num_nodes(), graph.num_edges()), (n, edges.len()));
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut stream);
        let mut moved = vec![0; n];
        (0..n).for_each(|i| moved[order[i]] = colours[i]);
        edges
            .iter_mut()
            .for_each(|(i, j)| (*i, *j) = (order[*i], order[*j]));
        assert_eq!(ColouredGraph::new(&moved, &edges).unwrap(), graph);
        let text = serde_json::to_string(&graph).unwrap();
        assert_eq!(serde_json::from_str::<ColouredGraph>(&text).unwrap(), graph);
    }
    for text in [
        r#"{"colours":[0,0],"edges":[]}"#,
        r#"{"colours":[0,2],"edges":[[0,1]]}"#,
        r#"{"colours":[0,1],"edges":[[0,1],[1,0]]}"#,
        r#"{"colours":[0,1],"edges":[[0,2]]}"#,
        r#"{"colours":[0,0,0,0,0,0,0,0],"edges":[]}"#,
    ] {
        assert!(
            serde_json::from_str::<ColouredGraph>(text).is_err(),
            "{text}"
        );
    }
}

/// Every action has a slot and a row of its own among the actions of its state, every parent a slot.
#[test]
fn encodings_tell_actions_apart() {
    let env = graphs(5);
    let shape = env.graph_shape();
    for state in env.listed() {
        let (mut actions, mut parents) = (Vec::new(), Vec::new());
        env.actions(state, &mut actions);
        env.parents(state, &mut parents);
        let (graph, forward, backward) = env.graph(state, &actions, &parents);
        assert_eq!(
            (forward.len(), backward.len()),
            (actions.len(), parents.len())
        );
        let features = graph.nodes.iter().flatten();
        assert!(
            features
                .into_iter()
                .all(|&f| usize::from(f) < shape.node_features)
        );
        let distinct = |slots: &[_]| (1..slots.len()).all(|i| !slots[..i].contains(&slots[i]));
        assert!(distinct(&forward) && distinct(&backward), "{state:?}");
        let mut rows: Vec<usize> = actions.iter().map(|&a| env.action_index(a)).collect();
        assert!(rows.iter().all(|&row| row < env.num_actions()));
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), actions.len());
    }
    let vector = |state| {
        let mut out = vec![0.0; env.num_features()];
        env.fill_features(state, &mut out);
        out.iter().map(|v| v.to_string()).collect::<String>()
    };
    let mut seen: Vec<String> = env.listed().iter().map(vector).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), env.num_states());
}

#[test]
fn rewards_without_structure() {
    let env = graphs(4);
    let plain = GraphReward::Count.log_reward(env.listed()).unwrap();
    let mixed = shuffled(&plain, Seed::new(1));
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    assert!(mixed != plain && sorted(&mixed) == sorted(&plain));
    let listed = Listed::new(env.listed(), &mixed).unwrap();
    assert_eq!(listed.log_reward(env.listed()).unwrap(), mixed);
    assert!(Listed::new(env.listed(), &mixed[1..]).is_err());
    let large = ColouredGraph::new(&[0; 5], &[(0, 1), (1, 2), (2, 3), (3, 4)]).unwrap();
    assert!(listed.log_reward(&[large]).is_err());
    assert_eq!(skewed(&plain, 0.0).unwrap(), plain);
    let bent = skewed(&plain, 1.0).unwrap();
    for (r, found) in plain.iter().zip(&bent) {
        // log R exp(-lambda log R), times -7.5 over its value at the least log R, -7.5.
        let expected = r * (-r).exp() / 7.5_f64.exp();
        assert!((found - expected).abs() < 1e-12);
    }
    assert!(skewed(&[0.0, 0.0], 1.0).is_err() && skewed(&plain, -1.0).is_err());
    let noisy = corrupted(&vec![0.0; 20_000], 0.5, Seed::new(2));
    let variance = noisy.iter().map(|v| v * v).sum::<f64>() / 20_000.0;
    assert!((variance - 0.25).abs() < 0.02, "{variance}");
    for (sparse, mean) in [(false, -3.2586), (true, -6.7414)] {
        // The mean of a Rayleigh number of scale 2.6 is 2.6 sqrt(pi / 2) = 3.2586.
        let values = skewed_random(20_000, sparse, Seed::new(3));
        assert!(values.iter().all(|v| (-10.0..=0.0).contains(v)));
        let found = values.iter().sum::<f64>() / 20_000.0;
        assert!((found - mean).abs() < 0.05, "{found}");
    }
}
