//! The weights of the network, read from the file and laid out for the products.

use std::fs;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use super::error::SehError;
use super::features::{ATOM_FEATURES, BOND_TYPES, EDGE_TYPES};
use super::gates::leaky;
use super::product::Linear;

/// Length of an atom's vector.
pub(super) const WIDTH: usize = 64;
/// Length of the vector between the two layers that make the matrix of an edge.
const EDGE_WIDTH: usize = 128;

/// Layers in the order of the computation; a row of features times a matrix.
#[derive(Debug)]
pub(super) struct Weights {
    /// Features to vectors.
    pub(super) first: Linear,
    /// What an atom sends to itself, with the bias of the convolution.
    pub(super) root: Linear,
    /// `[EDGE_TYPES]` what neighbours send along each type of edge.
    pub(super) edge: Vec<Linear>,
    /// Gates r and z of the recurrent unit: `[message, state]` to `[r, z]`.
    pub(super) gates: Linear,
    /// The message's part of its candidate.
    pub(super) candidate_message: Linear,
    /// The state's part of its candidate, which r is multiplied with.
    pub(super) candidate_state: Linear,
    /// Gates i, f, g, o of Set2Set: `[query, readout]` to four times the width.
    pub(super) readout: Linear,
    /// `[2 * WIDTH]` the last layer.
    pub(super) last: Vec<f32>,
    /// Its bias.
    pub(super) last_bias: f32,
}

impl Weights {
    pub(super) fn read(file: &Path) -> Result<Self, SehError> {
        let bytes = fs::read(file).map_err(|source| SehError::Unreadable {
            file: file.to_owned(),
            source,
        })?;
        let bad = |reason: String| SehError::BadWeights {
            file: file.to_owned(),
            reason,
        };
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| bad(error.to_string()))?;
        let array = |name: &str, shape: &[usize]| array(&tensors, name, shape).map_err(bad);

        let features = Matrix::new(
            array("lin0.weight", &[WIDTH, ATOM_FEATURES])?,
            ATOM_FEATURES,
        );
        let first_bias = array("lin0.bias", &[WIDTH])?;
        let root = Matrix::new(array("conv.lin.weight", &[WIDTH, WIDTH])?, WIDTH);
        let root_bias = array("conv.bias", &[WIDTH])?;
        let edge_in = Matrix::new(
            array("conv.nn.0.weight", &[EDGE_WIDTH, BOND_TYPES])?,
            BOND_TYPES,
        );
        let edge_in_bias = array("conv.nn.0.bias", &[EDGE_WIDTH])?;
        let square = WIDTH * WIDTH;
        let edge_out = Matrix::new(
            array("conv.nn.2.weight", &[square, EDGE_WIDTH])?,
            EDGE_WIDTH,
        );
        let edge_out_bias = array("conv.nn.2.bias", &[square])?;
        let message = Matrix::new(array("gru.weight_ih_l0", &[3 * WIDTH, WIDTH])?, WIDTH);
        let state = Matrix::new(array("gru.weight_hh_l0", &[3 * WIDTH, WIDTH])?, WIDTH);
        let message_bias = array("gru.bias_ih_l0", &[3 * WIDTH])?;
        let state_bias = array("gru.bias_hh_l0", &[3 * WIDTH])?;
        let both = 2 * WIDTH;
        let star = Matrix::new(
            array("set2set.lstm.weight_ih_l0", &[4 * WIDTH, both])?,
            both,
        );
        let hidden = Matrix::new(
            array("set2set.lstm.weight_hh_l0", &[4 * WIDTH, WIDTH])?,
            WIDTH,
        );
        let star_bias = array("set2set.lstm.bias_ih_l0", &[4 * WIDTH])?;
        let hidden_bias = array("set2set.lstm.bias_hh_l0", &[4 * WIDTH])?;

        let edge = (0..EDGE_TYPES)
            .map(|kind| {
                let matrix = edge_matrix(kind, &edge_in, &edge_in_bias, &edge_out, &edge_out_bias);
                Linear::new(WIDTH, WIDTH, |i, o| matrix[i * WIDTH + o], |_| 0.0)
            })
            .collect();
        let candidate = 2 * WIDTH;
        Ok(Self {
            first: Linear::new(
                ATOM_FEATURES,
                WIDTH,
                |i, o| features.at(o, i),
                |o| first_bias[o],
            ),
            root: Linear::new(WIDTH, WIDTH, |i, o| root.at(o, i), |o| root_bias[o]),
            edge,
            gates: Linear::new(
                both,
                both,
                |i, o| match i.checked_sub(WIDTH) {
                    None => message.at(o, i),
                    Some(i) => state.at(o, i),
                },
                |o| message_bias[o] + state_bias[o],
            ),
            candidate_message: Linear::new(
                WIDTH,
                WIDTH,
                |i, o| message.at(candidate + o, i),
                |o| message_bias[candidate + o],
            ),
            candidate_state: Linear::new(
                WIDTH,
                WIDTH,
                |i, o| state.at(candidate + o, i),
                |o| state_bias[candidate + o],
            ),
            // The query is the hidden state itself, so both matrices are applied to it as one.
            readout: Linear::new(
                both,
                4 * WIDTH,
                |i, o| star.at(o, i) + if i < WIDTH { hidden.at(o, i) } else { 0.0 },
                |o| star_bias[o] + hidden_bias[o],
            ),
            last: array("lin3.weight", &[1, both])?,
            last_bias: array("lin3.bias", &[1])?[0],
        })
    }
}

/// `[outputs, inputs]` as PyTorch lays out a layer.
struct Matrix {
    entries: Vec<f32>,
    columns: usize,
}

impl Matrix {
    fn new(entries: Vec<f32>, columns: usize) -> Self {
        Self { entries, columns }
    }

    fn at(&self, row: usize, column: usize) -> f32 {
        self.entries[row * self.columns + column]
    }
}

/// The matrix `[input, output]` of an edge with the feature `kind`, or with none past the last:
/// a layer, LeakyReLU, a layer, as the original computes it for every edge in every round.
fn edge_matrix(
    kind: usize,
    first: &Matrix,
    first_bias: &[f32],
    second: &Matrix,
    second_bias: &[f32],
) -> Vec<f32> {
    let between: Vec<f64> = (0..EDGE_WIDTH)
        .map(|at| {
            let weight = if kind < BOND_TYPES {
                first.at(at, kind)
            } else {
                0.0
            };
            f64::from(leaky(first_bias[at] + weight))
        })
        .collect();
    second_bias
        .iter()
        .enumerate()
        .map(|(entry, &bias)| {
            let row = between.iter().enumerate();
            let sum: f64 = row.map(|(at, x)| x * f64::from(second.at(entry, at))).sum();
            (sum + f64::from(bias)) as f32
        })
        .collect()
}

/// One array of the file as numbers.
fn array(tensors: &SafeTensors, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    let tensor = tensors
        .tensor(name)
        .map_err(|_| format!("there is no array {name}"))?;
    if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
        return Err(format!(
            "{name} has numbers of type {:?} and the shape {:?}; it must have F32 and {shape:?}",
            tensor.dtype(),
            tensor.shape()
        ));
    }
    let (numbers, _) = tensor.data().as_chunks::<4>();
    let numbers: Vec<f32> = numbers.iter().map(|&b| f32::from_le_bytes(b)).collect();
    if let Some(odd) = numbers.iter().find(|number| !number.is_finite()) {
        return Err(format!("{name} holds {odd}"));
    }
    Ok(numbers)
}
