//! A product of the native networks by itself, to measure its speed.

use super::kernels::{Finish, Multiply, Outer};
use super::panels::{BLOCK, PANEL, Panels, Pool};
use crate::simd::dispatch;

/// `[rows, inputs]` times `[inputs, outputs]`, on the way up and on the way down, with the kernels of the
/// perceptron and of the transformers. `cargo xtask bench --peak` measures it.
#[doc(hidden)]
pub struct Product {
    input: Panels,
    weight: Panels,
    bias: Panels,
    out: Panels,
    gradient: Panels,
}

impl Product {
    /// Of some numbers between -1/2 and 1/2; rows are made whole blocks of 4, inputs and outputs whole panels of 16.
    pub fn new(rows: usize, inputs: usize, outputs: usize) -> Self {
        let rows = rows.next_multiple_of(BLOCK);
        let (inputs, outputs) = (
            inputs.next_multiple_of(PANEL),
            outputs.next_multiple_of(PANEL),
        );
        let pool = Pool::default();
        let mut value = 0.1_f32;
        let mut filled = |rows, columns| {
            let mut panels = Panels::stale(rows, columns, &pool);
            for number in panels.flat_mut() {
                value = (1.7 * value + 0.3).fract();
                *number = value - 0.5;
            }
            panels
        };
        Self {
            input: filled(rows, inputs),
            weight: filled(inputs, outputs),
            bias: filled(1, outputs),
            out: filled(rows, outputs),
            gradient: filled(inputs, outputs),
        }
    }

    /// Operations of either product; a multiplication with its addition counts as two.
    pub fn operations(&self) -> f64 {
        let sums = self.out.rows() * self.out.count() * PANEL;
        2.0 * (sums * self.weight.rows()) as f64
    }

    /// `out = input @ weight + bias`, through LeakyReLU.
    pub fn multiply(&mut self) {
        dispatch(Multiply {
            input: &self.input,
            weight: &self.weight,
            bias: Some(&self.bias),
            finish: Finish::Activate,
            rows: 0..self.input.rows(),
            panel: 0,
            out: self.out.columns_mut(0),
        });
    }

    /// `gradient += inputᵀ @ out`.
    pub fn outer(&mut self) {
        dispatch(Outer {
            input: self.input.rows_from(0),
            grad: &self.out,
            fresh: false,
            out: &mut self.gradient,
            bias: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_products_are_those_of_the_definition() {
        let sizes = [
            (4, 16, 16),
            (8, 32, 48),
            (12, 16, 64),
            (16, 32, 80),
            (20, 16, 112),
            (52, 48, 16),
            (132, 16, 32),
        ];
        for (rows, inputs, outputs) in sizes {
            let mut product = Product::new(rows, inputs, outputs);
            let input = product.input.to_rows(rows, inputs, 0);
            let weight = product.weight.to_rows(inputs, outputs, 0);
            let bias = product.bias.to_rows(1, outputs, 0);
            let before = product.gradient.to_rows(inputs, outputs, 0);
            product.multiply();
            product.outer();
            let out = product.out.to_rows(rows, outputs, 0);
            for (at, value) in out.iter().enumerate() {
                let (row, col) = (at / outputs, at % outputs);
                let products = (0..inputs)
                    .map(|k| f64::from(input[row * inputs + k] * weight[k * outputs + col]));
                let sum = products.sum::<f64>() + f64::from(bias[col]);
                let exact = if sum > 0.0 { sum } else { 0.01 * sum };
                assert!(
                    (f64::from(*value) - exact).abs() < 1e-5,
                    "{rows} rows: {at}"
                );
            }
            let gradient = product.gradient.to_rows(inputs, outputs, 0);
            for (at, value) in gradient.iter().enumerate() {
                let (k, col) = (at / outputs, at % outputs);
                let products = (0..rows)
                    .map(|row| f64::from(input[row * inputs + k] * out[row * outputs + col]));
                let exact = products.sum::<f64>() + f64::from(before[at]);
                assert!(
                    (f64::from(*value) - exact).abs() < 1e-4,
                    "{rows} rows: {at}"
                );
            }
        }
    }
}
