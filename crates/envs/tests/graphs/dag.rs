//! The graphs, their closure, their features and their data.

use std::time::Instant;

use anabranch_core::encode::VectorEncoded;
use anabranch_core::exact::Dag;
use anabranch_core::{Discrete, Enumerable, Environment, Seed};
use anabranch_envs::Enumerated;
use anabranch_envs::dag::{
    Dags, Data, Digraph, Edge, LinearGaussianNetwork, blanket_marginals, edge_marginals,
    path_marginals,
};
use rand::RngExt;

/// Labelled directed acyclic graphs, OEIS A003024.
#[test]
fn counts() {
    for (variables, count) in [(1, 1), (2, 3), (3, 25), (4, 543), (5, 29_281)] {
        let clock = Instant::now();
        let env = Enumerated::new(Dags::new(variables).unwrap(), 100_000).unwrap();
        let listed = clock.elapsed();
        assert_eq!(env.num_states(), count);
        let dag = Dag::new(&env).unwrap();
        println!(
            "{variables} variables: {count} graphs in {listed:?}, {} edges, all in {:?}",
            dag.num_parents(),
            clock.elapsed()
        );
    }
    assert!(Enumerated::new(Dags::new(4).unwrap(), 542).is_err());
    assert!(Dags::new(0).is_err() && Dags::new(17).is_err());
}

fn reaches(graph: &Digraph, from: usize, to: usize) -> bool {
    (0..16).any(|next| graph.has_edge(from, next) && (next == to || reaches(graph, next, to)))
}

/// Adds and removes edges at random and compares the closure with a search after each.
#[test]
fn the_closure_is_kept_up() {
    let mut stream = Seed::new(0).stream("test", &[]);
    for variables in [3, 6, 16] {
        let env = Dags::new(variables).unwrap();
        let mut graph = env.source();
        for step in 0..60 {
            let mut options = Vec::new();
            let forward = stream.random_range(0..3) > 0;
            if forward {
                env.actions(&graph, &mut options);
            } else {
                env.parents(&graph, &mut options);
            }
            if options.is_empty() {
                continue;
            }
            let edge = options[stream.random_range(0..options.len())];
            if forward {
                env.step(&mut graph, edge);
            } else {
                env.undo(&mut graph, edge);
            }
            let mut actions = Vec::new();
            env.actions(&graph, &mut actions);
            for i in 0..variables {
                for j in 0..variables {
                    assert_eq!(graph.has_path(i, j), reaches(&graph, i, j), "{graph:?}");
                    let edge = Edge {
                        from: i as u8,
                        to: j as u8,
                    };
                    let free = i != j && !graph.has_edge(i, j) && !reaches(&graph, j, i);
                    assert_eq!(actions.contains(&edge), free, "step {step} {edge:?}");
                }
            }
        }
        assert!(graph.num_edges() > 0);
        let text = serde_json::to_string(&graph).unwrap();
        assert_eq!(serde_json::from_str::<Digraph>(&text).unwrap(), graph);
        let mut features = vec![0.0; env.num_features()];
        env.fill_features(&graph, &mut features);
        assert_eq!(features.iter().sum::<f32>(), graph.num_edges() as f32);
    }
    let error = serde_json::from_str::<Digraph>("[[0,1],[1,2],[2,0]]").unwrap_err();
    assert!(error.to_string().contains("2 -> 0"), "{error}");
    assert!(Digraph::from_edges(&[(0, 16)]).is_err());
}

/// 48 edges in the 25 graphs on three variables: each of the six has probability 8/25 if all graphs are
/// alike. A path from i to j adds the graphs i -> k -> j without i -> j, of which there is one. Of the
/// graphs 16 join i and j (8 for each direction), and i -> k <- j without them joined is one more.
#[test]
fn marginals_of_three_variables() {
    let env = Enumerated::new(Dags::new(3).unwrap(), 100).unwrap();
    let log_p = vec![-(25.0_f64).ln(); 25];
    let expect = |found: Vec<f64>, expected: f64| {
        for (place, value) in found.iter().enumerate() {
            let expected = if place % 4 == 0 { 0.0 } else { expected };
            assert!((value - expected).abs() < 1e-12, "{place}: {value}");
        }
    };
    expect(edge_marginals(3, env.listed(), &log_p), 8.0 / 25.0);
    expect(path_marginals(3, env.listed(), &log_p), 9.0 / 25.0);
    expect(blanket_marginals(3, env.listed(), &log_p), 17.0 / 25.0);
}

#[test]
fn drawn_data() {
    let network = LinearGaussianNetwork::erdos_renyi(5, 1.0, Seed::new(3)).unwrap();
    let data = network.sample(20_000, Seed::new(4)).unwrap();
    assert_eq!((data.len(), data.variables()), (20_000, 5));
    assert_eq!(data, network.sample(20_000, Seed::new(4)).unwrap());
    let mut edges = 0;
    for j in 0..5 {
        let residual = |row: &[f64]| {
            let mean: f64 = (0..5).map(|i| network.weights()[i * 5 + j] * row[i]).sum();
            row[j] - mean
        };
        let variance = data.rows().map(|row| residual(row).powi(2)).sum::<f64>() / 20_000.0;
        // Standard error of a variance of 0.1: 0.1 sqrt(2 / 20000) = 0.001.
        assert!((variance - 0.1).abs() < 0.005, "{j}: {variance}");
        edges += (0..5)
            .filter(|&i| network.weights()[i * 5 + j] != 0.0)
            .count();
    }
    assert_eq!(edges, network.graph().num_edges());
    // One edge a variable on average.
    let total: usize = (0..400)
        .map(|seed| {
            let network = LinearGaussianNetwork::erdos_renyi(5, 1.0, Seed::new(seed)).unwrap();
            network.graph().num_edges()
        })
        .sum();
    let mean = total as f64 / 400.0;
    assert!((mean - 5.0).abs() < 0.3, "{mean}");
    assert!(LinearGaussianNetwork::erdos_renyi(5, 2.1, Seed::new(0)).is_err());
    assert!(network.sample(0, Seed::new(0)).is_err());
}

#[test]
fn tables() {
    let data = Data::from_csv("# measured\na, \"b\"\n1,2\n\n3,4.5e0\n").unwrap();
    assert_eq!(data.names(), ["a", "b"]);
    assert_eq!(data.rows().collect::<Vec<_>>(), [[1.0, 2.0], [3.0, 4.5]]);
    assert_eq!(Data::from_csv("1,2\n3,4").unwrap().names(), ["x0", "x1"]);
    for (text, part) in [
        ("", "empty"),
        ("a,b\n", "0 values"),
        ("a,b\n1,2\n3", "line 3 has 1 fields"),
        ("a,b\n1,2\n3,NA", "\"NA\" in line 3, column b"),
        ("a,b\n1,inf", "\"inf\" in line 2, column b"),
    ] {
        let error = Data::from_csv(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text:?}: {error}");
    }
}
