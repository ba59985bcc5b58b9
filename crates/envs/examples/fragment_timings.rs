//! Prints how long the edges and the graph of a tree of nine fragments take.

use std::hint::black_box;
use std::time::Instant;

use anabranch_core::encode::GraphEncoded;
use anabranch_core::{Discrete, Environment, Seed};
use anabranch_envs::fragments::{Action, Fragments, Tree};
use rand::RngExt;

fn main() {
    let start = Instant::now();
    let env = Fragments::rp72();
    println!(
        "building the environment: {:.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    let eight = trees(&env, 8);
    let nine = trees(&env, 9);
    for (name, states) in [("8 nodes", &eight), ("9 nodes", &nine)] {
        let mut out = Vec::new();
        time(&format!("{name}: actions"), states, |s| {
            out.clear();
            env.actions(s, &mut out);
            out.len()
        });
        time(&format!("{name}: parents"), states, |s| {
            out.clear();
            env.parents(s, &mut out);
            out.len()
        });
        let (mut actions, mut parents) = (Vec::new(), Vec::new());
        time(&format!("{name}: graph with both"), states, |s| {
            actions.clear();
            env.actions(s, &mut actions);
            parents.clear();
            env.parents(s, &mut parents);
            env.graph(s, &actions, &parents).0.edges.len()
        });
        time(&format!("{name}: key"), states, |s| {
            usize::from(env.key(s) > 0)
        });
    }
    time("molecule", &finished(&env, 9), |s| {
        env.molecule(s).map_or(0, |m| m.num_atoms())
    });
}

/// Trees of `nodes` nodes, half of the ends decided.
fn trees(env: &Fragments, nodes: usize) -> Vec<Tree> {
    grown(env, nodes, 0.5)
}

fn finished(env: &Fragments, nodes: usize) -> Vec<Tree> {
    grown(env, nodes, 1.0)
}

fn grown(env: &Fragments, nodes: usize, decided: f64) -> Vec<Tree> {
    let mut out = Vec::new();
    let mut actions = Vec::new();
    for number in 0.. {
        let mut stream = Seed::new(0).stream("timings", &[number]);
        let mut tree = env.source();
        loop {
            actions.clear();
            env.actions(&tree, &mut actions);
            let grow = tree.len() < nodes;
            actions.retain(|a| matches!(a, Action::AddNode { .. }) == grow);
            if actions.is_empty() || !grow && decided < 1.0 && stream.random::<f64>() > 0.9 {
                break;
            }
            env.step(&mut tree, actions[stream.random_range(0..actions.len())]);
        }
        if tree.len() == nodes {
            out.push(tree);
        }
        if out.len() == 200 {
            break;
        }
    }
    out
}

fn time(name: &str, states: &[Tree], mut f: impl FnMut(&Tree) -> usize) {
    let rounds = 20;
    let mut total = 0_usize;
    let start = Instant::now();
    for _ in 0..rounds {
        for state in states {
            total = total.wrapping_add(black_box(f(black_box(state))));
        }
    }
    let calls = rounds * states.len();
    let micros = start.elapsed().as_secs_f64() * 1e6 / calls as f64;
    println!(
        "{name}: {micros:.2} us (mean result {:.1})",
        total as f64 / calls as f64
    );
}
