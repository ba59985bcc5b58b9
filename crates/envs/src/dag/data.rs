//! Tables of observations, read or drawn.

use std::f64::consts::PI;

use anabranch_core::Seed;
use anabranch_core::rng::Stream;
use rand::RngExt;
use rand::seq::SliceRandom;

use super::Digraph;
use crate::EnvError;

/// N observations of d variables.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    names: Vec<String>,
    /// `[N, d]`
    values: Vec<f64>,
}

impl Data {
    /// `values` `[N, d]` by rows, one name a variable.
    ///
    /// # Errors
    /// No name, no row, a last row that is not full, or a value that is not finite.
    pub fn new(names: Vec<String>, values: Vec<f64>) -> Result<Self, EnvError> {
        let d = names.len();
        if d == 0 || values.is_empty() || !values.len().is_multiple_of(d) {
            return Err(EnvError::BadData {
                reason: format!(
                    "{} values do not fill rows of {d} variables; give one value a variable",
                    values.len()
                ),
            });
        }
        if let Some(place) = values.iter().position(|v| !v.is_finite()) {
            return Err(EnvError::BadData {
                reason: format!(
                    "row {} of {} is {}; drop or impute what is not finite",
                    place / d + 1,
                    names[place % d],
                    values[place]
                ),
            });
        }
        Ok(Self { names, values })
    }

    /// Reads numbers separated by commas, one observation a line; a first line with anything but
    /// numbers has the names. Empty lines and lines that begin with `#` are passed over.
    ///
    /// # Errors
    /// A line of another length than the first, or a field that is no finite number, with their place.
    pub fn from_csv(text: &str) -> Result<Self, EnvError> {
        let lines = text.lines().zip(1..).filter(|(line, _)| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#')
        });
        let fields = |line: &str| -> Vec<String> {
            let clean = |field: &str| field.trim().trim_matches('"').to_owned();
            line.split(',').map(clean).collect()
        };
        let mut rows = lines
            .map(|(line, number)| (fields(line), number))
            .peekable();
        let Some((first, _)) = rows.peek() else {
            return Err(EnvError::BadData {
                reason: "the table is empty; give one line an observation".to_owned(),
            });
        };
        let is_header = first.iter().any(|field| field.parse::<f64>().is_err());
        let names: Vec<String> = if is_header {
            first.clone()
        } else {
            (0..first.len()).map(|i| format!("x{i}")).collect()
        };
        let mut values = Vec::new();
        for (row, line) in rows.skip(usize::from(is_header)) {
            if row.len() != names.len() {
                return Err(EnvError::BadData {
                    reason: format!(
                        "line {line} has {} fields and the first has {}; give every line the same",
                        row.len(),
                        names.len()
                    ),
                });
            }
            for (field, name) in row.iter().zip(&names) {
                let value = field.parse().ok().filter(|v: &f64| v.is_finite());
                values.push(value.ok_or_else(|| EnvError::BadData {
                    reason: format!(
                        "{field:?} in line {line}, column {name}, is no finite number; drop the line \
                         or impute the value"
                    ),
                })?);
            }
        }
        Self::new(names, values)
    }

    /// `[d]` names of the variables.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of variables d.
    pub fn variables(&self) -> usize {
        self.names.len()
    }

    /// Number of observations N.
    pub fn len(&self) -> usize {
        self.values.len() / self.names.len()
    }

    /// Never true: there is a row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// N rows of d values.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.names.len())
    }
}

/// x_j = sum over parents i of weight(i, j) x_i + noise.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearGaussianNetwork {
    variables: usize,
    graph: Digraph,
    /// `[d, d]`; 0 where there is no edge.
    weights: Vec<f64>,
    noise_variance: f64,
}

impl LinearGaussianNetwork {
    /// A random graph with about `edges_per_variable` d edges (Erdos and Renyi: each pair, in a random
    /// order of the variables, with probability 2 edges_per_variable / (d - 1)), weights N(0, 1) and
    /// noise of variance 0.1, as in arXiv 2202.13903 and gfnx.
    ///
    /// # Errors
    /// `variables` out of range, or a probability outside 0 to 1.
    pub fn erdos_renyi(
        variables: usize,
        edges_per_variable: f64,
        seed: Seed,
    ) -> Result<Self, EnvError> {
        super::check_variables(variables)?;
        let most = (variables - 1) as f64 / 2.0;
        if !(0.0..=most).contains(&edges_per_variable) {
            let expected = format!("0 to {most}, which is every pair");
            return Err(EnvError::out_of_range(
                "edges_per_variable",
                edges_per_variable,
                expected,
            ));
        }
        let probability = if most > 0.0 {
            edges_per_variable / most
        } else {
            0.0
        };
        let mut stream = seed.stream("erdos_renyi", &[variables as u64]);
        let mut order: Vec<usize> = (0..variables).collect();
        order.shuffle(&mut stream);
        let mut graph = Digraph::default();
        let mut weights = vec![0.0; variables * variables];
        for (place, &to) in order.iter().enumerate() {
            for &from in &order[..place] {
                if stream.random::<f64>() < probability {
                    graph.add(from, to);
                    weights[from * variables + to] = normal(&mut stream);
                }
            }
        }
        Ok(Self {
            variables,
            graph,
            weights,
            noise_variance: 0.1,
        })
    }

    /// The graph that the data come from.
    pub fn graph(&self) -> &Digraph {
        &self.graph
    }

    /// `[d, d]` weights by parent, then child.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// `observations` draws of all variables, named x0, x1, ...
    ///
    /// # Errors
    /// No observations, or weights so large that values overflow.
    pub fn sample(&self, observations: usize, seed: Seed) -> Result<Data, EnvError> {
        let d = self.variables;
        let mut stream = seed.stream("linear_gaussian", &[d as u64]);
        // A variable has fewer ancestors than any that descends from it.
        let mut order: Vec<usize> = (0..d).collect();
        order.sort_by_key(|&j| (0..d).filter(|&i| self.graph.has_path(i, j)).count());
        let mut values = vec![0.0; observations * d];
        for row in values.chunks_exact_mut(d) {
            for &j in &order {
                let mean: f64 = (0..d).map(|i| self.weights[i * d + j] * row[i]).sum();
                row[j] = mean + self.noise_variance.sqrt() * normal(&mut stream);
            }
        }
        Data::new((0..d).map(|i| format!("x{i}")).collect(), values)
    }
}

/// A standard normal number (Box and Muller 1958).
fn normal(stream: &mut Stream) -> f64 {
    let (u, v): (f64, f64) = (stream.random(), stream.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (2.0 * PI * v).cos()
}
