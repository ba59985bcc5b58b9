//! Aligned DNA sequences, read or evolved.

use anabranch_core::Seed;
use rand::RngExt;

use super::check_taxa;
use crate::EnvError;

/// What a letter may be: A, C, G, T are bits 0 to 3, a gap is bit 4, and the ambiguous letters of the
/// IUPAC are unions. U is T.
const LETTERS: [(u8, u8); 18] = [
    (b'A', 1),
    (b'C', 2),
    (b'G', 4),
    (b'T', 8),
    (b'U', 8),
    (b'R', 5),
    (b'Y', 10),
    (b'S', 6),
    (b'W', 9),
    (b'K', 12),
    (b'M', 3),
    (b'B', 14),
    (b'D', 13),
    (b'H', 11),
    (b'V', 7),
    (b'N', 31),
    (b'?', 31),
    (b'-', 16),
];

/// n named sequences of one length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alignment {
    names: Vec<String>,
    /// `[n, sites]`; what each letter may be, as bits.
    sites: Vec<Vec<u8>>,
}

impl Alignment {
    /// Sequences by name. A gap is a fifth letter, `N` and `?` may be anything.
    ///
    /// # Errors
    /// Fewer than two or too many sequences, sequences of different lengths or none, or a letter that
    /// is not DNA.
    pub fn new(sequences: &[(String, String)]) -> Result<Self, EnvError> {
        check_taxa(sequences.len())?;
        let length = sequences[0].1.len();
        let bad = |reason| EnvError::BadData { reason };
        let mut sites = Vec::with_capacity(sequences.len());
        for (name, sequence) in sequences {
            if sequence.len() != length || length == 0 {
                return Err(bad(format!(
                    "the sequence {name} has {} letters and the first {length}; align them to one length \
                     above 0",
                    sequence.len()
                )));
            }
            let mut row = Vec::with_capacity(length);
            for (place, letter) in sequence.bytes().enumerate() {
                let upper = letter.to_ascii_uppercase();
                let known = LETTERS.iter().find(|(known, _)| *known == upper);
                let &(_, bits) = known.ok_or_else(|| {
                    bad(format!(
                        "letter {} of the sequence {name} is {:?}; DNA has ACGT, the IUPAC codes and -",
                        place + 1,
                        char::from(letter)
                    ))
                })?;
                row.push(bits);
            }
            sites.push(row);
        }
        let names = sequences.iter().map(|(name, _)| name.clone()).collect();
        Ok(Self { names, sites })
    }

    /// Reads sequences in FASTA: a line `>name`, then the letters on any number of lines.
    ///
    /// # Errors
    /// Letters before the first name, and those of [`new`](Self::new).
    pub fn from_fasta(text: &str) -> Result<Self, EnvError> {
        let mut sequences: Vec<(String, String)> = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if let Some(name) = line.strip_prefix('>') {
                let name = name.split_whitespace().next().unwrap_or_default();
                sequences.push((name.to_owned(), String::new()));
            } else if let Some((_, sequence)) = sequences.last_mut() {
                sequence.extend(line.split_whitespace());
            } else if !line.is_empty() {
                return Err(EnvError::BadData {
                    reason: format!("line {number} comes before the first name; begin with >name"),
                });
            }
        }
        Self::new(&sequences)
    }

    /// Sequences of `length` random letters, evolved down a random tree that joins `taxa` taxa pair by
    /// pair: on every branch each letter becomes one of the three others with probability `mutation`.
    ///
    /// # Errors
    /// `taxa` out of range, no letters, or a `mutation` outside 0 to 1.
    pub fn evolve(taxa: usize, length: usize, mutation: f64, seed: Seed) -> Result<Self, EnvError> {
        check_taxa(taxa)?;
        if length == 0 {
            return Err(EnvError::out_of_range("length", length, "at least 1"));
        }
        if !(0.0..=1.0).contains(&mutation) {
            return Err(EnvError::out_of_range("mutation", mutation, "0 to 1"));
        }
        let mut stream = seed.stream("alignment", &[taxa as u64, length as u64]);
        let ancestor: Vec<u8> = (0..length)
            .map(|_| 1 << stream.random_range(0..4))
            .collect();
        // Read from the root: a random one of the lineages splits until there are enough.
        let mut sites = vec![ancestor];
        while sites.len() < taxa {
            let parent = sites.swap_remove(stream.random_range(0..sites.len()));
            for _ in 0..2 {
                let mut child = parent.clone();
                for letter in &mut child {
                    if stream.random::<f64>() < mutation {
                        let turned = letter.trailing_zeros() + stream.random_range(1..4_u32);
                        *letter = 1 << (turned % 4);
                    }
                }
                sites.push(child);
            }
        }
        let names = (0..taxa).map(|i| format!("t{i}")).collect();
        Ok(Self { names, sites })
    }

    /// `[n]` names of the taxa.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of taxa n.
    pub fn taxa(&self) -> usize {
        self.names.len()
    }

    /// Letters of each sequence.
    pub fn num_sites(&self) -> usize {
        self.sites[0].len()
    }

    /// What each letter of a taxon may be: bits 0 to 3 for A, C, G, T and bit 4 for a gap.
    ///
    /// # Panics
    /// If there is no such taxon.
    pub fn sites(&self, taxon: usize) -> &[u8] {
        &self.sites[taxon]
    }
}
