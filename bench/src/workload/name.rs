//! Names of workloads, sizes included; the scripts in `bench/peers` read the same ones.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};

use super::{Chemistry, Context, ExactGrid, Molecules, Workload};
use super::{bags, bit_sequence, fragments, hypergrid, ising, tfbind8};

/// A workload by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `hypergrid-<dims>x<side>-b<batch>`
    Hypergrid {
        /// Coordinates of a cell.
        dims: usize,
        /// Values of a coordinate.
        side: usize,
        /// Trajectories a step.
        batch: usize,
    },
    /// `bitseq-<bits>x<word>-b<batch>`: words in any order, scored by a transformer.
    BitSequence {
        /// Bits of a sequence.
        bits: usize,
        /// Bits of a word.
        word: usize,
        /// Trajectories a step.
        batch: usize,
    },
    /// `bits-<bits>-b<batch>`: bit by bit from left to right with a perceptron, so that a trajectory has
    /// as many moves as there are bits.
    Bits {
        /// Bits of a sequence.
        bits: usize,
        /// Trajectories a step.
        batch: usize,
    },
    /// `bags-<size>-b<batch>`: bags of 7 letters with a perceptron: as many moves as letters, and as many
    /// features of a state whatever its size.
    Bags {
        /// Letters in a bag.
        size: usize,
        /// Trajectories a step.
        batch: usize,
    },
    /// `tfbind8-b<batch>`
    TfBind8 {
        /// Trajectories a step.
        batch: usize,
    },
    /// `ising-<side>-b<batch>`
    Ising {
        /// Sites along a side.
        side: usize,
        /// Trajectories a step.
        batch: usize,
    },
    /// `fragments-b<batch>`
    Fragments {
        /// Trajectories a step.
        batch: usize,
    },
    /// `exact-<dims>x<side>`
    Exact {
        /// Coordinates of a cell.
        dims: usize,
        /// Values of a coordinate.
        side: usize,
    },
    /// `molecules-<parse|qed|sa|morgan>`
    Molecules(Chemistry),
}

impl Name {
    /// Sets the workload up; trains nothing yet, but for `exact`, which evaluates a trained policy.
    ///
    /// # Errors
    /// Sizes out of range, files that cannot be read, and `bitseq`, which is not there yet.
    pub fn workload(self, context: &Context) -> Result<Box<dyn Workload>> {
        Ok(match self {
            Self::Hypergrid { dims, side, batch } => {
                Box::new(hypergrid::hypergrid(dims, side, batch)?)
            }
            Self::BitSequence { bits, word, batch } => {
                Box::new(bit_sequence::any_order(bits, word, batch)?)
            }
            Self::Bits { bits, batch } => Box::new(bit_sequence::left_to_right(bits, batch)?),
            Self::Bags { size, batch } => Box::new(bags::bags(size, batch)?),
            Self::TfBind8 { batch } => Box::new(tfbind8::tfbind8(batch)?),
            Self::Ising { side, batch } => Box::new(ising::ising(side, batch)?),
            Self::Fragments { batch } => Box::new(fragments::fragments(batch)),
            Self::Exact { dims, side } => Box::new(ExactGrid::new(dims, side)?),
            Self::Molecules(what) => Box::new(Molecules::read(what, context)?),
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hypergrid { dims, side, batch } => write!(f, "hypergrid-{dims}x{side}-b{batch}"),
            Self::BitSequence { bits, word, batch } => write!(f, "bitseq-{bits}x{word}-b{batch}"),
            Self::Bits { bits, batch } => write!(f, "bits-{bits}-b{batch}"),
            Self::Bags { size, batch } => write!(f, "bags-{size}-b{batch}"),
            Self::TfBind8 { batch } => write!(f, "tfbind8-b{batch}"),
            Self::Ising { side, batch } => write!(f, "ising-{side}-b{batch}"),
            Self::Fragments { batch } => write!(f, "fragments-b{batch}"),
            Self::Exact { dims, side } => write!(f, "exact-{dims}x{side}"),
            Self::Molecules(what) => write!(f, "molecules-{what}"),
        }
    }
}

impl FromStr for Name {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some(name) = parse(text) else {
            bail!(
                "there is no workload `{text}`; there are hypergrid-2x20-b16, bitseq-120x8-b16, \
                 bits-64-b16, bags-60-b64, tfbind8-b16, ising-6-b16, fragments-b64, exact-4x8 (all with other \
                 numbers too), and molecules-parse, -qed, -sa, -morgan"
            );
        };
        Ok(name)
    }
}

fn parse(text: &str) -> Option<Name> {
    let words: Vec<&str> = text.split('-').collect();
    let batch = |word: &str| word.strip_prefix('b')?.parse().ok();
    let size = |word: &str| {
        let (a, b) = word.split_once('x')?;
        Some((a.parse().ok()?, b.parse().ok()?))
    };
    Some(match words[..] {
        ["hypergrid", sizes, b] => {
            let (dims, side) = size(sizes)?;
            let batch = batch(b)?;
            Name::Hypergrid { dims, side, batch }
        }
        ["bitseq", sizes, b] => {
            let (bits, word) = size(sizes)?;
            let batch = batch(b)?;
            Name::BitSequence { bits, word, batch }
        }
        ["bits", bits, b] => Name::Bits {
            bits: bits.parse().ok()?,
            batch: batch(b)?,
        },
        ["bags", size, b] => Name::Bags {
            size: size.parse().ok()?,
            batch: batch(b)?,
        },
        ["tfbind8", b] => Name::TfBind8 { batch: batch(b)? },
        ["ising", side, b] => Name::Ising {
            side: side.parse().ok()?,
            batch: batch(b)?,
        },
        ["fragments", b] => Name::Fragments { batch: batch(b)? },
        ["exact", sizes] => {
            let (dims, side) = size(sizes)?;
            Name::Exact { dims, side }
        }
        ["molecules", what] => Name::Molecules(Chemistry::parse(what)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_they_are_read() {
        for text in [
            "hypergrid-8x10-b256",
            "bitseq-120x8-b16",
            "bits-64-b16",
            "bags-60-b64",
            "tfbind8-b16",
            "ising-6-b16",
            "fragments-b64",
            "exact-4x8",
            "molecules-parse",
            "molecules-qed",
            "molecules-sa",
            "molecules-morgan",
        ] {
            let name: Name = text.parse().expect("a workload");
            assert_eq!(name.to_string(), text);
        }
        for text in [
            "hypergrid-8-b16",
            "hypergrid-2x8-16",
            "ising-b16",
            "molecules-mw",
            "",
        ] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }

    #[test]
    fn small_ones_of_each_kind_run() {
        for text in [
            "hypergrid-2x4-b4",
            "bits-8-b4",
            "bags-8-b4",
            "tfbind8-b4",
            "ising-3-b4",
            "fragments-b2",
            "exact-2x4",
        ] {
            let name: Name = text.parse().expect("a workload");
            let mut workload = name.workload(&Context::default()).expect("set up");
            let done = workload.unit().expect("done");
            assert_eq!(done.units, 1, "{text}");
            assert!(done.trajectories > 0 || text.starts_with("exact"), "{text}");
        }
    }
}
