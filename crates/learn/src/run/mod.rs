//! What a training run leaves on disk: its folder, metrics, TensorBoard events and checkpoints.

pub mod checkpoint;
pub mod events;
pub mod folder;
pub mod metrics;

pub use checkpoint::{Checkpoint, CheckpointStore};
pub use events::EventWriter;
pub use folder::{RunFolder, RunInfo};
pub use metrics::{MetricsReader, MetricsWriter};
