//! What recipes share: a training loop, exact evaluation, a Markov chain to compare with.

pub mod exact;
pub mod metropolis;
pub mod random_policy;
pub mod replay;
pub mod table;
pub mod training;

pub use exact::{Exact, Figures};
pub use metropolis::Metropolis;
pub use replay::Replay;
pub use training::{Trained, Training, epsilon, on_policy};
