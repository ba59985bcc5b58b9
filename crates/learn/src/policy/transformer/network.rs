//! The layers and their parameters.

use std::sync::OnceLock;

use rayon::prelude::*;

use super::kinds::{KindSums, Kinds};
use super::linear::{Linear, Packed, Sums, whole};
use crate::params::{Gradients, Params};
use crate::policy::kernels::{Finish, Multiply};
use crate::policy::panels::{Lease, PANEL, Panels, Pool};

/// Places of the layers outside the blocks of attention.
pub(super) const TABLE: usize = 0;
pub(super) const NODE_HEAD: usize = 1;
pub(super) const GRAPH_IN: usize = 2;
pub(super) const GRAPH_HEAD: usize = 3;
/// What a token adds to the hidden layer of the edges that leave it, then of those that lead to it.
pub(super) const EDGE_ENDS: usize = 4;
/// What the features of an edge add to its hidden layer: a table.
pub(super) const EDGE_FEATURES: usize = 5;
pub(super) const EDGE_HEAD: usize = 6;
pub(super) const CONDITION_IN: usize = 7;
pub(super) const CONDITION_OUT: usize = 8;
const BLOCKS: usize = 9;

/// The layers of a block of attention.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Film,
    /// Queries, keys and values of the tokens themselves.
    Qkv,
    /// What sums of neighbours add to them.
    Neighbours,
    /// What features of edges add to them: a table.
    Incident,
    Mix,
    Up,
    Down,
}

/// The place of a layer of block `block`.
pub(super) fn at(block: usize, part: Part) -> usize {
    BLOCKS + 7 * block + part as usize
}

/// What a network is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) width: usize,
    pub(super) blocks: usize,
    pub(super) heads: usize,
    pub(super) conditions: usize,
    /// Whether tokens have neighbours, and how many features an edge has.
    pub(super) edges: Option<usize>,
}

impl Sizes {
    /// Whether tokens of one kind are alike as they enter the first block, so that its queries, keys and
    /// values are computed once for each kind.
    pub(super) fn by_kind(&self) -> bool {
        self.conditions == 0 && self.blocks > 0
    }
}

/// Layers with their parameters.
pub(super) struct Network {
    pub(super) sizes: Sizes,
    layers: Vec<Linear>,
    /// For each block the parameter that is added to scores of neighbours.
    bonds: Vec<usize>,
    params: Params,
    packed: OnceLock<Vec<Packed>>,
    pub(super) pool: Pool,
}

/// Gradients of all layers, summed over passes in the layout of the kernels.
pub(super) struct GradientSums<'a> {
    pub(super) layers: Vec<Sums>,
    /// For each block `[heads]`.
    pub(super) bonds: Vec<Vec<f32>>,
    pub(super) kinds: KindSums<'a>,
}

impl Network {
    /// `params` hold what the view or the burn network declared; `table` is the table of features of
    /// tokens.
    pub(super) fn new(sizes: Sizes, params: Params, table: Linear) -> Self {
        let w = whole(sizes.width);
        let declared = |name: &str, parts| Linear::declared(&params, name, parts);
        let plain = |name: &str, parts| Linear::default().weight(&params, name, (0, 0), (1, parts));
        let mut layers = vec![
            table,
            declared("policy.node_head", (1, 1)),
            declared("policy.graph_in", (2, 1)),
            declared("policy.graph_head", (1, 1)),
        ];
        if sizes.edges.is_some() {
            let ends = declared("policy.edge_in.from", (1, 1));
            layers.push(ends.weight(&params, "policy.edge_in.to", (0, w), (1, 1)));
            layers.push(plain("policy.edge_in.features", 1));
            layers.push(declared("policy.edge_head", (1, 1)));
        } else {
            layers.extend([const { Linear::NONE }; 3]);
        }
        if sizes.conditions > 0 {
            layers.push(declared("policy.condition.in", (1, 1)).back_to(0));
            layers.push(declared("policy.condition.out", (1, 1)));
        } else {
            layers.extend([const { Linear::NONE }; 2]);
        }
        let mut bonds = Vec::new();
        for block in 0..sizes.blocks {
            let name = |part: &str| format!("policy.layer{block}.{part}");
            layers.push(if sizes.conditions > 0 {
                declared(&name("film"), (1, 2))
            } else {
                Linear::NONE
            });
            layers.push(declared(&name("qkv"), (1, 3)));
            if sizes.edges.is_some() {
                layers.push(plain(&name("neighbours"), 3).back_to(w));
                layers.push(plain(&name("incident"), 3));
                let bond = name("bond_bias");
                let place = params.iter().position(|param| param.name == bond);
                bonds.push(place.expect("declared with the others"));
            } else {
                layers.extend([const { Linear::NONE }; 2]);
            }
            layers.push(declared(&name("mix"), (1, 1)));
            layers.push(declared(&name("up"), (1, 1)));
            layers.push(declared(&name("down"), (1, 1)));
        }
        Self {
            sizes,
            layers,
            bonds,
            params,
            packed: OnceLock::new(),
            pool: Pool::default(),
        }
    }

    /// The same network with other parameters.
    pub(super) fn with_params(&self, params: Params) -> Self {
        Self {
            sizes: self.sizes,
            layers: self.layers.clone(),
            bonds: self.bonds.clone(),
            params,
            packed: OnceLock::new(),
            pool: Pool::default(),
        }
    }

    pub(super) fn params(&self) -> &Params {
        &self.params
    }

    pub(super) fn params_mut(&mut self) -> &mut Params {
        for packed in self.packed.take().into_iter().flatten() {
            packed.release(&self.pool);
        }
        &mut self.params
    }

    /// The layers' parameters, laid out anew after every change.
    pub(super) fn packed(&self) -> &[Packed] {
        self.packed.get_or_init(|| {
            let layers = self.layers.iter();
            layers
                .map(|layer| layer.pack(&self.params, &self.pool))
                .collect()
        })
    }

    /// Lays the parameters out over the threads of the current pool.
    pub(super) fn lay_out(&self) {
        if self.packed.get().is_none() {
            let layers = self.layers.par_iter();
            let packed = layers.map(|layer| layer.pack(&self.params, &self.pool));
            // Not under the lock: a thread that waits for others may take up other work that packs too.
            let _ = self.packed.set(packed.collect());
        }
    }

    /// `[heads]` what block `block` adds to scores of neighbours.
    pub(super) fn bonds(&self, block: usize) -> Option<&[f32]> {
        let param = self.bonds.get(block)?;
        Some(&self.params.iter().as_slice()[*param].values)
    }

    /// Panels of a token.
    pub(super) fn panels(&self) -> usize {
        whole(self.sizes.width) / PANEL
    }

    /// `[rows, panels]`, to be written first.
    pub(super) fn stale(&self, rows: usize, panels: usize) -> Lease<'_> {
        let panels = Panels::stale(rows, panels * PANEL, &self.pool);
        Lease::new(panels, &self.pool)
    }

    /// `finish(input @ weight + bias)`.
    pub(super) fn multiply(&self, layer: usize, input: &Panels, finish: Finish<'_>) -> Lease<'_> {
        let packed = &self.packed()[layer];
        let mut out = self.stale(input.rows(), self.layers[layer].cols() / PANEL);
        Multiply {
            input,
            weight: &packed.weight,
            bias: Some(&packed.bias),
            finish,
            rows: 0..input.rows(),
            panel: 0,
            out: out.columns_mut(0),
        }
        .spread();
        out
    }

    /// `finish(grad @ weightᵀ)`, back to the inputs of `layer`.
    pub(super) fn descend(&self, layer: usize, grad: &Panels, finish: Finish<'_>) -> Lease<'_> {
        let packed = &self.packed()[layer];
        let mut out = self.stale(grad.rows(), self.layers[layer].back() / PANEL);
        Multiply {
            input: grad,
            weight: &packed.transposed,
            bias: None,
            finish,
            rows: 0..grad.rows(),
            panel: 0,
            out: out.columns_mut(0),
        }
        .spread();
        out
    }

    /// Zeros for sums of gradients of passes with these kinds of tokens.
    pub(super) fn gradient_sums<'a>(&self, kinds: &Kinds<'a>) -> GradientSums<'a> {
        let layers = self.layers.iter();
        GradientSums {
            layers: layers.map(|layer| layer.sums(&self.pool)).collect(),
            bonds: vec![vec![0.0; self.sizes.heads]; self.bonds.len()],
            kinds: kinds.sums(),
        }
    }

    /// Sums of gradients in the order of the parameters, those by way of `kinds` included.
    pub(super) fn gradients(&self, kinds: &Kinds<'_>, mut sums: GradientSums<'_>) -> Gradients {
        kinds.backward(sums.kinds, &mut sums.layers);
        let mut out = self.params.zero_gradients();
        for (layer, sums) in self.layers.iter().zip(sums.layers) {
            layer.unpack(&sums, &self.params, &mut out);
            sums.release(&self.pool);
        }
        for (param, sums) in self.bonds.iter().zip(sums.bonds) {
            out[*param].copy_from_slice(&sums);
        }
        out
    }
}
