//! What recipes share: a training loop, exact evaluation, a Markov chain to compare with.

pub mod distillation;
pub mod exact;
pub mod metropolis;
pub mod numbered;
pub mod table;
pub mod training;

pub use distillation::Distillation;
pub use exact::{Exact, Figures};
pub use metropolis::Metropolis;
pub use numbered::Numbered;
pub use training::{Trained, Training, epsilon, on_policy};
