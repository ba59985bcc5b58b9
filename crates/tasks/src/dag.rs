//! Structure learning as a task: directed acyclic graphs weighed by the data they explain.

use std::fs;
use std::path::Path;

use anabranch_core::Seed;
use anabranch_core::exact::Dag;
use anabranch_core::rng::Stream;
use anabranch_envs::Enumerated;
use anabranch_envs::dag::{
    BgePrior, Dags, Data, Digraph, LinearGaussianNetwork, LinearGaussianPrior, LocalScores, bge,
    linear_gaussian,
};
use anabranch_learn::policy::Perceptron;

use crate::config::Config;
use crate::config::schema::{DagConfig, DagScore};
use crate::error::{Result, TaskError};
use crate::export::{Names, names};
use crate::task::{Column, Described, Scored, Task, mlp_config};

/// Most variables whose graphs are all written down (29,281 of them).
const LISTED: usize = 5;

/// See the module's description.
///
/// log R(G) is the score of G less that of the best graph, so that rewards lie between 0 and 1; the
/// posterior does not depend on it.
pub struct DagTask {
    env: Dags,
    names: Vec<String>,
    scores: LocalScores,
    best: f64,
}

impl DagTask {
    /// Sets up graphs and scores; data are drawn from `seed` unless a file is named.
    ///
    /// # Errors
    /// Where the file cannot be used or the sizes are impossible.
    pub fn new(config: &DagConfig, seed: Seed) -> Result<Self> {
        let data = match config.data.as_str() {
            "random" => LinearGaussianNetwork::erdos_renyi(
                config.variables,
                config.edges_per_variable,
                seed,
            )?
            .sample(config.observations, seed)?,
            path => read(Path::new(path))?,
        };
        let scores = match config.score {
            DagScore::Bge => bge(&data, BgePrior::default())?,
            DagScore::LinearGaussian => linear_gaussian(&data, LinearGaussianPrior::default())?,
        };
        Ok(Self {
            env: Dags::new(data.variables())?,
            names: data.names().to_vec(),
            best: best_score(&scores),
            scores,
        })
    }
}

/// The score of the best graph, in nats: every graph has a last variable, whose parents are among the
/// others (Silander and Myllymäki 2006, UAI).
///
/// # Complexity
/// d^2 2^d.
fn best_score(scores: &LocalScores) -> f64 {
    let d = scores.variables();
    let sets = 1_usize << d;
    // Best local score of each variable with parents within each set.
    let mut within = vec![f64::NEG_INFINITY; d * sets];
    let mut best = vec![0.0_f64; sets];
    for set in 0..sets {
        let members = (0..d).filter(|v| set >> v & 1 == 1);
        for variable in (0..d).filter(|v| set >> v & 1 == 0) {
            let smaller = members
                .clone()
                .map(|v| within[variable * sets + (set & !(1 << v))]);
            let own = scores.local(variable, set as u16);
            within[variable * sets + set] = smaller.fold(own, f64::max);
        }
        if set > 0 {
            let last = members.map(|v| {
                let others = set & !(1 << v);
                best[others] + within[v * sets + others]
            });
            best[set] = last.fold(f64::NEG_INFINITY, f64::max);
        }
    }
    best[sets - 1]
}

fn read(path: &Path) -> Result<Data> {
    let problem = |problem: String| TaskError::File {
        path: path.to_owned(),
        problem,
    };
    let text = fs::read_to_string(path).map_err(|e| problem(e.to_string()))?;
    Data::from_csv(&text).map_err(|e| problem(e.to_string()))
}

impl Task for DagTask {
    type Env = Dags;
    type Model = Perceptron<Dags>;

    fn env(&self) -> &Dags {
        &self.env
    }

    fn model(&self, config: &Config, conditions: usize, rng: &mut Stream) -> Self::Model {
        let log_z = config.policy.log_z;
        Perceptron::new(&self.env, conditions, mlp_config(config), log_z, rng)
    }

    fn object_name(&self) -> &'static str {
        "edges"
    }

    fn columns(&self) -> Vec<Column> {
        let column = |name: &str, unit| Column {
            name: name.into(),
            unit,
        };
        vec![column("num_edges", ""), column("log_score", "nats")]
    }

    fn score(&self, graph: &Digraph) -> Result<Scored> {
        let score = self.scores.log_score(graph);
        Ok(Scored {
            log_reward: score - self.best,
            log_multiplicity: 0.0,
            values: vec![graph.num_edges() as f64, score],
        })
    }

    fn question_field(&self) -> (&'static str, bool) {
        ("graph", true)
    }

    /// Variables and edges as JSON, both in the order of the data.
    fn question(&self, graph: &Digraph) -> Result<String> {
        let name = |variable: u8| self.names[usize::from(variable)].as_str();
        let edges: Vec<[&str; 2]> = graph
            .edges()
            .map(|edge| [name(edge.from), name(edge.to)])
            .collect();
        Ok(serde_json::json!({"variables": self.names, "edges": edges}).to_string())
    }

    fn describe(&self, graph: &Digraph) -> Result<Described> {
        let name = |variable: u8| self.names[usize::from(variable)].as_str();
        let edges: Vec<String> = graph
            .edges()
            .map(|edge| format!("{}->{}", name(edge.from), name(edge.to)))
            .collect();
        Ok(Described {
            text: match edges.is_empty() {
                true => "(no edges)".into(),
                false => edges.join(" "),
            },
            molecule: None,
        })
    }

    fn names(&self, _config: &Config) -> Names {
        let pair = |from: &String| {
            let from = from.clone();
            self.names.iter().map(move |to| format!("{from}->{to}"))
        };
        let pairs: Vec<String> = self.names.iter().flat_map(pair).collect();
        names::fixed(pairs.clone(), pairs)
    }

    fn dag(&self) -> Result<Option<Dag<Digraph>>> {
        if self.env.variables() > LISTED {
            return Ok(None);
        }
        Ok(Some(Dag::new(&Enumerated::new(self.env, 30_000)?)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_core::Environment;

    #[test]
    fn rewards_lie_between_zero_and_one() {
        let config = DagConfig {
            variables: 3,
            edges_per_variable: 1.0,
            observations: 50,
            score: DagScore::Bge,
            data: "random".into(),
        };
        let task = DagTask::new(&config, Seed::new(0)).expect("a sound task");
        let dag = task.dag().expect("keeps its contract").expect("few states");
        assert_eq!(dag.len(), 25);
        let best = dag
            .states()
            .iter()
            .map(|graph| task.score(graph).expect("a score").log_reward)
            .fold(f64::NEG_INFINITY, f64::max);
        assert!(best.abs() < 1e-9, "the best graph is worth exp({best})");
        let empty = task.env().source();
        assert_eq!(task.describe(&empty).expect("a text").text, "(no edges)");
    }
}
