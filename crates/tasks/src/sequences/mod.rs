//! Sequences over the user's own alphabet, range of lengths and score.

mod alphabet;
pub mod score;
pub mod stats;

use std::collections::BTreeSet;

use anabranch_core::Enumerable;
use anabranch_core::encode::{TokenEncoded, VectorEncoded};
use anabranch_core::exact::Dag;
use anabranch_core::rng::Stream;
use anabranch_envs::sequence::{AppendSequence, EdgeCount, Insertion, Letters, PrependAppend};
use anabranch_learn::policy::{Either, Perceptron, SequenceTransformer, SequenceTransformerConfig};

pub use self::alphabet::{Alphabet, Kind};
pub use self::score::{SequenceScore, Worth};
use crate::config::Config;
use crate::config::schema::{EnvConfig, NetworkName, SequenceOrder, SequencesConfig};
use crate::error::Result;
use crate::export::{Names, names};
use crate::task::{
    Column, Described, EXACT_LIMIT, Judge, Scored, Task, Visit, mlp_config, objective,
};

/// See the module's description; `E` says in which order letters are put together.
pub struct SequencesTask<E> {
    env: E,
    alphabet: Alphabet,
    score: Box<dyn SequenceScore>,
    floor: f64,
}

impl<E> SequencesTask<E> {
    /// Sequences of `env`, whose letters are those of `alphabet`, worth max(score, `floor`).
    pub fn new(env: E, alphabet: Alphabet, score: Box<dyn SequenceScore>, floor: f64) -> Self {
        Self {
            env,
            alphabet,
            score,
            floor,
        }
    }
}

/// Sets up the task of `env` and hands it to `visitor`.
///
/// # Errors
/// Where there is no such score, alphabet or length, and where the visitor fails.
pub(crate) fn with_sequences<V: Visit>(
    env: &SequencesConfig,
    config: &Config,
    visitor: Judge<'_, V>,
) -> Result<V::Out> {
    let alphabet = Alphabet::parse(&env.alphabet)?;
    let score = match &config.oracle {
        None => score::built_in(config.reward.built_in.as_deref().unwrap_or("none"))?,
        Some(_) => score::elsewhere(),
    };
    let (min, max) = (env.min_length, env.max_length);
    score.fits(&alphabet, min, max)?;
    let (letters, floor) = (alphabet.tokens().len(), config.reward.floor);
    match env.order {
        SequenceOrder::Append => {
            let env = AppendSequence::between(letters, min, max)?;
            visitor.visit(SequencesTask::new(env, alphabet, score, floor))
        }
        SequenceOrder::PrependAppend => {
            let env = PrependAppend::between(letters, min, max, EdgeCount::Actions)?;
            visitor.visit(SequencesTask::new(env, alphabet, score, floor))
        }
        SequenceOrder::Insertion => {
            let env = Insertion::between(letters, min, max)?;
            visitor.visit(SequencesTask::new(env, alphabet, score, floor))
        }
    }
}

impl<E: Enumerable<State = Letters> + VectorEncoded + TokenEncoded> Task for SequencesTask<E> {
    type Env = E;
    type Model = Either<Perceptron<E>, SequenceTransformer<E>>;

    fn env(&self) -> &E {
        &self.env
    }

    fn model(&self, config: &Config, conditions: usize, rng: &mut Stream) -> Self::Model {
        let (policy, log_z) = (&config.policy, config.policy.log_z);
        match policy.network.unwrap_or(NetworkName::Mlp) {
            NetworkName::Mlp => {
                let sizes = mlp_config(config);
                Either::Left(Perceptron::new(&self.env, conditions, sizes, log_z, rng))
            }
            NetworkName::Transformer => {
                let sizes = SequenceTransformerConfig {
                    width: policy.width,
                    layers: policy.layers,
                    heads: policy.heads,
                    feed_forward: 4 * policy.width,
                    learned_backward: policy.backward.is_learned(),
                    flow: objective(config).needs_flow(),
                };
                let model = SequenceTransformer::new(&self.env, conditions, sizes, log_z, rng);
                Either::Right(model)
            }
        }
    }

    fn object_name(&self) -> &'static str {
        self.alphabet.object_name()
    }

    fn question_field(&self) -> (&'static str, bool) {
        ("sequence", false)
    }

    fn columns(&self) -> Vec<Column> {
        let length = Column {
            name: "length".to_owned(),
            unit: "letters",
        };
        self.score.columns().into_iter().chain([length]).collect()
    }

    fn score(&self, letters: &Letters) -> Result<Scored> {
        let worth = self.score.score(&self.alphabet.text(letters))?;
        let mut values = worth.values;
        values.push(letters.len() as f64);
        Ok(Scored {
            log_reward: worth.reward.max(self.floor).ln(),
            log_multiplicity: 0.0,
            values,
        })
    }

    /// The letters as digits 1 to K of one number, where it is small enough.
    fn key(&self, letters: &Letters) -> Option<u128> {
        let base = self.alphabet.tokens().len() as u128 + 1;
        letters
            .as_slice()
            .iter()
            .try_fold(0_u128, |number, &letter| {
                number
                    .checked_mul(base)?
                    .checked_add(u128::from(letter) + 1)
            })
    }

    fn describe(&self, letters: &Letters) -> Result<Described> {
        Ok(Described {
            text: self.alphabet.text(letters),
            molecule: None,
        })
    }

    fn dag(&self) -> Result<Option<Dag<Letters>>> {
        if self.env.num_states() > EXACT_LIMIT {
            return Ok(None);
        }
        Ok(Some(Dag::new(&self.env)?))
    }

    fn names(&self, config: &Config) -> Names {
        let order = match &config.env {
            EnvConfig::Sequences(env) => env.order,
            EnvConfig::Table(env) => env.order,
            _ => return Names::new(),
        };
        names::sequences(
            self.alphabet.tokens(),
            self.env.token_shape().positions,
            order,
        )
    }

    fn alphabet(&self) -> Option<&Alphabet> {
        Some(&self.alphabet)
    }

    fn facts(&self) -> Vec<(String, String)> {
        self.score.facts()
    }

    fn known(&self) -> Option<&BTreeSet<String>> {
        self.score.known()
    }
}
