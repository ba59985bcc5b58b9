//! Fresh trajectories with objects seen before among them.

use anabranch_core::buffer::{Entry, ReplayBuffer};
use anabranch_core::{Environment, Seed, Trajectories};
use anabranch_learn::policy::{Adapt, Model};
use anabranch_learn::step::{sample, sample_backward};

/// What every batch is made of: `fresh` trajectories of the model's policy, whose objects go into
/// `buffer`, and `replayed` ones that lead to objects of it.
pub struct Replay<'a, E: Environment, R> {
    /// Where it samples.
    pub env: &'a E,
    /// log R(x) in nats.
    pub log_reward: R,
    /// Every object seen so far, once.
    pub buffer: ReplayBuffer<E::State>,
    /// Fresh trajectories of a batch.
    pub fresh: usize,
    /// Objects of a batch that were seen before.
    pub replayed: usize,
    /// Probability of a uniform move in fresh trajectories.
    pub epsilon: f64,
    /// Seed of the streams "rollout", "replay" and "backward".
    pub seed: Seed,
}

impl<E: Environment, R: Fn(&E::State) -> f64> Replay<'_, E, R> {
    /// The fresh trajectories of `step`; their objects are in the buffer from then on.
    ///
    /// # Errors
    /// Where the model cannot score or a reward is not finite.
    pub fn fresh<M: Model<Env = E>>(
        &mut self,
        model: &M,
        step: u64,
    ) -> anyhow::Result<Trajectories<E>> {
        let explorer = model.epsilon(self.epsilon);
        let at = (self.seed, "rollout", step);
        let trajectories = sample(self.env, &explorer, &[], self.fresh, at)?;
        let entries = trajectories.objects().into_iter().map(|object| {
            let (key, log_reward) = (format!("{object:?}"), (self.log_reward)(&object));
            Entry::new(object, log_reward).with_key(key)
        });
        let entries: Vec<Entry<E::State>> = entries.collect();
        self.buffer.extend(entries)?;
        Ok(trajectories)
    }

    /// The objects that `step` trains on again.
    pub fn objects(&self, step: u64) -> Vec<E::State> {
        let mut stream = self.seed.stream("replay", &[step]);
        let drawn = self.buffer.sample(&mut stream, self.replayed);
        drawn
            .into_iter()
            .map(|entry| entry.object.clone())
            .collect()
    }

    /// The whole batch of `step`, the replayed trajectories drawn from the model's P_B, last.
    ///
    /// # Errors
    /// Those of [`fresh`](Self::fresh).
    pub fn batch<M: Model<Env = E>>(
        &mut self,
        model: &M,
        step: u64,
    ) -> anyhow::Result<Trajectories<E>> {
        let mut batch = self.fresh(model, step)?;
        if self.replayed > 0 {
            let at = (self.seed, "backward", step);
            let again = sample_backward(self.env, model, &self.objects(step), &[], at)?;
            batch.extend(again);
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_core::buffer::Priority;
    use anabranch_envs::bag::{Bags, RepeatedLetter};
    use anabranch_learn::policy::Tabular;

    #[test]
    fn a_batch_ends_in_objects_seen_before() {
        let env = Bags::new(3, 4).expect("bags");
        let reward = RepeatedLetter::new(3).expect("a reward");
        let mut replay = Replay {
            env: &env,
            log_reward: |bag: &_| reward.reward(bag).ln(),
            buffer: ReplayBuffer::new(100, Priority::TopTenth).expect("a buffer"),
            fresh: 6,
            replayed: 4,
            epsilon: 0.1,
            seed: Seed::new(0),
        };
        let model = Tabular::new(&env);
        for step in 0..20 {
            let batch = replay.batch(&model, step).expect("samples");
            assert_eq!(batch.len(), 10);
            let known: Vec<_> = replay.buffer.iter().map(|entry| entry.object).collect();
            assert!(batch.objects().iter().all(|object| known.contains(object)));
            assert_eq!(batch.objects()[6..], replay.objects(step));
        }
        // 15 bags of 4 letters out of 3, each kept once.
        assert!(replay.buffer.len() <= 15);
    }
}
