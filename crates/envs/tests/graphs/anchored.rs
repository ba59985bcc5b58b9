//! Environments below an anchor.

use anabranch_core::encode::VectorEncoded;
use anabranch_core::exact::{self, Dag};
use anabranch_core::{Enumerable, Environment, Seed, conformance};
use anabranch_envs::Enumerated;
use anabranch_envs::anchored::{Anchored, Descendants, negative_free_energies};
use anabranch_envs::coloured_graph::ColouredGraphs;
use anabranch_envs::dag::Dags;
use anabranch_envs::hypergrid::{Cell, Hypergrid, Terminal};

fn cell(x: u16, y: u16) -> Cell {
    Cell([x, y, 0, 0, 0, 0, 0, 0])
}

/// log F and minus the free energy on the 2-D grid with H = 8 and r0 = 0.01 under uniform P_B, by an
/// independent program (Python).
#[test]
fn free_energies_of_the_grid() {
    let golden = [
        (0, 0, 2.811809, 2.811809),
        (1, 1, 1.318059, 2.564180),
        (2, 0, 1.738169, 2.137710),
        (2, 2, 0.135984, 1.472472),
        (4, 4, 0.381429, 1.425515),
        (6, 6, 1.186318, 1.396245),
        (7, 0, -0.246360, 0.732368),
        (7, 7, -0.673345, -0.673345),
    ];
    let grid = Hypergrid::new(2, 8, Terminal::All).unwrap();
    let dag = Dag::new(&grid).unwrap();
    let log_reward = dag.log_reward(&grid.corners(1e-2).unwrap()).unwrap();
    let flows = exact::exact_flows(&dag, &log_reward, &exact::uniform_log_pb(&dag));
    let below = negative_free_energies(&dag, &log_reward);
    for (x, y, log_flow, free) in golden {
        let number = grid.index(&cell(x, y));
        assert!((flows.log_flow[number] - log_flow).abs() < 1e-6, "{x} {y}");
        assert!(
            (below[number] - free).abs() < 1e-6,
            "{x} {y} {}",
            below[number]
        );
    }
}

/// The flow from every anchor is minus its free energy, whatever the backward policy, and the
/// terminating distribution is the target on its descendants.
fn check_all_anchors<E: Enumerable>(env: &E, log_reward: impl Fn(usize) -> f64) {
    let dag = Dag::new(env).unwrap();
    let closure = Descendants::new(&dag);
    let rewards: Vec<f64> = (0..dag.len()).map(log_reward).collect();
    let free = negative_free_energies(&dag, &rewards);
    for (anchor, free) in free.into_iter().enumerate() {
        let below = Anchored::new(env, closure.clone(), anchor).unwrap();
        conformance::check_edges_counted_alike(&below).unwrap();
        conformance::check(&below, Seed::new(anchor as u64), 2).unwrap();
        let own = Dag::new(&below).unwrap();
        let kept: Vec<f64> = below
            .members()
            .iter()
            .map(|&state| rewards[state])
            .collect();
        for log_pb in [exact::uniform_log_pb(&own), exact::max_entropy_log_pb(&own)] {
            let solution = exact::exact_flows(&own, &kept, &log_pb);
            assert!((solution.log_z - free).abs() < 1e-10, "{anchor}");
            let found = exact::terminating_distribution(&own, &solution.log_pf);
            let off = found
                .iter()
                .zip(exact::target(&kept))
                .map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f64::max) < 1e-10, "{anchor}");
        }
    }
}

#[test]
fn every_anchor_carries_its_free_energy() {
    let grid = Hypergrid::new(2, 5, Terminal::All).unwrap();
    check_all_anchors(&grid, |state| (state as f64).sin());
    let dags = Enumerated::new(Dags::new(3).unwrap(), 100).unwrap();
    check_all_anchors(&dags, |state| (state as f64).cos());
    let graphs = Enumerated::new(ColouredGraphs::new(4).unwrap(), 100).unwrap();
    check_all_anchors(&graphs, |state| (state as f64).sin());
}

#[test]
fn one_encoding_for_all_anchors() {
    let grid = Hypergrid::new(2, 3, Terminal::All).unwrap();
    let closure = Descendants::new(&Dag::new(&grid).unwrap());
    assert!(closure.contains(0, 8) && !closure.contains(1, 3));
    let anchor = grid.index(&cell(1, 0));
    let below = Anchored::new(&grid, closure.clone(), anchor).unwrap();
    assert_eq!(below.source(), cell(1, 0));
    assert_eq!((below.num_states(), below.anchor()), (6, anchor));
    let mut features = vec![0.0; below.num_features()];
    below.fill_features(&cell(2, 1), &mut features);
    assert_eq!(features, [0., 0., 1., 0., 1., 0., 0., 1., 0., 1., 0., 0.]);
    assert_eq!(below.index(&cell(0, 0)), 6);
    assert!(Anchored::new(&grid, closure.clone(), 9).is_err());
    let larger = Hypergrid::new(2, 4, Terminal::All).unwrap();
    assert!(Anchored::new(&larger, closure, 0).is_err());
}
