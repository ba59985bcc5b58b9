//! Linear layers laid out for the kernels, from declared parameters and back.

use crate::params::{Gradients, Param, Params};
use crate::policy::panels::{PANEL, Panels, Pool};

/// A linear layer or a table of embeddings, put together from blocks of declared parameters.
///
/// Every block begins with a panel, so that parts of a state can be read and written by themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    /// Inputs, padded to whole panels.
    pub(super) rows: usize,
    /// Outputs, padded to whole panels.
    pub(super) cols: usize,
    blocks: Vec<Block>,
}

/// Some rows of a parameter, or a bias.
#[derive(Clone, Debug)]
struct Block {
    param: usize,
    /// First row of the parameter and number of rows.
    from: usize,
    count: usize,
    /// Where they lie in the layer.
    row: usize,
    col: usize,
    bias: bool,
}

/// A layer's parameters as the kernels read them.
pub(super) struct Packed {
    /// `[inputs, outputs]`
    pub(super) weight: Panels,
    /// `[outputs, inputs]`
    pub(super) transposed: Panels,
    /// `[1, outputs]`
    pub(super) bias: Panels,
}

/// `count` in whole panels.
pub(super) fn whole(count: usize) -> usize {
    count.next_multiple_of(PANEL)
}

impl Layer {
    /// Puts the last declared parameter at column `col`; `runs` are the lengths of its runs of rows,
    /// each of which begins with a panel.
    pub(super) fn weight(mut self, params: &Params, runs: &[usize], col: usize) -> Self {
        let param = params.len() - 1;
        let shape = params.iter().as_slice()[param].shape;
        let (mut from, mut row) = (0, 0);
        for &count in runs {
            self.blocks.push(Block {
                param,
                from,
                count,
                row,
                col,
                bias: false,
            });
            from += count;
            row += whole(count);
        }
        debug_assert_eq!(from, shape[0], "the runs are all rows");
        self.rows = self.rows.max(row).max(PANEL);
        self.cols = self.cols.max(col + whole(shape[1])).max(PANEL);
        self
    }

    /// Puts the last declared parameter at column `col` of the bias.
    pub(super) fn bias(mut self, params: &Params, col: usize) -> Self {
        self.blocks.push(Block {
            param: params.len() - 1,
            from: 0,
            count: 1,
            row: 0,
            col,
            bias: true,
        });
        self
    }

    /// The parameters as they are now.
    pub(super) fn pack(&self, params: &Params, pool: &Pool) -> Packed {
        let mut weight = Panels::zeros(self.rows, self.cols, pool);
        let mut transposed = Panels::zeros(self.cols, self.rows, pool);
        let mut bias = Panels::zeros(1, self.cols, pool);
        for block in &self.blocks {
            let param = &params.iter().as_slice()[block.param];
            let out = if block.bias { &mut bias } else { &mut weight };
            for (row, values) in block.values(param) {
                for (panel, run) in values.chunks(PANEL).enumerate() {
                    let lane = &mut out.panel_mut(block.col / PANEL + panel)[row];
                    lane[..run.len()].copy_from_slice(run);
                }
                if !block.bias {
                    let lanes = &mut transposed.panel_mut(row / PANEL)[block.col..];
                    for (lane, value) in lanes.iter_mut().zip(values) {
                        lane[row % PANEL] = *value;
                    }
                }
            }
        }
        Packed {
            weight,
            transposed,
            bias,
        }
    }

    /// Copies the gradients of the layer to those of its parameters.
    pub(super) fn unpack(
        &self,
        weight: &Panels,
        bias: &Panels,
        params: &Params,
        out: &mut Gradients,
    ) {
        for block in &self.blocks {
            let cols = params.iter().as_slice()[block.param].shape[1];
            let from = if block.bias { bias } else { weight };
            for index in 0..block.count {
                let start = (block.from + index) * cols;
                let values = &mut out[block.param][start..start + cols];
                for (panel, run) in values.chunks_mut(PANEL).enumerate() {
                    let lane = &from.panel(block.col / PANEL + panel)[block.row + index];
                    run.copy_from_slice(&lane[..run.len()]);
                }
            }
        }
    }

    /// True where the layer has a bias.
    pub(super) fn has_bias(&self) -> bool {
        self.blocks.iter().any(|block| block.bias)
    }
}

impl Block {
    /// The block's rows with their places in the layer.
    fn values<'a>(&self, param: &'a Param) -> impl Iterator<Item = (usize, &'a [f32])> {
        let (cols, from, row) = (param.shape[1], self.from, self.row);
        (0..self.count).map(move |i| {
            let start = (from + i) * cols;
            (row + i, &param.values[start..start + cols])
        })
    }
}

impl Packed {
    /// Gives the memory back.
    pub(super) fn release(self, pool: &Pool) {
        self.weight.release(pool);
        self.transposed.release(pool);
        self.bias.release(pool);
    }
}
