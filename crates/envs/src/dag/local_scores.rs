//! Scores of a graph that are sums over the variables given their parents.

use anabranch_core::{Reward, RewardError};

use super::{Digraph, Edge, check_variables};
use crate::EnvError;

/// log R(G) = sum_j score(j, parents of j), in nats, with every term computed once beforehand.
///
/// # Complexity
/// d 2^d numbers: 4 KB for five variables, 8 MB for sixteen.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalScores {
    variables: usize,
    /// `[d, 2^d]`; sets that hold the variable itself are NaN.
    table: Vec<f64>,
}

impl LocalScores {
    /// Scores by a function of a variable and the bit mask of its parents.
    ///
    /// # Errors
    /// `variables` out of range, a failure of `score`, or a score that is not finite.
    pub fn new(
        variables: usize,
        mut score: impl FnMut(usize, u16) -> Result<f64, EnvError>,
    ) -> Result<Self, EnvError> {
        check_variables(variables)?;
        let sets = 1_usize << variables;
        let mut table = vec![f64::NAN; variables * sets];
        for variable in 0..variables {
            for parents in (0..sets).filter(|set| set >> variable & 1 == 0) {
                let value = score(variable, parents as u16)?;
                if !value.is_finite() {
                    return Err(EnvError::BadData {
                        reason: format!(
                            "the score of variable {variable} given the parents {parents:#b} is \
                             {value}; rescale the data"
                        ),
                    });
                }
                table[variable * sets + parents] = value;
            }
        }
        Ok(Self { variables, table })
    }

    /// The same scores plus `log_prior(number of parents)` for every variable: a modular prior over
    /// graphs. Without it the prior is uniform.
    #[must_use]
    pub fn with_log_prior(mut self, log_prior: impl Fn(u32) -> f64) -> Self {
        let sets = 1_usize << self.variables;
        for (place, value) in self.table.iter_mut().enumerate() {
            *value += log_prior((place % sets).count_ones());
        }
        self
    }

    /// Number of variables d.
    pub fn variables(&self) -> usize {
        self.variables
    }

    /// The term of `variable` with the parents in the bit mask `parents`, in nats; NaN if the variable
    /// is one of them.
    ///
    /// # Panics
    /// If a variable is not below d.
    pub fn local(&self, variable: usize, parents: u16) -> f64 {
        let sets = 1_usize << self.variables;
        assert!(usize::from(parents) < sets, "parents past the variables");
        self.table[variable * sets + usize::from(parents)]
    }

    /// log R(G) in nats.
    ///
    /// # Panics
    /// If the graph has an edge at a variable that is not below d.
    pub fn log_score(&self, graph: &Digraph) -> f64 {
        (0..self.variables)
            .map(|variable| self.local(variable, graph.parents_of(variable)))
            .sum()
    }

    /// log R(G with `edge`) - log R(G) in nats: two terms of the table.
    ///
    /// # Panics
    /// If a variable is not below d.
    pub fn delta(&self, graph: &Digraph, edge: Edge) -> f64 {
        let (from, to) = edge.ends();
        let parents = graph.parents_of(to);
        self.local(to, parents | 1 << from) - self.local(to, parents)
    }
}

impl Reward<Digraph> for LocalScores {
    fn log_reward(&self, objects: &[Digraph]) -> Result<Vec<f64>, RewardError> {
        let score = |graph: &Digraph| {
            let stray = graph
                .edges()
                .find(|e| usize::from(e.from.max(e.to)) >= self.variables);
            match stray {
                None => Ok(self.log_score(graph)),
                Some(edge) => Err(RewardError::Failed {
                    object: format!("{:?}", graph.edges().collect::<Vec<_>>()),
                    reason: format!("{edge:?} is past the {} variables", self.variables),
                }),
            }
        };
        objects.iter().map(score).collect()
    }
}
