//! Measured sequences as a task: TFBind8 and the five-block molecules of QM9, every object of which
//! has its score in a file.

use anabranch_core::Enumerable;
use anabranch_core::data::data_file;
use anabranch_core::encode::VectorEncoded;
use anabranch_core::exact::Dag;
use anabranch_core::rng::Stream;
use anabranch_envs::sequence::Letters;
use anabranch_envs::table::SequenceTable;
use anabranch_learn::policy::Perceptron;

use crate::config::Config;
use crate::config::schema::EnvConfig;
use crate::error::{Result, TaskError};
use crate::export::{Names, names};
use crate::sequences::Alphabet;
use crate::task::{Column, Described, Scored, Task, mlp_config};

/// Where the scores of TFBind8 stand below the data folder.
pub const TFBIND8: &str = "tfbind8/six6_ref_r1.csv.gz";
/// Where the scores of QM9's five-block molecules stand below the data folder.
pub const QM9: &str = "qm9/qm9_blocks5.csv.gz";

/// The table of `task` out of the data folder.
///
/// # Errors
/// Where the folder has no such file, or the file is not that table.
pub fn tfbind8() -> Result<SequenceTable> {
    Ok(SequenceTable::tfbind8(&data_file(TFBIND8)?)?)
}

/// As [`tfbind8`].
///
/// # Errors
/// The same.
pub fn qm9() -> Result<SequenceTable> {
    Ok(SequenceTable::qm9_blocks5(&data_file(QM9)?)?)
}

/// See the module's description; `E` says in which order letters are put together.
pub struct TableTask<E> {
    env: E,
    table: SequenceTable,
    alphabet: Alphabet,
    object: &'static str,
}

impl<E> TableTask<E> {
    /// `object` names a sequence in files.
    ///
    /// # Errors
    /// Where the table's letters are no alphabet.
    pub fn new(env: E, table: SequenceTable, object: &'static str) -> Result<Self> {
        Ok(Self {
            env,
            alphabet: Alphabet::of_characters(table.alphabet())?,
            table,
            object,
        })
    }
}

impl<E: Enumerable<State = Letters> + VectorEncoded> Task for TableTask<E> {
    type Env = E;
    type Model = Perceptron<E>;

    fn env(&self) -> &E {
        &self.env
    }

    fn model(&self, config: &Config, conditions: usize, rng: &mut Stream) -> Self::Model {
        let log_z = config.policy.log_z;
        Perceptron::new(&self.env, conditions, mlp_config(config), log_z, rng)
    }

    fn object_name(&self) -> &'static str {
        self.object
    }

    fn columns(&self) -> Vec<Column> {
        vec![Column {
            name: "score".into(),
            unit: "",
        }]
    }

    fn score(&self, letters: &Letters) -> Result<Scored> {
        let number = self.table.number(letters).ok_or_else(|| {
            TaskError::Request(format!(
                "{:?} has no score; the table holds sequences of {} letters",
                letters.text(self.table.alphabet()),
                self.table.length()
            ))
        })?;
        Ok(Scored {
            log_reward: self.table.rewards()[number].ln(),
            log_multiplicity: 0.0,
            values: vec![self.table.scores()[number]],
        })
    }

    fn describe(&self, letters: &Letters) -> Result<Described> {
        Ok(Described {
            text: letters.text(self.table.alphabet()),
            molecule: None,
        })
    }

    fn dag(&self) -> Result<Option<Dag<Letters>>> {
        Ok(Some(Dag::new(&self.env)?))
    }

    fn names(&self, config: &Config) -> Names {
        let order = match &config.env {
            EnvConfig::Sequences(env) => env.order,
            EnvConfig::Table(env) => env.order,
            _ => return Names::new(),
        };
        names::sequences(self.alphabet.tokens(), self.table.length(), order)
    }

    fn alphabet(&self) -> Option<&Alphabet> {
        Some(&self.alphabet)
    }
}
