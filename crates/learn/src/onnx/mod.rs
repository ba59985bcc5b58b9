//! Models as graphs of ONNX operators, and states as the inputs of such graphs.
//!
//! A [`Graph`] is plain data; whoever writes files turns it into their format. What it computes is what the
//! model does, up to rounding: unnormalised scores of all actions there are, legal or not.

mod graph;
mod graph_transformer;
mod perceptron;
mod sequence;
mod transformer;

use anabranch_core::Frontier;

pub use graph::{Attribute, Constant, Graph, Node, Port, Size, Values};

use crate::policy::{Either, Model};

/// A model that can be written down as a graph.
pub trait Export: Model {
    /// What is computed, with the parameters as they are.
    fn graph(&self) -> Graph;

    /// The states of `frontier` as inputs of the [`graph`](Self::graph), and where in its outputs the scores
    /// of their edges are.
    fn encode(&self, frontier: &Frontier<'_, Self::Env>) -> Encoded;
}

/// States as inputs of a graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// In the order of the graph's inputs.
    pub inputs: Vec<Array>,
    /// Shapes of the outputs, in the order of the graph.
    pub outputs: Vec<Vec<usize>>,
    /// `[M]` where the score of each move is.
    pub moves: Vec<Place>,
    /// `[P]` where that of each parent is; `None` where P_B is uniform.
    pub parents: Option<Vec<Place>>,
    /// `[N]` where log F(s) is; `None` without flows.
    pub log_flow: Option<Vec<Place>>,
}

/// One input.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Values,
}

impl Array {
    fn floats(shape: &[usize], values: Vec<f32>) -> Self {
        Self {
            shape: shape.to_vec(),
            values: Values::Float(values),
        }
    }
}

/// A number of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which output, in the order of the graph.
    pub output: usize,
    /// Place of the number, row-major.
    pub index: usize,
}

impl<A: Export, B: Export<Env = A::Env>> Export for Either<A, B> {
    fn graph(&self) -> Graph {
        match self {
            Self::Left(model) => model.graph(),
            Self::Right(model) => model.graph(),
        }
    }

    fn encode(&self, frontier: &Frontier<'_, Self::Env>) -> Encoded {
        match self {
            Self::Left(model) => model.encode(frontier),
            Self::Right(model) => model.encode(frontier),
        }
    }
}
