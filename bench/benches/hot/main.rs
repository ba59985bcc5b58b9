//! What takes the time, one piece at a time: `cargo xtask bench`, or with a part of a name after it.
//!
//! Criterion compares with the last run on this machine. Only ratios mean anything elsewhere.

mod chemistry;
mod exact;
mod losses;
mod training;

use criterion::{criterion_group, criterion_main};

/// As in the program `gfn`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group!(
    hot,
    training::perceptron,
    training::graphs,
    exact::grid,
    losses::losses,
    chemistry::descriptors
);
criterion_main!(hot);
