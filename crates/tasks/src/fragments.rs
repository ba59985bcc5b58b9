//! Molecules as junction trees of fragments.

use std::fs;
use std::path::Path;

use anabranch_chem::{Descriptor, Fragment, Molecule, Vocabulary};
use anabranch_core::Enumerable;
use anabranch_core::exact::Dag;
use anabranch_core::rng::Stream;
use anabranch_envs::fragments::{EnumeratedFragments, Fragments, Tree};
use anabranch_learn::policy::{GraphTransformerConfig, NativeGraphTransformer};
use anabranch_oracles::{Property, PropertyReward};
use serde::Deserialize;

use crate::config::Config;
use crate::config::schema::{FragmentsConfig, RewardConfig};
use crate::error::{Result, TaskError};
use crate::task::{Column, Described, Scored, Task, objective};

/// See the module's description.
///
/// Objects of the environment are trees, and several trees can be one molecule (docs/adr/0001). Where
/// all trees can be written down, each tree is worth R(x) divided by the number of trees that give x, so
/// that a *molecule* comes out with probability R(x) / Z; elsewhere that number is taken as 1.
pub struct FragmentsTask {
    env: Fragments,
    /// None where somebody else says what molecules are worth.
    reward: Option<PropertyReward>,
    /// What is measured: the rewarded ones first.
    descriptors: Vec<Descriptor>,
    listed: Option<Listed>,
}

/// All trees, and how many of them give the same molecule as each.
struct Listed {
    trees: EnumeratedFragments,
    multiplicity: Vec<usize>,
}

/// Most trees that are written down.
const LISTED: usize = 20_000;
/// Most last choices, (fragments)^(nodes), for which writing them down is tried at all.
const TRIED: f64 = 1e7;

/// Descriptors that are always measured, rewarded or not.
const ALWAYS: [Descriptor; 4] = [
    Descriptor::Qed,
    Descriptor::Sa,
    Descriptor::Mw,
    Descriptor::LogP,
];

impl FragmentsTask {
    /// Sets up vocabulary and reward; where `elsewhere`, descriptors are measured and all molecules worth
    /// the same.
    ///
    /// # Errors
    /// Where the vocabulary cannot be read or the reward is impossible.
    pub fn new(env: &FragmentsConfig, reward: &RewardConfig, elsewhere: bool) -> Result<Self> {
        let vocabulary = match env.vocabulary.as_str() {
            "rp72" => Vocabulary::rp72(),
            path => read_vocabulary(Path::new(path))?,
        };
        let env = Fragments::new(vocabulary, env.max_nodes)?;
        let counts = reward.properties.iter().filter(|(_, p)| p.weight > 0.0);
        let wanted = counts.filter_map(|(name, _)| Descriptor::parse(name).ok());
        let mut descriptors: Vec<Descriptor> = wanted.collect();
        for descriptor in ALWAYS {
            if !descriptors.contains(&descriptor) {
                descriptors.push(descriptor);
            }
        }
        Ok(Self {
            listed: listed(&env)?,
            env,
            reward: match elsewhere {
                true => None,
                false => Some(property_reward(reward)?),
            },
            descriptors,
        })
    }

    fn molecule(&self, tree: &Tree) -> Result<Molecule> {
        Ok(self.env.molecule(tree)?)
    }
}

/// All trees of a small environment; `None` for a large one.
fn listed(env: &Fragments) -> Result<Option<Listed>> {
    if (env.vocabulary().len() as f64).powf(env.max_nodes() as f64) > TRIED {
        return Ok(None);
    }
    // Too many trees is not an error here: exact figures are then left out.
    let Ok(trees) = env.clone().enumerate(LISTED) else {
        return Ok(None);
    };
    let multiplicity = trees.molecule_multiplicity()?;
    Ok(Some(Listed {
        trees,
        multiplicity,
    }))
}

/// The reward of the settings.
fn property_reward(config: &RewardConfig) -> Result<PropertyReward> {
    let mut properties = Vec::new();
    for (name, property) in &config.properties {
        let descriptor = Descriptor::parse(name)?;
        properties.push(Property {
            descriptor,
            weight: property.weight,
            transform: property.transform(),
        });
    }
    Ok(PropertyReward::new(
        properties,
        config.combine.into(),
        config.floor,
    )?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FragmentEntry {
    smiles: String,
    stems: Vec<usize>,
}

fn read_vocabulary(path: &Path) -> Result<Vocabulary> {
    let file = |problem: String| TaskError::File {
        path: path.to_path_buf(),
        problem,
    };
    let text = fs::read_to_string(path).map_err(|e| {
        file(format!(
            "the vocabulary cannot be read: {e}; set env.vocabulary to rp72 or to a JSON file of \
             [{{\"smiles\": \"c1ccccc1\", \"stems\": [0, 1]}}, ...]"
        ))
    })?;
    let entries: Vec<FragmentEntry> =
        serde_json::from_str(&text).map_err(|e| file(format!("is not a vocabulary: {e}")))?;
    let fragments = entries
        .into_iter()
        .map(|entry| Fragment {
            smiles: entry.smiles,
            stems: entry.stems,
        })
        .collect();
    Vocabulary::new(fragments).map_err(|e| file(e.to_string()))
}

impl Task for FragmentsTask {
    type Env = Fragments;
    type Model = NativeGraphTransformer<Fragments>;

    fn env(&self) -> &Fragments {
        &self.env
    }

    fn model(&self, config: &Config, conditions: usize, rng: &mut Stream) -> Self::Model {
        let sizes = GraphTransformerConfig {
            width: config.policy.width,
            layers: config.policy.layers,
            heads: config.policy.heads,
            learned_backward: config.policy.backward.is_learned(),
            flow: objective(config).needs_flow(),
        };
        NativeGraphTransformer::new(&self.env, conditions, sizes, config.policy.log_z, rng)
    }

    fn object_name(&self) -> &'static str {
        "smiles"
    }

    fn columns(&self) -> Vec<Column> {
        self.descriptors
            .iter()
            .map(|&descriptor| Column {
                name: descriptor.name().to_string(),
                unit: match descriptor {
                    Descriptor::Mw => "Da",
                    Descriptor::Tpsa => "Å²",
                    _ => "",
                },
            })
            .collect()
    }

    fn score(&self, tree: &Tree) -> Result<Scored> {
        // Of trees that differ in their numbering the same atoms come in the same order: a score is that
        // of the molecule, to the last bit.
        let molecule = self.molecule(&self.env.canonical(tree))?;
        let (reward, mut values) = match &self.reward {
            Some(reward) => {
                let score = reward.score(&molecule)?;
                (score.reward, score.values)
            }
            None => (1.0, Vec::new()),
        };
        for descriptor in &self.descriptors[values.len()..] {
            values.push(descriptor.of(&molecule)?);
        }
        let multiplicity = self
            .listed
            .as_ref()
            .map_or(1, |listed| listed.multiplicity[listed.trees.index(tree)]);
        Ok(Scored {
            log_reward: reward.ln(),
            log_multiplicity: (multiplicity as f64).ln(),
            values,
        })
    }

    fn key(&self, tree: &Tree) -> Option<u128> {
        Some(self.env.key(tree))
    }

    fn describe(&self, tree: &Tree) -> Result<Described> {
        let molecule = self.molecule(tree)?;
        Ok(Described {
            text: molecule.smiles()?.to_string(),
            molecule: Some(molecule),
        })
    }

    fn dag(&self) -> Result<Option<Dag<Tree>>> {
        Ok(self
            .listed
            .as_ref()
            .map(|listed| Dag::new(&listed.trees))
            .transpose()?)
    }
}
