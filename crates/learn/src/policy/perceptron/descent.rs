//! The way down a stack of layers, in bands of rows.

use super::super::kernels::{Finish, Multiply, Outer, ROWS_AT_ONCE, Total};
use super::super::panels::{PANEL, Panels, Pool};
use super::super::sparse::{Scatter, Sparse};
use super::layers::{Layer, padded};
use crate::simd::dispatch;

/// Rows that go down through all layers before the next ones do. What one layer hands to the next is then
/// still in the second cache, however many rows there are.
pub(super) const BAND: usize = ROWS_AT_ONCE;

/// Goes down a stack from the gradients of its heads' outputs.
pub(super) struct Descent<'a> {
    pub(super) layers: &'a [Layer],
    /// The weights of all layers but the first, `[outputs, inputs]`.
    pub(super) transposed: &'a [Panels],
    /// What the first layer read.
    pub(super) inputs: &'a Sparse,
    /// What each layer came to on the way up.
    pub(super) results: &'a [Panels],
    pub(super) pool: &'a Pool,
}

/// Gradients of a layer's parameters, summed over bands.
struct Sums {
    /// `[inputs, outputs]`
    weight: Panels,
    /// `[1, outputs]`
    bias: Panels,
}

impl Descent<'_> {
    /// The gradients of the layers' parameters, each with its number. `bands` are `[BAND, outputs]` gradients of the
    /// heads' outputs, the last of as many rows as are left.
    pub(super) fn run(self, bands: Vec<Panels>) -> Vec<(usize, Vec<f32>)> {
        let mut sums: Vec<Sums> = (0..self.layers.len()).map(|i| self.begin(i)).collect();
        for (first, grad) in (0..).step_by(BAND).zip(bands) {
            self.descend(first, grad, &mut sums);
        }
        let sums = self.layers.iter().zip(sums);
        sums.flat_map(|(layer, sums)| self.end(layer, sums))
            .collect()
    }

    fn begin(&self, layer: usize) -> Sums {
        let Layer {
            inputs, outputs, ..
        } = self.layers[layer];
        Sums {
            weight: match layer {
                0 => Panels::zeros(inputs, outputs, self.pool),
                // Written by the first band.
                _ => Panels::stale(padded(inputs, PANEL), outputs, self.pool),
            },
            bias: Panels::zeros(1, outputs, self.pool),
        }
    }

    /// Goes down as many layers as there are `sums` with the gradient of the last one's outputs for the rows
    /// from `first` on.
    ///
    /// A thread that has nothing else to do takes gradients of weights over: they are half of the work, and
    /// nothing in the band waits for them.
    fn descend(&self, first: usize, grad: Panels, sums: &mut [Sums]) {
        let Some((sums, lower)) = sums.split_last_mut() else {
            return;
        };
        let layer = &self.layers[lower.len()];
        let Some(below) = lower.len().checked_sub(1) else {
            dispatch(Total {
                grad: &grad,
                out: &mut sums.bias,
            });
            dispatch(Scatter {
                input: self.inputs,
                first,
                grad: &grad,
                out: &mut sums.weight,
            });
            grad.release(self.pool);
            return;
        };
        let results = self.results[below].rows_from(first);
        let go_on = || {
            let mut next = Panels::stale(grad.rows(), layer.inputs, self.pool);
            let product = Multiply {
                input: &grad,
                weight: &self.transposed[below],
                bias: None,
                finish: Finish::Mask(results),
                rows: 0..grad.rows(),
                panel: 0,
                out: next.columns_mut(0),
            };
            product.spread();
            self.descend(first, next, lower);
        };
        let learn = || {
            dispatch(Total {
                grad: &grad,
                out: &mut sums.bias,
            });
            dispatch(Outer {
                input: results,
                grad: &grad,
                fresh: first == 0,
                out: &mut sums.weight,
                bias: None,
            });
        };
        rayon::join(go_on, learn);
        grad.release(self.pool);
    }

    /// The gradients of the declared layers that `layer` is made of.
    fn end(&self, layer: &Layer, sums: Sums) -> Vec<(usize, Vec<f32>)> {
        let Sums { weight, bias } = sums;
        let parts = layer.parts.iter().flat_map(|part| {
            let weight = weight.to_rows(layer.inputs, part.outputs, part.start);
            let bias = bias.to_rows(1, part.outputs, part.start);
            [(part.param, weight), (part.param + 1, bias)]
        });
        let gradients = parts.collect();
        weight.release(self.pool);
        bias.release(self.pool);
        gradients
    }
}
