//! The Markov chains that GFlowNets are compared with.

use anabranch_core::{Discrete, Enumerable, Environment};
use rand::RngExt;

use anabranch_core::rng::{Seed, Stream};

/// Metropolis-Hastings over objects: one step forward or back along an edge of the environment.
///
/// Bengio et al. 2021, arXiv 2106.04399, section 4.1: on a grid, uniform over the moves of +1 and -1,
/// all chains beginning at the source. Moves off the grid are never proposed; the acceptance
/// min(1, R' n / (R n')), where n counts the neighbours, makes up for it, so that R / Z is left
/// unchanged. Every state has to be a complete object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metropolis {
    /// Chains, independent of each other.
    pub chains: usize,
    /// Steps of each chain that are not counted.
    pub burn_in: u64,
}

impl Metropolis {
    /// The chains of the paper's comparison: 16, counted from their first step.
    pub fn paper() -> Self {
        Self {
            chains: 16,
            burn_in: 0,
        }
    }

    /// `[N]` how often each state of `env` was visited, in the order of its `index`, after `visits` steps
    /// of all chains together (rounded up to the same number for each).
    ///
    /// # Panics
    /// If a state is no complete object.
    pub fn run<E: Enumerable>(
        &self,
        env: &E,
        log_reward: impl Fn(&E::State) -> f64,
        visits: u64,
        seed: Seed,
    ) -> Vec<u64> {
        let mut counts = vec![0; env.num_states()];
        let steps = visits.div_ceil(self.chains as u64);
        for chain in 0..self.chains {
            let mut rng = seed.stream("metropolis", &[chain as u64]);
            let mut here = Place::new(env, env.source(), &log_reward);
            for step in 0..self.burn_in + steps {
                here = here.next(env, &log_reward, &mut rng);
                if step >= self.burn_in {
                    counts[env.index(&here.state)] += 1;
                }
            }
        }
        counts
    }
}

/// Where a chain is.
struct Place<E: Environment> {
    state: E::State,
    log_reward: f64,
    forward: Vec<E::Action>,
    backward: Vec<E::Action>,
}

impl<E: Discrete> Place<E> {
    fn new(env: &E, state: E::State, log_reward: &impl Fn(&E::State) -> f64) -> Self {
        assert!(env.can_stop(&state), "every state is a complete object");
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        env.actions(&state, &mut forward);
        env.parents(&state, &mut backward);
        Self {
            log_reward: log_reward(&state),
            state,
            forward,
            backward,
        }
    }

    fn neighbours(&self) -> usize {
        self.forward.len() + self.backward.len()
    }

    fn next(self, env: &E, log_reward: &impl Fn(&E::State) -> f64, rng: &mut Stream) -> Self {
        let choice = rng.random_range(0..self.neighbours());
        let mut state = self.state.clone();
        match self.forward.get(choice) {
            Some(&action) => env.step(&mut state, action),
            None => env.undo(&mut state, self.backward[choice - self.forward.len()]),
        }
        let there = Self::new(env, state, log_reward);
        let ratio = (self.neighbours() as f64 / there.neighbours() as f64).ln();
        let log_accept = there.log_reward - self.log_reward + ratio;
        if rng.random::<f64>().ln() < log_accept {
            there
        } else {
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Exact;
    use anabranch_envs::hypergrid::{Hypergrid, Terminal};

    #[test]
    fn long_chains_draw_from_the_target() {
        let grid = Hypergrid::new(2, 5, Terminal::All).expect("a grid");
        let reward = grid.corners(0.1).expect("a reward");
        let log_reward = |cell: &_| reward.reward(cell).ln();
        let exact = Exact::new(&grid, log_reward).expect("writes down");
        let metropolis = Metropolis::paper();
        let counts = metropolis.run(&grid, log_reward, 400_000, Seed::new(0));
        assert_eq!(counts.iter().sum::<u64>(), 400_000);
        // Without the ratio of neighbours the corners come up too rarely: 0.14 then.
        let tv = exact.total_variation_of_counts(&counts);
        assert!(tv < 0.03, "{tv}");
        assert_eq!(
            counts,
            metropolis.run(&grid, log_reward, 400_000, Seed::new(0))
        );
    }
}
