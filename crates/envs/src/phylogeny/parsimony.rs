//! Trees that need few mutations.

use anabranch_core::{Reward, RewardError};

use super::{Alignment, Forest};
use crate::EnvError;

/// log R(tree) = (offset - mutations) / temperature, in nats, with the least number of mutations that
/// explain an alignment on the tree (Fitch 1971), as in arXiv 2310.08774.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsimony {
    alignment: Alignment,
    offset: f64,
    temperature: f64,
}

impl Parsimony {
    /// The reward of trees over the taxa of `alignment`.
    ///
    /// # Errors
    /// An `offset` that is not finite or a `temperature` that is not positive.
    pub fn new(alignment: Alignment, offset: f64, temperature: f64) -> Result<Self, EnvError> {
        if !offset.is_finite() {
            return Err(EnvError::out_of_range("offset", offset, "finite"));
        }
        if !(temperature.is_finite() && temperature > 0.0) {
            let expected = "positive and finite";
            return Err(EnvError::out_of_range("temperature", temperature, expected));
        }
        Ok(Self {
            alignment,
            offset,
            temperature,
        })
    }

    /// The sequences.
    pub fn alignment(&self) -> &Alignment {
        &self.alignment
    }

    /// The least number of mutations inside the trees of `forest`, which need not be complete: what a
    /// forward-looking objective counts so far.
    ///
    /// # Complexity
    /// One pass over the sites for each inner node.
    ///
    /// # Panics
    /// If the forest has a taxon that the alignment has not.
    pub fn mutations(&self, forest: &Forest) -> usize {
        let mut done: Vec<(u32, Vec<u8>)> = Vec::with_capacity(forest.clades().len());
        let mut total = 0;
        for &clade in forest.clades() {
            let (left, right) = forest.children(clade);
            let sites = |tree: u32| match done.iter().find(|(known, _)| *known == tree) {
                Some((_, sites)) => sites.as_slice(),
                None => self.alignment.sites(tree.trailing_zeros() as usize),
            };
            let mut above = Vec::with_capacity(self.alignment.num_sites());
            for (a, b) in sites(left).iter().zip(sites(right)) {
                total += usize::from(a & b == 0);
                above.push(if a & b == 0 { a | b } else { a & b });
            }
            done.push((clade, above));
        }
        total
    }
}

impl Reward<Forest> for Parsimony {
    fn log_reward(&self, objects: &[Forest]) -> Result<Vec<f64>, RewardError> {
        let taxa = self.alignment.taxa();
        let value = |forest: &Forest| {
            let all = u32::MAX >> (u32::BITS as usize - taxa);
            if forest.clades().last() != Some(&all) {
                return Err(RewardError::Failed {
                    object: format!("{forest:?}"),
                    reason: format!("it is not one tree of the {taxa} taxa of the alignment"),
                });
            }
            Ok((self.offset - self.mutations(forest) as f64) / self.temperature)
        };
        objects.iter().map(value).collect()
    }
}
