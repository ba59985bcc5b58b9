//! The trajectories of one step.

use anabranch_core::Trajectories;
use anabranch_learn::step::{Differentiated, Recorded, record_visited};

use crate::error::Result;
use crate::task::{Task, TaskModel};

/// Trajectories on the way to a gradient step.
pub(crate) enum Batch<'m, T: Task> {
    /// With what the gradient needs of their scores: sampling and the gradient share one computation.
    Recorded(Recorded<'m, TaskModel<T>>),
    /// Alone, where they were sampled from another model than the one that is trained, or where the
    /// objective scores other states besides.
    Plain(Trajectories<T::Env>),
}

/// A batch that no longer needs the model as it was.
pub(crate) enum Update<T: Task> {
    /// Gradients, computed.
    Gradients(Box<Differentiated>),
    /// Trajectories to match flows on.
    Matching(Trajectories<T::Env>),
}

impl<'m, T: Task> Batch<'m, T> {
    /// The trajectories.
    pub(crate) fn trajectories(&self) -> &Trajectories<T::Env> {
        match self {
            Self::Recorded(recorded) => recorded.trajectories(),
            Self::Plain(trajectories) => trajectories,
        }
    }

    /// Adds trajectories.
    ///
    /// # Errors
    /// Where the model cannot score them.
    pub(crate) fn extend(&mut self, trajectories: Trajectories<T::Env>) -> Result<()> {
        match self {
            Self::Recorded(recorded) => recorded.extend(trajectories)?,
            Self::Plain(own) => own.extend(trajectories),
        }
        Ok(())
    }

    /// Those for which `kept` (`[B]`) is true; they are scored anew.
    pub(crate) fn keeping(self, kept: &[bool]) -> Self {
        let mut out = Trajectories::default();
        let all = self.trajectories();
        for i in (0..all.len()).filter(|i| kept[*i]) {
            out.push(
                all.states.row(i).to_vec(),
                all.moves.row(i).to_vec(),
                all.condition(i),
            );
        }
        Self::Plain(out)
    }

    /// The trajectories with what the gradient of `model` needs.
    ///
    /// # Errors
    /// Where the model cannot score them.
    pub(crate) fn recorded(
        self,
        env: &'m T::Env,
        model: &'m TaskModel<T>,
    ) -> Result<Recorded<'m, TaskModel<T>>> {
        match self {
            Self::Recorded(recorded) => Ok(recorded),
            Self::Plain(trajectories) => Ok(record_visited(env, model, &trajectories)?),
        }
    }
}
