//! The network, applied to several molecules at once.

use std::path::Path;
use std::sync::Arc;

use anabranch_chem::Molecule;
use anabranch_core::data::data_file;
use pulp::{Arch, Simd, WithSimd};

use super::error::SehError;
use super::features::Batch;
use super::gates::{leaky, sigmoid, tanh};
use super::product::{PANEL, ROWS};
use super::weights::{WIDTH, Weights};

/// Where the weights stand below a data folder.
const FILE: &str = "seh/seh_proxy.safetensors";
/// Rounds of message passing.
const ROUNDS: usize = 12;
/// Steps of Set2Set.
const READOUTS: usize = 3;
/// An atom's row: its message, then its vector.
const PAIR: usize = 2 * WIDTH;
/// Molecules computed together: enough rows for the products, few enough to stay in the cache.
const TOGETHER: usize = 8;

/// The proxy with its weights; cloning costs a reference count.
#[derive(Clone, Debug)]
pub struct SehProxy {
    weights: Arc<Weights>,
}

impl SehProxy {
    /// The proxy with the published weights, `seh/seh_proxy.safetensors` in a data folder.
    ///
    /// # Errors
    /// Where no data folder has the file (the error names those that were looked at), or it is not what
    /// it should be.
    pub fn load() -> Result<Self, SehError> {
        Self::from_file(&data_file(FILE)?)
    }

    /// The proxy with the weights of a file.
    ///
    /// # Errors
    /// Where the file cannot be read or lacks an array, or an array has another shape.
    pub fn from_file(file: &Path) -> Result<Self, SehError> {
        Ok(Self {
            weights: Arc::new(Weights::read(file)?),
        })
    }

    /// `[M]` y of each molecule, or why it has none. A molecule's y does not depend on the others.
    pub fn predict(&self, molecules: &[Molecule]) -> Vec<Result<f64, SehError>> {
        let mut all = Vec::with_capacity(molecules.len());
        for molecules in molecules.chunks(TOGETHER) {
            let mut batch = Batch::new();
            let accepted: Vec<_> = molecules.iter().map(|m| batch.push(m)).collect();
            let mut found = Arch::new()
                .dispatch(Forward {
                    weights: &self.weights,
                    batch: &batch,
                })
                .into_iter();
            for accepted in accepted {
                all.push(accepted.map(|()| {
                    let y = found
                        .next()
                        .expect("there is one for each that was accepted");
                    f64::from(y)
                }));
            }
        }
        all
    }

    /// y of one molecule; several at once take less time.
    ///
    /// # Errors
    /// For atoms and bonds that the network does not know.
    pub fn predict_one(&self, molecule: &Molecule) -> Result<f64, SehError> {
        let mut found = self.predict(std::slice::from_ref(molecule));
        found.pop().expect("one molecule, one answer")
    }
}

/// `[M]` outputs for the molecules of a batch.
struct Forward<'a> {
    weights: &'a Weights,
    batch: &'a Batch,
}

impl WithSimd for Forward<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        if self.batch.atoms() == 0 {
            return Vec::new();
        }
        let rows = self.batch.atoms().next_multiple_of(ROWS);
        // `[N, message then vector]`; rows past the last atom are computed and not used.
        let mut pairs = vec![0.0; rows * PAIR];
        self.embed(&mut pairs);
        let mut room = Room::new(rows);
        for _ in 0..ROUNDS {
            self.convolve(simd, &mut pairs, &mut room);
            self.recur(simd, &mut pairs, &mut room);
        }
        self.read_out(simd, &pairs)
    }
}

/// Buffers of one round.
struct Room {
    /// `[N, WIDTH]`
    messages: Vec<f32>,
    /// `[up to N, WIDTH]` sums of neighbours' vectors, and what becomes of them.
    sums: Vec<f32>,
    sent: Vec<f32>,
    /// `[N, r then z]`
    gates: Vec<f32>,
    /// `[N, WIDTH]` the message's and the state's part of the candidate.
    candidates: [Vec<f32>; 2],
}

impl Room {
    fn new(rows: usize) -> Self {
        let one = || vec![0.0; rows * WIDTH];
        Self {
            messages: one(),
            sums: one(),
            sent: one(),
            gates: vec![0.0; rows * PAIR],
            candidates: [one(), one()],
        }
    }
}

impl Forward<'_> {
    /// The first layer: the rows of its matrix that an atom's features select.
    #[inline(always)]
    fn embed(&self, pairs: &mut [f32]) {
        let first = &self.weights.first;
        for atom in 0..self.batch.atoms() {
            let vector = &mut pairs[atom * PAIR + WIDTH..][..WIDTH];
            vector.copy_from_slice(first.bias().as_flattened());
            let offsets = &self.batch.feature_offsets;
            for &(column, value) in &self.batch.features[offsets[atom]..offsets[atom + 1]] {
                for (vector, row) in vector.chunks_exact_mut(PANEL).zip(first.row(column)) {
                    for (x, weight) in vector.iter_mut().zip(row) {
                        *x += value * weight;
                    }
                }
            }
            for x in vector {
                *x = leaky(*x);
            }
        }
    }

    /// Messages, from each atom itself and along each type of edge.
    #[inline(always)]
    fn convolve<S: Simd>(&self, simd: S, pairs: &mut [f32], room: &mut Room) {
        let messages = &mut room.messages;
        self.weights
            .root
            .apply(simd, &pairs[WIDTH..], PAIR, messages);
        for (edges, linear) in self.batch.edges.iter().zip(&self.weights.edge) {
            if edges.is_empty() {
                continue;
            }
            // One row for each atom with such an edge; edges come atom by atom.
            let by_atom = || edges.chunk_by(|a, b| a.0 == b.0);
            let mut count = 0;
            for edges in by_atom() {
                let sum = &mut room.sums[count * WIDTH..][..WIDTH];
                sum.fill(0.0);
                for &(_, neighbour) in edges {
                    let vector = &pairs[neighbour * PAIR + WIDTH..][..WIDTH];
                    for (sum, x) in sum.iter_mut().zip(vector) {
                        *sum += x;
                    }
                }
                let scale = self.batch.scale[edges[0].0];
                for sum in sum {
                    *sum *= scale;
                }
                count += 1;
            }
            let rows = count.next_multiple_of(ROWS) * WIDTH;
            linear.apply(simd, &room.sums[..rows], WIDTH, &mut room.sent[..rows]);
            for (edges, sent) in by_atom().zip(room.sent.chunks_exact(WIDTH)) {
                let message = &mut messages[edges[0].0 * WIDTH..][..WIDTH];
                for (message, sent) in message.iter_mut().zip(sent) {
                    *message += sent;
                }
            }
        }
        let messages = messages.chunks_exact(WIDTH);
        for (pair, message) in pairs.chunks_exact_mut(PAIR).zip(messages) {
            for (out, &message) in pair[..WIDTH].iter_mut().zip(message) {
                *out = leaky(message);
            }
        }
    }

    /// The gated recurrent unit (Cho et al., arXiv 1406.1078, in PyTorch's form).
    #[inline(always)]
    fn recur<S: Simd>(&self, simd: S, pairs: &mut [f32], room: &mut Room) {
        let [from_message, from_state] = &mut room.candidates;
        self.weights.gates.apply(simd, pairs, PAIR, &mut room.gates);
        let weights = self.weights;
        weights
            .candidate_message
            .apply(simd, pairs, PAIR, from_message);
        weights
            .candidate_state
            .apply(simd, &pairs[WIDTH..], PAIR, from_state);
        let rows = pairs
            .chunks_exact_mut(PAIR)
            .zip(room.gates.chunks_exact(PAIR));
        let candidates = from_message
            .chunks_exact(WIDTH)
            .zip(from_state.chunks_exact(WIDTH));
        for ((pair, gates), (message, state)) in rows.zip(candidates) {
            let (r, z) = gates.split_at(WIDTH);
            let vector = &mut pair[WIDTH..PAIR];
            for at in 0..WIDTH {
                let candidate = tanh(message[at] + sigmoid(r[at]) * state[at]);
                let z = sigmoid(z[at]);
                vector[at] = (1.0 - z) * candidate + z * vector[at];
            }
        }
    }

    /// Set2Set and the last layer.
    #[inline(always)]
    fn read_out<S: Simd>(&self, simd: S, pairs: &[f32]) -> Vec<f32> {
        let molecules = self.batch.offsets.len() - 1;
        let rows = molecules.next_multiple_of(ROWS);
        // `[M, query then readout]`
        let mut stars = vec![0.0; rows * PAIR];
        let mut memory = vec![0.0; rows * WIDTH];
        let mut gates = vec![0.0; rows * 4 * WIDTH];
        let mut attention = Vec::new();
        for _ in 0..READOUTS {
            self.weights.readout.apply(simd, &stars, PAIR, &mut gates);
            let stars = stars
                .chunks_exact_mut(PAIR)
                .zip(memory.chunks_exact_mut(WIDTH));
            let gates = gates.chunks_exact(4 * WIDTH);
            for ((star, memory), (gates, span)) in
                stars.zip(gates.zip(self.batch.offsets.windows(2)))
            {
                let (query, readout) = star.split_at_mut(WIDTH);
                for at in 0..WIDTH {
                    let gate = |which: usize| gates[which * WIDTH + at];
                    memory[at] = sigmoid(gate(1)) * memory[at] + sigmoid(gate(0)) * tanh(gate(2));
                    query[at] = sigmoid(gate(3)) * tanh(memory[at]);
                }
                let vectors = || {
                    let atoms = pairs[span[0] * PAIR..span[1] * PAIR].chunks_exact(PAIR);
                    atoms.map(|pair| &pair[WIDTH..])
                };
                attention.clear();
                attention.extend(vectors().map(|vector| dot(query, vector)));
                softmax(&mut attention);
                readout.fill(0.0);
                for (vector, &weight) in vectors().zip(&attention) {
                    for (sum, x) in readout.iter_mut().zip(vector) {
                        *sum += weight * x;
                    }
                }
            }
        }
        let stars = stars.chunks_exact(PAIR).take(molecules);
        stars
            .map(|star| dot(star, &self.weights.last) + self.weights.last_bias)
            .collect()
    }
}

/// In sixteen sums, so that it is done in vectors.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; PANEL];
    for (a, b) in a.chunks_exact(PANEL).zip(b.chunks_exact(PANEL)) {
        for at in 0..PANEL {
            sums[at] += a[at] * b[at];
        }
    }
    sums.iter().sum()
}

/// Weights that add up to one.
#[inline(always)]
fn softmax(scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - most).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}
