//! Products of matrices by themselves, held against the peak that is measured between them.

use std::time::Instant;

use anabranch_learn::policy::Product;

use crate::peak;

/// Rows, inputs and outputs of the products that networks are made of: perceptrons of 256 at small and large
/// batches, then the graph transformer's layers of 128 by the rows of one step of a rollout.
const SIZES: [(usize, usize, usize); 8] = [
    (8, 256, 256),
    (64, 256, 256),
    (256, 256, 256),
    (256, 272, 384),
    (256, 128, 512),
    (256, 512, 128),
    (52, 128, 512),
    (52, 512, 128),
];
/// Turns of each, and seconds of a turn.
const TURNS: usize = 31;
const SECONDS: f64 = 0.01;

/// Medians of thousands of millions of operations a second, on one thread.
pub struct Speed {
    /// Rows, inputs, outputs.
    pub size: (usize, usize, usize),
    /// Of fused multiply-adds on registers.
    pub peak: f64,
    /// Of `input @ weight`, with bias and LeakyReLU.
    pub multiply: f64,
    /// Of the gradient of the weights.
    pub outer: f64,
}

/// Measures every size: peak, product and gradient in turns, for the processor may be shared with others.
pub fn speeds() -> impl Iterator<Item = Speed> {
    SIZES.into_iter().map(|size| {
        let mut product = Product::new(size.0, size.1, size.2);
        let operations = product.operations();
        let mut turns = [const { Vec::new() }; 3];
        for _ in 0..TURNS {
            turns[0].push(peak::gflops(1, SECONDS));
            turns[1].push(rate(operations, || product.multiply()));
            turns[2].push(rate(operations, || product.outer()));
        }
        let [peak, multiply, outer] = turns.map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates[TURNS / 2]
        });
        Speed {
            size,
            peak,
            multiply,
            outer,
        }
    })
}

fn rate(operations: f64, mut product: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut done = 0.0;
    loop {
        (0..8).for_each(|_| product());
        done += 8.0 * operations;
        let elapsed = begin.elapsed().as_secs_f64();
        if elapsed > SECONDS {
            return done / elapsed / 1e9;
        }
    }
}
