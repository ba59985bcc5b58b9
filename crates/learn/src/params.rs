//! Parameters of a model as plain named arrays.
//!
//! Networks borrow them for one pass; optimisers, averages and checkpoints work on them directly, so
//! that nothing of the tensor library has to be stored or restored.

use anabranch_core::rng::Stream;
use rand::RngExt;

use crate::error::{LearnError, Result};

/// One parameter: a matrix `[rows, cols]` (a vector is one row), row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Unique name; what stands before the first dot is its group.
    pub name: String,
    /// `[rows, cols]`
    pub shape: [usize; 2],
    /// `[rows * cols]` values.
    pub values: Vec<f32>,
}

impl Param {
    /// The optimiser group: the name up to the first dot.
    pub fn group(&self) -> &str {
        self.name.split('.').next().unwrap_or(&self.name)
    }
}

/// All parameters of a model, in the order in which they were declared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    list: Vec<Param>,
}

/// One gradient array for each parameter, in the same order.
///
/// An empty array stands for one of zeros where the documentation says so.
pub type Gradients = Vec<Vec<f32>>;

/// Adds `part` to `sum`; an array that is empty on either side is one of zeros.
pub fn add(sum: &mut Gradients, part: &Gradients) {
    for (sum, part) in sum.iter_mut().zip(part) {
        if sum.is_empty() {
            sum.clone_from(part);
        } else {
            sum.iter_mut().zip(part).for_each(|(s, v)| *s += v);
        }
    }
}

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// The parameters in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Param> {
        self.list.iter()
    }

    /// The parameters in order, to write to.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Param> {
        self.list.iter_mut()
    }

    /// Number of arrays.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True without parameters.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Number of single values.
    pub fn num_values(&self) -> usize {
        self.list.iter().map(|p| p.values.len()).sum()
    }

    /// Declares a matrix drawn uniformly from ±1/sqrt(rows), PyTorch's rule for linear layers.
    pub fn uniform(&mut self, name: impl Into<String>, shape: [usize; 2], rng: &mut Stream) {
        let bound = 1.0 / (shape[0].max(1) as f32).sqrt();
        self.uniform_within(name, shape, bound, rng);
    }

    /// Declares a matrix drawn uniformly from ±`bound`.
    pub fn uniform_within(
        &mut self,
        name: impl Into<String>,
        shape: [usize; 2],
        bound: f32,
        rng: &mut Stream,
    ) {
        let values = (0..shape[0] * shape[1])
            .map(|_| rng.random_range(-bound..bound))
            .collect();
        self.push(name.into(), shape, values);
    }

    /// Declares an array of one value.
    pub fn constant(&mut self, name: impl Into<String>, shape: [usize; 2], value: f32) {
        self.push(name.into(), shape, vec![value; shape[0] * shape[1]]);
    }

    /// Declares weight `[inputs, outputs]` and bias `[1, outputs]` of a linear layer.
    pub fn linear(&mut self, name: &str, inputs: usize, outputs: usize, rng: &mut Stream) {
        self.uniform(format!("{name}.weight"), [inputs, outputs], rng);
        self.constant(format!("{name}.bias"), [1, outputs], 0.0);
    }

    fn push(&mut self, name: String, shape: [usize; 2], values: Vec<f32>) {
        debug_assert!(
            self.list.iter().all(|p| p.name != name),
            "{name} declared twice"
        );
        self.list.push(Param {
            name,
            shape,
            values,
        });
    }

    /// Zeros in the shape of the parameters.
    pub fn zero_gradients(&self) -> Gradients {
        self.list
            .iter()
            .map(|p| vec![0.0; p.values.len()])
            .collect()
    }

    /// Takes the values of `other`, which must have the same names and shapes.
    ///
    /// # Errors
    /// Names the first parameter that is missing, surplus, of another shape, or not finite.
    pub fn load(&mut self, other: Params) -> Result<()> {
        for (mine, theirs) in self.list.iter().zip(&other.list) {
            if mine.name != theirs.name || mine.shape != theirs.shape {
                return Err(LearnError::Parameter {
                    name: mine.name.clone(),
                    problem: format!(
                        "the network has shape {:?} here and the file has {} {:?}; it belongs to \
                         another configuration",
                        mine.shape, theirs.name, theirs.shape
                    ),
                });
            }
            if let Some(value) = theirs.values.iter().find(|v| !v.is_finite()) {
                return Err(LearnError::Parameter {
                    name: mine.name.clone(),
                    problem: format!(
                        "holds {value}; the weights are spoilt, use another checkpoint"
                    ),
                });
            }
        }
        if self.len() != other.len() {
            return Err(LearnError::Parameter {
                name: "(all)".into(),
                problem: format!(
                    "the network has {} arrays, the file {}",
                    self.len(),
                    other.len()
                ),
            });
        }
        *self = other;
        Ok(())
    }

    /// Parameters from arrays in order, as read from a file.
    pub fn from_list(list: Vec<Param>) -> Self {
        Self { list }
    }

    /// Moves towards `target`: `self = decay * self + (1 - decay) * target`.
    ///
    /// # Panics
    /// If the two belong to different networks.
    pub fn average_towards(&mut self, target: &Params, decay: f32) {
        assert_eq!(self.len(), target.len(), "the same network");
        for (mine, theirs) in self.list.iter_mut().zip(&target.list) {
            for (m, t) in mine.values.iter_mut().zip(&theirs.values) {
                *m = decay * *m + (1.0 - decay) * t;
            }
        }
    }
}
