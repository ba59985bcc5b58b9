//! What recipes share: a training loop, exact evaluation, a Markov chain to compare with.

pub mod contest;
pub mod exact;
pub mod gradient;
pub mod landscapes;
pub mod metropolis;
pub mod table;
pub mod training;

pub use contest::{Contest, Learner};
pub use exact::{Exact, Figures};
pub use metropolis::Metropolis;
pub use training::{Trained, Training, epsilon, on_policy};
