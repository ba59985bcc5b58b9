//! Bit sequences as a task.

use anabranch_core::exact::Dag;
use anabranch_core::rng::Stream;
use anabranch_core::{Reward, Seed};
use anabranch_envs::bit_sequence::{BitSequence, Bits, Distance, NearestMode};
use anabranch_learn::policy::Perceptron;

use crate::config::Config;
use crate::config::schema::{BitDistance, BitSequenceConfig, EnvConfig};
use crate::error::{Result, TaskError};
use crate::export::{Names, names};
use crate::task::{Column, Described, EXACT_LIMIT, Scored, Task, mlp_config};

/// See the module's description.
pub struct BitSequenceTask {
    env: BitSequence,
    reward: NearestMode,
}

impl BitSequenceTask {
    /// Sets up strings and modes; the modes are drawn from `seed`.
    ///
    /// # Errors
    /// Where the sizes are impossible.
    pub fn new(config: &BitSequenceConfig, seed: Seed) -> Result<Self> {
        let env = BitSequence::new(config.bits, config.word)?;
        let modes = env.modes(config.modes, seed)?;
        let distance = match config.distance {
            BitDistance::Hamming => Distance::Hamming,
            BitDistance::Edit => Distance::Edit,
        };
        Ok(Self {
            env,
            reward: NearestMode::normalised(modes, distance, config.sharpness)?,
        })
    }
}

impl Task for BitSequenceTask {
    type Env = BitSequence;
    type Model = Perceptron<BitSequence>;

    fn env(&self) -> &BitSequence {
        &self.env
    }

    fn model(&self, config: &Config, conditions: usize, rng: &mut Stream) -> Self::Model {
        let log_z = config.policy.log_z;
        Perceptron::new(&self.env, conditions, mlp_config(config), log_z, rng)
    }

    fn object_name(&self) -> &'static str {
        "bits"
    }

    fn columns(&self) -> Vec<Column> {
        vec![Column {
            name: "distance_to_mode".into(),
            unit: "bits",
        }]
    }

    fn score(&self, bits: &Bits) -> Result<Scored> {
        let log_reward = self
            .reward
            .log_reward(std::slice::from_ref(bits))
            .map_err(|e| TaskError::Request(e.to_string()))?[0];
        Ok(Scored {
            log_reward,
            log_multiplicity: 0.0,
            values: vec![self.reward.nearest(bits).1 as f64],
        })
    }

    fn describe(&self, bits: &Bits) -> Result<Described> {
        Ok(Described {
            text: bits.to_string(),
            molecule: None,
        })
    }

    fn names(&self, config: &Config) -> Names {
        let EnvConfig::BitSequence(env) = &config.env else {
            return Names::new();
        };
        let bit = |i| (0..2).map(move |value| format!("bit {i} is {value}"));
        let mut features: Vec<String> = (0..env.bits).flat_map(bit).collect();
        features.extend((0..=env.bits / env.word).map(|count| format!("{count} words")));
        let words = 0..1_usize << env.word;
        let width = env.word;
        names::fixed(
            features,
            words
                .map(|word| format!("append {word:0width$b}"))
                .collect(),
        )
    }

    fn dag(&self) -> Result<Option<Dag<Bits>>> {
        // Too many states is not an error here: the exact distribution is then left out.
        match self.env.enumerate(EXACT_LIMIT) {
            Ok(listed) => Ok(Some(Dag::new(&listed)?)),
            Err(_) => Ok(None),
        }
    }
}
