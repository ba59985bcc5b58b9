//! The environments on graphs and trees keep their contract.

use std::hash::Hash;

use anabranch_core::{Discrete, Seed, conformance};
use anabranch_envs::Enumerated;
use anabranch_envs::coloured_graph::ColouredGraphs;
use anabranch_envs::dag::Dags;
use anabranch_envs::phylogeny::Phylogeny;
use anabranch_envs::stochastic::NoisyGrid;

/// Walks through `env` and lists all of it; the longest trajectory must have `longest` moves.
fn check<E: Discrete<State: Eq + Hash>>(env: E, longest: usize) {
    conformance::check(&env, Seed::new(0), 30).unwrap();
    let env = Enumerated::new(env, 10_000).unwrap();
    let report = conformance::check_edges_counted_alike(&env).unwrap();
    assert_eq!(report.longest, longest);
}

#[test]
fn directed_acyclic_graphs() {
    for (variables, longest) in [(1, 1), (2, 2), (3, 4), (4, 7)] {
        check(Dags::new(variables).unwrap(), longest);
    }
    for variables in [5, 9, 16] {
        conformance::check(&Dags::new(variables).unwrap(), Seed::new(1), 3).unwrap();
    }
}

#[test]
fn coloured_graphs() {
    // Every node, every edge but those that come with the nodes, and the stop.
    for (nodes, longest) in [(1, 2), (2, 3), (3, 5), (4, 8), (5, 12), (6, 17)] {
        check(ColouredGraphs::new(nodes).unwrap(), longest);
    }
    conformance::check(&ColouredGraphs::new(7).unwrap(), Seed::new(2), 20).unwrap();
}

#[test]
fn phylogenies() {
    for taxa in 2..=6 {
        check(Phylogeny::new(taxa).unwrap(), taxa);
    }
    conformance::check(&Phylogeny::new(32).unwrap(), Seed::new(3), 3).unwrap();
}

#[test]
fn noisy_grids() {
    for (side, noise) in [(2, 1.0), (3, 0.5), (6, 0.2)] {
        let env = NoisyGrid::new(side, noise).unwrap();
        check(env, 4 * (side - 1) + 1);
        // Its own listing, without a table.
        conformance::check_edges_counted_alike(&env).unwrap();
    }
}
