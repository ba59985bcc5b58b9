//! The exact-flow law: with a reward and any backward policy, the flow of the source is Z and the
//! forward policy of that flow ends in every object with probability R(x) / Z.
//!
//! A miscounted edge, a wrong parent or a state at the wrong place breaks it.

use anabranch_core::exact::{self, Dag};
use anabranch_core::logspace::log_sum_exp;
use anabranch_core::reward::FromFn;
use anabranch_core::{Enumerable, Reward, Seed};
use anabranch_envs::bag::{Bags, RepeatedLetter};
use anabranch_envs::bit_sequence::{AnyOrderBits, BitSequence, Distance, NearestMode};
use anabranch_envs::factor::Factors;
use anabranch_envs::hypergrid::{
    BitwiseXor, BraninCurrin, ConditionalMultiscale, Corners, Corrupted, Deceptive, Hypergrid,
    MultiplicativeCoprime, Sparse, Terminal, Tiers, UniformRandom,
};
use anabranch_envs::ising::Ising;
use anabranch_envs::landscape::Landscape;
use anabranch_envs::perfect_tree::{LeafRewards, PerfectTree};
use anabranch_envs::sequence::{AppendSequence, EdgeCount, Insertion, PrependAppend};
use anabranch_envs::set::{QuadraticEnergy, Subset, Subsets};

/// Checks the law and returns log Z.
fn law<E: Enumerable>(name: &str, env: &E, reward: &impl Reward<E::State>) -> f64 {
    let dag = Dag::new(env).unwrap();
    let log_reward = dag.log_reward(reward).unwrap();
    let log_z = log_sum_exp(&log_reward);
    let target = exact::target(&log_reward);
    for log_pb in [exact::uniform_log_pb(&dag), exact::max_entropy_log_pb(&dag)] {
        for state in 1..dag.len() {
            let total = log_sum_exp(&log_pb[dag.parents(state)]);
            assert!(total.abs() < 1e-10, "{name}: log P_B sums to {total}");
        }
        let solution = exact::exact_flows(&dag, &log_reward, &log_pb);
        let off = solution.log_z - log_z;
        assert!(off.abs() < 1e-10, "{name}: log Z off by {off}");
        let log_p = exact::terminating_distribution(&dag, &solution.log_pf);
        let total = log_sum_exp(&log_p);
        assert!(total.abs() < 1e-10, "{name}: log p sums to {total}");
        for (state, (p, t)) in log_p.iter().zip(&target).enumerate() {
            let both_none = *p == f64::NEG_INFINITY && *t == f64::NEG_INFINITY;
            let state = &dag.states()[state];
            assert!(
                both_none || (p - t).abs() < 1e-10,
                "{name}: {state:?}: {p} {t}"
            );
        }
    }
    println!(
        "{name}: {} states, {} edges, log Z {log_z}",
        dag.len(),
        dag.num_parents()
    );
    log_z
}

#[test]
fn hypergrids() {
    for terminal in [Terminal::All, Terminal::Border] {
        let grid = Hypergrid::new(2, 16, terminal).unwrap();
        let tiers = |weights: &[f64]| Tiers::new(0.1, weights.to_vec()).unwrap();
        law("corners", &grid, &grid.corners(1e-2).unwrap());
        law("corners easy", &grid, &Corners::easy(grid));
        law("corners hard", &grid, &Corners::hard(grid));
        law("cosines", &grid, &grid.cosines());
        law("sparse", &grid, &Sparse::new(grid, 1e-12).unwrap());
        law(
            "deceptive",
            &grid,
            &Deceptive::new(grid, 1e-5, 0.1, 2.0).unwrap(),
        );
        let xor = BitwiseXor::new(grid, tiers(&[1.0, 10.0]), vec![(0, 1), (0, 3)]).unwrap();
        law("bitwise xor", &grid, &xor);
        let corrupted = Corrupted::new(xor, 0.2, Seed::new(137)).unwrap();
        law("corrupted", &grid, &corrupted);
        let coprime = MultiplicativeCoprime::new(grid, tiers(&[1.0]), vec![2, 3, 5], vec![1]);
        law("multiplicative coprime", &grid, &coprime.unwrap());
        let scales = ConditionalMultiscale::new(grid, tiers(&[1.0, 10.0]), 4, 2, Seed::new(42));
        law(
            "conditional multiscale",
            &grid,
            &scales.unwrap().with_rules(2).unwrap(),
        );
        let random = UniformRandom::new(grid, 0.1, 2.0, 0.01, Seed::new(42)).unwrap();
        law("uniform random", &grid, &random);
        law(
            "branin currin",
            &grid,
            &BraninCurrin::new(grid, [0.4, 0.6], 8.0).unwrap(),
        );
    }
}

#[test]
fn bit_sequences() {
    let modes = BitSequence::new(8, 2)
        .unwrap()
        .modes(3, Seed::new(0))
        .unwrap();
    let reward = NearestMode::exponential(modes, Distance::Hamming).unwrap();
    let tree = BitSequence::new(8, 2).unwrap().enumerate(1000).unwrap();
    let expected = law("left to right", &tree, &reward);
    for word in [1, 2, 4] {
        let env = AnyOrderBits::new(8, word).unwrap();
        let log_z = law("any order", &env, &env.reward(reward.clone()));
        assert!((log_z - expected).abs() < 1e-10);
    }
}

/// One landscape over four graphs of the same objects: log Z is the same.
#[test]
fn sequences() {
    let reward = Landscape::new(3, 5, Seed::new(7)).unwrap();
    let log_z = [
        law("append", &AppendSequence::new(3, 5).unwrap(), &reward),
        law(
            "both ends, by action",
            &PrependAppend::new(3, 5, EdgeCount::Actions).unwrap(),
            &reward,
        ),
        law(
            "both ends, by child",
            &PrependAppend::new(3, 5, EdgeCount::Children).unwrap(),
            &reward,
        ),
        law("insertion", &Insertion::new(3, 5).unwrap(), &reward),
    ];
    assert!(
        log_z.iter().all(|z| (z - log_z[0]).abs() < 1e-10),
        "{log_z:?}"
    );
    let env = AppendSequence::between(2, 1, 5).unwrap();
    law(
        "append, 1 to 5",
        &env,
        &FromFn(|s: &anabranch_envs::sequence::Letters| -(s.len() as f64)),
    );
    let env = AppendSequence::between(1, 0, 4).unwrap();
    // 1 + 1 + 1 + 1 + 1 objects of reward 1.
    let log_z = law(
        "one letter",
        &env,
        &FromFn(|_: &anabranch_envs::sequence::Letters| 0.0),
    );
    assert!((log_z - 5_f64.ln()).abs() < 1e-12);
}

#[test]
fn bags() {
    let reward = RepeatedLetter::new(4).unwrap();
    let log_z = law("bag 7, 7", &Bags::new(7, 7).unwrap(), &reward);
    assert!((log_z - 9.101784).abs() < 1e-6);
    law("bag 1, 3", &Bags::new(1, 3).unwrap(), &reward);
}

#[test]
fn sets() {
    let energy = QuadraticEnergy::random(8, Seed::new(0)).unwrap();
    law("set of 8", &Subsets::up_to(8, 8).unwrap(), &energy);
    law("set of 8, up to 3", &Subsets::up_to(8, 3).unwrap(), &energy);
    law(
        "set of 8, exactly 5",
        &Subsets::exactly(8, 5).unwrap(),
        &energy,
    );
    law(
        "set of 8, 2 to 4",
        &Subsets::between(8, 2, 4).unwrap(),
        &energy,
    );
    // (1 + e^-1)^6: items of energy 1 each on their own.
    let lone = FromFn(|s: &Subset| -(s.len() as f64));
    let log_z = law("lone items", &Subsets::up_to(6, 6).unwrap(), &lone);
    assert!((log_z - 6.0 * (-1_f64).exp().ln_1p()).abs() < 1e-12);
}

#[test]
fn trees() {
    for (branching, depth) in [(2, 1), (2, 6), (5, 3)] {
        let tree = PerfectTree::new(branching, depth).unwrap();
        let rewards: Vec<f64> = (1..=tree.num_leaves()).map(|i| i as f64).collect();
        let sum: f64 = rewards.iter().sum();
        let rewards = LeafRewards::new(tree, rewards).unwrap();
        let log_z = law("perfect tree", &tree, &rewards);
        assert!((log_z - sum.ln()).abs() < 1e-10);
    }
}

/// log Z by the sweep over all states against that by summing variables out.
#[test]
fn spins_and_factors() {
    for (side, coupling) in [(2, 0.4), (3, 0.2), (3, -0.3)] {
        let ising = Ising::new(side, coupling).unwrap();
        let log_z = law("ising", &ising.env(), &ising);
        assert!((log_z - ising.log_z().unwrap()).abs() < 1e-10);
    }
    for (variables, values) in [(6, 2), (4, 4)] {
        let chain = Factors::random_chain(variables, values, Seed::new(1)).unwrap();
        let log_z = law("factor chain", &chain.env(), &chain);
        assert!((log_z - chain.log_z().unwrap()).abs() < 1e-10);
    }
}
