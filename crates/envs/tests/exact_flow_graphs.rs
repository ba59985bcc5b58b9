//! The law of flows on every small environment: whatever the backward policy, the exact flow from the
//! source is the sum of the rewards, and its policy ends in each object in proportion to its reward.

use anabranch_core::exact::{self, Dag};
use anabranch_core::logspace::log_sum_exp;
use anabranch_core::{Enumerable, Reward, Seed};
use anabranch_envs::Enumerated;
use anabranch_envs::coloured_graph::{ColouredGraphs, GraphReward};
use anabranch_envs::dag::{
    BgePrior, Dags, LinearGaussianNetwork, LinearGaussianPrior, bge, linear_gaussian,
};
use anabranch_envs::phylogeny::{Alignment, Parsimony, Phylogeny};
use anabranch_envs::stochastic::NoisyGrid;

fn check<E: Enumerable>(env: &E, reward: &impl Reward<E::State>) {
    let dag = Dag::new(env).unwrap();
    let log_reward = dag.log_reward(reward).unwrap();
    let target = exact::target(&log_reward);
    for log_pb in [exact::uniform_log_pb(&dag), exact::max_entropy_log_pb(&dag)] {
        let solution = exact::exact_flows(&dag, &log_reward, &log_pb);
        let log_z = log_sum_exp(&log_reward);
        assert!(
            (solution.log_z - log_z).abs() < 1e-10,
            "{} {log_z}",
            solution.log_z
        );
        let found = exact::terminating_distribution(&dag, &solution.log_pf);
        for ((state, a), b) in dag.states().iter().zip(&found).zip(&target) {
            assert!(
                (a.exp() - b.exp()).abs() < 1e-10,
                "{state:?}: {a} and not {b}"
            );
        }
    }
}

#[test]
fn directed_acyclic_graphs() {
    for variables in 2..=4 {
        let env = Enumerated::new(Dags::new(variables).unwrap(), 1000).unwrap();
        let network = LinearGaussianNetwork::erdos_renyi(variables, 0.5, Seed::new(0)).unwrap();
        let data = network.sample(100, Seed::new(1)).unwrap();
        check(&env, &bge(&data, BgePrior::default()).unwrap());
        check(
            &env,
            &linear_gaussian(&data, LinearGaussianPrior::default()).unwrap(),
        );
    }
}

#[test]
fn coloured_graphs() {
    for nodes in 1..=5 {
        let env = Enumerated::new(ColouredGraphs::new(nodes).unwrap(), 1000).unwrap();
        for reward in [
            GraphReward::Constant,
            GraphReward::Count,
            GraphReward::Neighbors,
            GraphReward::Cliques,
        ] {
            check(&env, &reward);
        }
    }
}

#[test]
fn phylogenies() {
    for taxa in 2..=6 {
        let env = Enumerated::new(Phylogeny::new(taxa).unwrap(), 10_000).unwrap();
        let alignment = Alignment::evolve(taxa, 20, 0.2, Seed::new(0)).unwrap();
        check(&env, &Parsimony::new(alignment, 10.0, 4.0).unwrap());
    }
}

#[test]
fn noisy_grids() {
    let env = NoisyGrid::new(6, 0.2).unwrap();
    let dag = Dag::new(&env).unwrap();
    let agent = env.random_policy(&dag, 2.0, Seed::new(0));
    check(&env, &env.realisable_reward(&dag, &agent));
}
