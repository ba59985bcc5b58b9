//! Rewards that were measured or computed for every sequence and stand in a table.
//!
//! TFBind8 and QM9 as strings, with the scalings of Shen et al. 2023 (arXiv 2305.07170).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anabranch_core::{Reward, RewardError};
use flate2::read::MultiGzDecoder;

use crate::EnvError;
use crate::counting::{in_range, power};
use crate::sequence::{Letters, MAX_LENGTH, object, object_number};

/// Most rows of a table.
pub const MAX_ROWS: usize = 1 << 24;

/// The letters of TFBind8, DNA.
pub const DNA: &str = "ACGT";

/// The letters of the QM9 strings: the eleven blocks, the last one `a`.
pub const QM9_BLOCKS: &str = "0123456789a";

/// What part of a table its modes are: the best 0.5 %.
const MODES: f64 = 0.005;

/// A score and a reward for every string of L letters of an alphabet.
#[derive(Clone, Debug)]
pub struct SequenceTable {
    alphabet: String,
    length: usize,
    /// `[K^L]` as they stand in the file, in the order of the letters.
    scores: Vec<f64>,
    /// `[K^L]`
    rewards: Vec<f64>,
}

impl SequenceTable {
    /// Reads a table with a header line and two columns, the sequence and its score, from a file that
    /// may be packed (`.gz`). Every string of `length` letters of `alphabet` must be there once. Rewards
    /// are `reward(scores)`, `[K^L]` in and out.
    ///
    /// # Errors
    /// Files that cannot be read, lines with something else, strings that are missing or there twice,
    /// scores that are not finite, and rewards that are not positive and finite.
    pub fn read(
        path: &Path,
        alphabet: &str,
        length: usize,
        reward: impl FnOnce(&[f64]) -> Vec<f64>,
    ) -> Result<Self, EnvError> {
        let scores = read_scores(path, alphabet, length)?;
        let rewards = reward(&scores);
        in_range(
            "number of rewards",
            rewards.len(),
            scores.len()..=scores.len(),
        )?;
        if let Some(number) = rewards
            .iter()
            .position(|&r| !(r.is_finite() && r.ln().is_finite()))
        {
            let text = object(number, alphabet.chars().count(), length).text(alphabet);
            return Err(EnvError::out_of_range(
                "a reward of a table",
                format!("{} for {text}", rewards[number]),
                "positive and finite",
            ));
        }
        Ok(Self {
            alphabet: alphabet.to_owned(),
            length,
            scores,
            rewards,
        })
    }

    /// TFBind8, the binding of DNA 8-mers to the factor SIX6 (65,536 E-scores of Barrera et al. 2016):
    /// R = max(10 (y / max y)^3, 0.001), where y is the E-score scaled to 0 and 1 at its least and
    /// greatest value, so that max y is 1.
    ///
    /// The file is `tfbind8/six6_ref_r1.csv.gz` of the data folder; see
    /// [`data_file`](anabranch_core::data::data_file).
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn tfbind8(path: &Path) -> Result<Self, EnvError> {
        Self::read(path, DNA, 8, |scores| {
            let (lowest, highest) = range(scores);
            let scaled = |score: &f64| (score - lowest) / (highest - lowest);
            let reward = |score| (10.0 * scaled(score).powi(3)).max(1e-3);
            scores.iter().map(reward).collect()
        })
    }

    /// QM9 as strings of five out of eleven blocks (161,051 values of a proxy of the HOMO-LUMO gap, from
    /// -2.77 to 17.37): R = c max(y, 0.001)^5, where y is the value as it stands in the table and c makes
    /// the greatest reward 100.
    ///
    /// Both arXiv 2305.07170 and the code of local search (arXiv 2310.02710) scale so; the latter divides
    /// y by its maximum only where it reports scores. Negative values all get the least reward,
    /// 6.3e-20 (log R = -44.2).
    ///
    /// The file is `qm9/qm9_blocks5.csv.gz` of the data folder; see
    /// [`data_file`](anabranch_core::data::data_file).
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn qm9_blocks5(path: &Path) -> Result<Self, EnvError> {
        Self::read(path, QM9_BLOCKS, 5, |scores| {
            let floored = |score: &f64| score.max(1e-3);
            let highest = floored(&range(scores).1);
            let reward = |score| 100.0 * (floored(score) / highest).powi(5);
            scores.iter().map(reward).collect()
        })
    }

    /// The characters of the letters.
    pub fn alphabet(&self) -> &str {
        &self.alphabet
    }

    /// Letters of the alphabet K.
    pub fn letters(&self) -> usize {
        self.alphabet.chars().count()
    }

    /// Length of the sequences L.
    pub fn length(&self) -> usize {
        self.length
    }

    /// `[K^L]` the scores as they stand in the file, in the order of the letters.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// `[K^L]` the rewards in the same order.
    pub fn rewards(&self) -> &[f64] {
        &self.rewards
    }

    /// The sequence at `number` in the order of the letters; `None` past the last.
    pub fn sequence(&self, number: usize) -> Option<Letters> {
        (number < self.rewards.len()).then(|| object(number, self.letters(), self.length))
    }

    /// The place of a sequence in that order; `None` for one of another length or alphabet.
    pub fn number(&self, sequence: &Letters) -> Option<usize> {
        object_number(sequence, self.letters(), self.length)
    }

    /// The modes: the best 0.5 % of all sequences by score, rounded to a whole number (328 of TFBind8,
    /// 805 of QM9, as in the published lists), best first and equal ones in the order of their letters.
    pub fn modes(&self) -> Vec<Letters> {
        let count = (self.scores.len() as f64 * MODES).round() as usize;
        let mut order: Vec<usize> = (0..self.scores.len()).collect();
        order.sort_by(|&a, &b| self.scores[b].total_cmp(&self.scores[a]));
        order.truncate(count);
        let letters = self.letters();
        let sequence = |number| object(number, letters, self.length);
        order.into_iter().map(sequence).collect()
    }
}

impl Reward<Letters> for SequenceTable {
    fn log_reward(&self, objects: &[Letters]) -> Result<Vec<f64>, RewardError> {
        let letters = self.letters();
        let score = |sequence: &Letters| {
            let number = object_number(sequence, letters, self.length);
            let number = number.ok_or_else(|| RewardError::Failed {
                object: sequence.text(&self.alphabet),
                reason: format!(
                    "it does not have {} letters out of {:?}",
                    self.length, self.alphabet
                ),
            })?;
            Ok(self.rewards[number].ln())
        };
        objects.iter().map(score).collect()
    }
}

/// Least and greatest of finite values.
fn range(values: &[f64]) -> (f64, f64) {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    let wider = |(low, high): (f64, f64), &v: &f64| (low.min(v), high.max(v));
    values.iter().fold(start, wider)
}

/// `[K^L]` scores by the order of the letters.
fn read_scores(path: &Path, alphabet: &str, length: usize) -> Result<Vec<f64>, EnvError> {
    let letters = alphabet.chars().count();
    in_range("length", length, 1..=MAX_LENGTH)?;
    let rows = power(letters, length);
    in_range("number of rows", rows, 1..=MAX_ROWS)?;
    let unreadable = |source| EnvError::Unreadable {
        file: path.to_owned(),
        source,
    };
    let bad = |line: u64, reason: String| EnvError::BadTable {
        file: path.to_owned(),
        line,
        reason,
    };
    let file = File::open(path).map_err(unreadable)?;
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let plain: Box<dyn Read> = if packed {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut scores = vec![f64::NAN; rows];
    let mut found = 0;
    let mut line = 1;
    for record in csv::Reader::from_reader(plain).into_records() {
        let record = record.map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(source) => unreadable(source),
            csv::ErrorKind::UnequalLengths { pos, len, .. } => bad(
                pos.map_or(line + 1, |pos| pos.line()),
                format!("{len} fields; a line has two, a sequence and its score"),
            ),
            other => bad(line + 1, format!("{other:?}; write it as UTF-8 text")),
        })?;
        line = record.position().map_or(line + 1, csv::Position::line);
        let (Some(text), Some(value), 2) = (record.get(0), record.get(1), record.len()) else {
            return Err(bad(
                line,
                format!(
                    "{} fields; a line has two, a sequence and its score",
                    record.len()
                ),
            ));
        };
        let sequence = Letters::from_text(text, alphabet).map_err(|e| bad(line, e.to_string()))?;
        let number = object_number(&sequence, letters, length).ok_or_else(|| {
            bad(
                line,
                format!("{text:?} must have {length} letters out of {alphabet:?}"),
            )
        })?;
        let score = value
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|score| score.is_finite());
        let score = score.ok_or_else(|| {
            bad(
                line,
                format!("the score of {text} is {value:?}; it must be a finite number"),
            )
        })?;
        if !scores[number].is_nan() {
            return Err(bad(
                line,
                format!("{text} is there twice; leave one of the lines"),
            ));
        }
        scores[number] = score;
        found += 1;
    }
    if let Some(missing) = scores.iter().position(|score| score.is_nan()) {
        let text = object(missing, letters, length).text(alphabet);
        let reason = format!(
            "the table ends with {found} of {rows} sequences, {text} being the first that is missing; \
             get the whole file"
        );
        return Err(bad(line, reason));
    }
    Ok(scores)
}
