//! What recipes share: a training loop, exact evaluation, and the learners to compare with.

pub mod contest;
pub mod distillation;
pub mod exact;
pub mod gradient;
pub mod landscapes;
pub mod metropolis;
pub mod modes;
pub mod numbered;
pub mod ppo;
pub mod random_policy;
pub mod replay;
pub mod soft_q;
pub mod table;
pub mod training;

pub use contest::{Contest, Learner};
pub use distillation::Distillation;
pub use exact::{Exact, Figures};
pub use metropolis::Metropolis;
pub use modes::note_modes;
pub use numbered::Numbered;
pub use ppo::Ppo;
pub use replay::Replay;
pub use soft_q::SoftQTraining;
pub use training::{Trained, Training, epsilon, on_policy};
