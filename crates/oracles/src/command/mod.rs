//! A command that scores: a process, or several, that is kept running.

mod desk;
mod settings;
mod stream;
mod worker;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::OracleError;
use crate::oracle::{Listener, Oracle};

use desk::Desk;

pub use settings::{CommandLine, CommandSettings, Protocol};
pub(crate) use settings::{check_columns, hex};

/// An oracle that is a command. Its processes start with the first question and end, whole process groups at
/// a time, when this is dropped.
#[derive(Debug)]
pub struct CommandOracle {
    settings: CommandSettings,
    source: String,
    desk: Mutex<Desk>,
}

impl CommandOracle {
    /// An oracle of a command; nothing is started yet.
    ///
    /// # Errors
    /// Where a setting is impossible.
    pub fn new(settings: CommandSettings) -> Result<Self, OracleError> {
        settings.check()?;
        Ok(Self {
            source: settings.source(),
            desk: Mutex::new(Desk::new(settings.workers)),
            settings,
        })
    }

    /// The settings.
    pub fn settings(&self) -> &CommandSettings {
        &self.settings
    }
}

impl Oracle for CommandOracle {
    fn columns(&self) -> &[String] {
        &self.settings.columns
    }

    fn source(&self) -> String {
        self.source.clone()
    }

    fn ask(
        &self,
        objects: &[String],
        should_stop: &(dyn Fn() -> bool + Sync),
        heard: &mut Listener<'_>,
    ) -> Result<(), OracleError> {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        desk.ask(&self.settings, objects, should_stop, heard)
    }
}

/// How long workers have to end by themselves when nothing more is asked.
const FAREWELL: Duration = Duration::from_millis(500);

impl Drop for CommandOracle {
    fn drop(&mut self) {
        let desk = self.desk.get_mut().unwrap_or_else(PoisonError::into_inner);
        desk.dismiss(FAREWELL);
    }
}
