//! Molecules as junction trees of fragments.

use std::fs;
use std::path::Path;

use anabranch_chem::{Descriptor, Fragment, Molecule, Vocabulary};
use anabranch_core::Enumerable;
use anabranch_core::exact::Dag;
use anabranch_core::rng::Stream;
use anabranch_envs::fragments::{EnumeratedFragments, Fragments, Tree};
use anabranch_learn::policy::{GraphTransformerConfig, NativeGraphTransformer};
use anabranch_oracles::{Measure, Property, PropertyReward};
use serde::Deserialize;

use crate::config::Config;
use crate::config::schema::{FragmentsConfig, RewardConfig};
use crate::error::{Result, TaskError};
use crate::export::Names;
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
    measures: Vec<Measure>,
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
        let mut properties = Vec::new();
        for (name, property) in &reward.properties {
            // What is no measure is a value of somebody else's score.
            if property.weight > 0.0
                && let Some(measure) = measure(name, reward)?
            {
                properties.push(Property {
                    measure,
                    weight: property.weight,
                    transform: property.transform(),
                });
            }
        }
        let mut measures: Vec<Measure> = properties.iter().map(|p| p.measure.clone()).collect();
        for descriptor in ALWAYS {
            if measures.iter().all(|m| m.name() != descriptor.name()) {
                measures.push(descriptor.into());
            }
        }
        Ok(Self {
            listed: listed(&env)?,
            env,
            reward: match elsewhere {
                true => None,
                false => {
                    let combine = reward.combine.into();
                    Some(PropertyReward::new(properties, combine, reward.floor)?)
                }
            },
            measures,
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

/// What a name measures; none where it is no measure of molecules.
fn measure(name: &str, config: &RewardConfig) -> Result<Option<Measure>> {
    let texts = |texts: &Option<Vec<String>>| texts.clone().unwrap_or_default();
    Ok(Some(match name {
        "seh" => Measure::seh().map_err(|error| {
            TaskError::Request(format!(
                "reward.seh cannot be measured: {error}; gfn data fetch seh_proxy gets the weights"
            ))
        })?,
        "similarity" => Measure::similarity(&texts(&config.target))?,
        "substructure" => Measure::substructure(&texts(&config.smarts))?,
        _ => match Descriptor::parse(name) {
            Ok(descriptor) => descriptor.into(),
            Err(_) => return Ok(None),
        },
    }))
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
        self.measures
            .iter()
            .map(|measure| Column {
                name: measure.name().to_string(),
                unit: match measure {
                    Measure::Descriptor(Descriptor::Mw) => "Da",
                    Measure::Descriptor(Descriptor::Tpsa) => "Å²",
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
        for measure in &self.measures[values.len()..] {
            values.push(measure.of(&molecule)?);
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

    fn names(&self, _config: &Config) -> Names {
        let fragments = self.env.vocabulary().fragments().iter();
        let fragments: Vec<String> = fragments.map(|f| f.smiles.clone()).collect();
        let mut nodes = fragments.clone();
        nodes.push("(empty tree)".into());
        let stems = self.env.max_stems();
        let end = |which: &str| -> Vec<String> {
            (0..stems)
                .map(|stem| format!("{which} end at stem {stem}"))
                .chain([format!("{which} end undecided")])
                .collect()
        };
        let join = |f: &String| format!("join {f} to this fragment");
        Names::from([
            ("nodes", nodes),
            ("edges", [end("own"), end("other")].concat()),
            ("node_forward", fragments.iter().map(join).collect()),
            (
                "edge_forward",
                (0..stems)
                    .map(|stem| format!("own end: stem {stem}"))
                    .collect(),
            ),
            (
                "node_backward",
                vec!["this fragment was joined last".into()],
            ),
            ("edge_backward", vec!["the own end was decided last".into()]),
        ])
    }

    fn dag(&self) -> Result<Option<Dag<Tree>>> {
        Ok(self
            .listed
            .as_ref()
            .map(|listed| Dag::new(&listed.trees))
            .transpose()?)
    }
}
