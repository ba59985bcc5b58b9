//! Proximal policy optimisation with an entropy bonus: the learner that collapses.

use anabranch_core::{Environment, Frontier, Move, Trajectories};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{Model, ScoresGrad};
use anabranch_learn::score::visited;
use anabranch_learn::segment::log_softmax_rows;
use anyhow::Context as _;

use crate::context::Context;

/// PPO (Schulman et al. 2017, arXiv 1707.06347) on complete trajectories, as the baseline of Bengio et
/// al. 2021 (arXiv 2106.04399): the return of every step is R(x), undiscounted, its advantage R(x) less
/// the value of the state, which is the model's flow head.
#[derive(Clone, Debug)]
pub struct Ppo {
    /// Batches drawn.
    pub steps: u64,
    /// Gradient steps on each batch, all of its transitions in each.
    pub epochs: usize,
    /// The ratio of probabilities is held to 1 - clip ..= 1 + clip.
    pub clip: f64,
    /// Weight of the mean entropy of the policy in the visited states.
    pub entropy: f64,
    /// Optimiser.
    pub adam: AdamConfig,
}

impl Ppo {
    /// Trains `model`, which needs a flow head: `sampler(model, step)` draws from its policy and
    /// `reward(object)` is R(x), no logarithm.
    ///
    /// # Errors
    /// Where sampling or a step fails, and where the run was interrupted.
    pub fn run<M: Model>(
        &self,
        context: &Context<'_>,
        env: &M::Env,
        model: &mut M,
        mut sampler: impl FnMut(&M, u64) -> anyhow::Result<Trajectories<M::Env>>,
        reward: impl Fn(&<M::Env as Environment>::State) -> f64,
    ) -> anyhow::Result<()> {
        let mut adam = Adam::new(self.adam.clone(), model.params());
        for step in 0..self.steps {
            if step % 20 == 0 {
                context.progress("PPO", step, self.steps)?;
            }
            let drawn = sampler(model, step)?;
            let frontier = visited(env, &drawn);
            let taken = places(&frontier, &drawn)?;
            let returns: Vec<f64> = (0..drawn.len())
                .flat_map(|i| vec![reward(drawn.object(i)); drawn.states.row(i).len()])
                .collect();
            let before = model.scores(&frontier)?;
            let old = log_softmax_rows(&frontier.moves, &before.moves);
            let values = before.log_flow.context("PPO needs a flow head")?;
            let advantages: Vec<f64> = returns.iter().zip(&values).map(|(g, v)| g - v).collect();
            for _ in 0..self.epochs {
                let gradients = {
                    let (scores, pullback) = model.forward(&frontier)?;
                    let log_pf = log_softmax_rows(&frontier.moves, &scores.moves);
                    let count = taken.len() as f64;
                    let values = scores.log_flow.context("PPO needs a flow head")?;
                    let errors = values.iter().zip(&returns).map(|(v, g)| (v - g) / count);
                    pullback(&ScoresGrad {
                        moves: self.slopes(&frontier, &taken, &old, &log_pf, &advantages),
                        parents: scores.parents.map(|p| vec![0.0; p.len()]),
                        log_flow: Some(errors.collect()),
                    })
                };
                adam.update(model.params_mut(), &gradients)?;
            }
        }
        Ok(())
    }

    /// `[M]` slope of the clipped surrogate and of the entropy over the scores.
    fn slopes<E: anabranch_core::Discrete>(
        &self,
        frontier: &Frontier<'_, E>,
        taken: &[usize],
        old: &[f64],
        log_pf: &[f64],
        advantages: &[f64],
    ) -> Vec<f64> {
        let count = taken.len() as f64;
        let mut slopes = vec![0.0; log_pf.len()];
        for (row, (&place, &advantage)) in taken.iter().zip(advantages).enumerate() {
            let range = frontier.moves.range(row);
            let ratio = (log_pf[place] - old[place]).exp();
            let held = ratio.clamp(1.0 - self.clip, 1.0 + self.clip);
            // The smaller of the two surrogates is maximised; a held one has no slope.
            let slope = match ratio * advantage <= held * advantage {
                true => -ratio * advantage,
                false => 0.0,
            };
            let entropy: f64 = -log_pf[range.clone()]
                .iter()
                .map(|l| l.exp() * l)
                .sum::<f64>();
            for index in range {
                let p = log_pf[index].exp();
                slopes[index] -= slope * p / count;
                slopes[index] += self.entropy * p * (log_pf[index] + entropy) / count;
            }
            slopes[place] += slope / count;
        }
        slopes
    }
}

/// `[E]` places among all moves of those that were taken.
fn places<E: anabranch_core::Discrete>(
    frontier: &Frontier<'_, E>,
    drawn: &Trajectories<E>,
) -> anyhow::Result<Vec<usize>> {
    let taken = drawn.moves.items().iter().zip(&frontier.states);
    let place = |(row, (edge, state)): (usize, (&Move<E::Action>, &E::State))| {
        let wanted = match *edge {
            Move::Stop => Move::Stop,
            Move::Apply(action) => Move::Apply(frontier.env.listed_action(state, action)),
        };
        let moves = frontier.moves.row(row);
        let place = moves.iter().position(|m| *m == wanted);
        let place = place.with_context(|| format!("{edge:?} is not listed in {state:?}"))?;
        Ok(frontier.moves.range(row).start + place)
    };
    taken.enumerate().map(place).collect()
}
