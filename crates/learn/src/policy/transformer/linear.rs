//! Linear layers laid out for the kernels, from named parameters and back.

use crate::params::{Gradients, Params};
use crate::policy::panels::{Lane, PANEL, Panels, Pool};

/// `count` in whole panels.
pub(super) fn whole(count: usize) -> usize {
    count.next_multiple_of(PANEL)
}

/// A linear layer or a table of rows, put together from blocks of declared parameters.
///
/// Every block begins with a panel, so that parts of a row can be read and written by themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Linear {
    rows: usize,
    cols: usize,
    /// Inputs that a gradient goes back to, in whole panels from the first.
    back: usize,
    blocks: Vec<Block>,
}

/// Some rows and columns of a parameter.
#[derive(Clone, Debug)]
struct Block {
    param: usize,
    /// First row and first column in the parameter.
    from: (usize, usize),
    /// Numbers of rows and of columns.
    size: (usize, usize),
    /// Where they lie in the layer; of a bias, the row is not used.
    to: (usize, usize),
    bias: bool,
}

/// A layer's parameters as the kernels read them.
pub(super) struct Packed {
    /// `[inputs, outputs]`
    pub(super) weight: Panels,
    /// `[outputs, inputs]`, of the inputs that a gradient goes back to.
    pub(super) transposed: Panels,
    /// `[1, outputs]`
    pub(super) bias: Panels,
}

/// Sums of gradients of a layer, laid out as the layer.
pub(super) struct Sums {
    pub(super) weight: Panels,
    pub(super) bias: Panels,
}

impl Linear {
    /// No layer.
    pub(super) const NONE: Self = Self {
        rows: 0,
        cols: 0,
        back: 0,
        blocks: Vec::new(),
    };

    /// Adds the weight `name`, whose rows are `parts.0` equal runs and whose columns `parts.1` equal
    /// runs, each of which begins with a panel; the first row and column come to `to`.
    ///
    /// # Panics
    /// If the network did not declare `name`.
    pub(super) fn weight(
        mut self,
        params: &Params,
        name: &str,
        to: (usize, usize),
        parts: (usize, usize),
    ) -> Self {
        let (param, shape) = find(params, name);
        let size = (shape[0] / parts.0, shape[1] / parts.1);
        for (i, j) in (0..parts.0).flat_map(|i| (0..parts.1).map(move |j| (i, j))) {
            self.blocks.push(Block {
                param,
                from: (i * size.0, j * size.1),
                size,
                to: (to.0 + i * whole(size.0), to.1 + j * whole(size.1)),
                bias: false,
            });
        }
        self.rows = self.rows.max(to.0 + parts.0 * whole(size.0)).max(PANEL);
        self.cols = self.cols.max(to.1 + parts.1 * whole(size.1)).max(PANEL);
        self
    }

    /// Adds the bias `name` in `parts` equal runs.
    pub(super) fn bias(mut self, params: &Params, name: &str, parts: usize) -> Self {
        let (param, shape) = find(params, name);
        let cols = shape[1] / parts;
        self.blocks.extend((0..parts).map(|part| Block {
            param,
            from: (0, part * cols),
            size: (1, cols),
            to: (0, part * whole(cols)),
            bias: true,
        }));
        self
    }

    /// Weight and bias of the declared layer `name` in runs, with a way back to all inputs.
    pub(super) fn declared(params: &Params, name: &str, parts: (usize, usize)) -> Self {
        let layer = Self::default().weight(params, &format!("{name}.weight"), (0, 0), parts);
        let layer = layer.bias(params, &format!("{name}.bias"), parts.1);
        let inputs = layer.rows;
        layer.back_to(inputs)
    }

    /// The same with a way back to the first `inputs` inputs.
    pub(super) fn back_to(mut self, inputs: usize) -> Self {
        self.back = inputs;
        self
    }

    /// Outputs in whole panels.
    pub(super) fn cols(&self) -> usize {
        self.cols
    }

    /// Inputs that a gradient goes back to.
    pub(super) fn back(&self) -> usize {
        self.back
    }

    /// The parameters as they are now.
    pub(super) fn pack(&self, params: &Params, pool: &Pool) -> Packed {
        let mut weight = Panels::zeros(self.rows, self.cols, pool);
        let mut transposed = Panels::zeros(self.cols, self.back, pool);
        let mut bias = Panels::zeros(1, self.cols, pool);
        for block in &self.blocks {
            let param = &params.iter().as_slice()[block.param];
            let out = if block.bias { &mut bias } else { &mut weight };
            for i in 0..block.size.0 {
                let start = (block.from.0 + i) * param.shape[1] + block.from.1;
                let values = &param.values[start..start + block.size.1];
                let row = block.to.0 + i;
                for (panel, run) in values.chunks(PANEL).enumerate() {
                    let lane = &mut out.panel_mut(block.to.1 / PANEL + panel)[row];
                    // A whole lane is a few vectors; a call to copy it costs more than they do.
                    match run.first_chunk::<PANEL>() {
                        Some(whole) => *lane = *whole,
                        None => lane[..run.len()].copy_from_slice(run),
                    }
                }
            }
        }
        for panel in 0..self.back / PANEL {
            for outputs in 0..weight.count() {
                let from = &weight.panel(outputs)[panel * PANEL..][..PANEL];
                turn(
                    from,
                    &mut transposed.panel_mut(panel)[outputs * PANEL..][..PANEL],
                );
            }
        }
        Packed {
            weight,
            transposed,
            bias,
        }
    }

    /// Zeros for sums of gradients.
    pub(super) fn sums(&self, pool: &Pool) -> Sums {
        Sums {
            weight: Panels::zeros(self.rows, self.cols, pool),
            bias: Panels::zeros(1, self.cols, pool),
        }
    }

    /// Copies the layer's gradients to those of its parameters.
    pub(super) fn unpack(&self, sums: &Sums, params: &Params, out: &mut Gradients) {
        for block in &self.blocks {
            let cols = params.iter().as_slice()[block.param].shape[1];
            let from = if block.bias { &sums.bias } else { &sums.weight };
            for i in 0..block.size.0 {
                let start = (block.from.0 + i) * cols + block.from.1;
                let values = &mut out[block.param][start..start + block.size.1];
                for (panel, run) in values.chunks_mut(PANEL).enumerate() {
                    let lane = &from.panel(block.to.1 / PANEL + panel)[block.to.0 + i];
                    match run.first_chunk_mut::<PANEL>() {
                        Some(whole) => *whole = *lane,
                        None => run.copy_from_slice(&lane[..run.len()]),
                    }
                }
            }
        }
    }
}

/// Writes the columns of 16 lanes as lanes.
fn turn(from: &[Lane], to: &mut [Lane]) {
    for (i, lane) in from.iter().enumerate() {
        for (value, to) in lane.iter().zip(to.iter_mut()) {
            to[i] = *value;
        }
    }
}

fn find(params: &Params, name: &str) -> (usize, [usize; 2]) {
    let mut all = params.iter().enumerate();
    let found = all.find(|(_, param)| param.name == name);
    let (place, param) = found.expect("a network asks only for parameters that it declared");
    (place, param.shape)
}

impl Packed {
    /// Gives the memory back.
    pub(super) fn release(self, pool: &Pool) {
        self.weight.release(pool);
        self.transposed.release(pool);
        self.bias.release(pool);
    }
}

impl Sums {
    /// Gives the memory back.
    pub(super) fn release(self, pool: &Pool) {
        self.weight.release(pool);
        self.bias.release(pool);
    }
}
