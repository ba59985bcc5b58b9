//! A function that scores.

use std::fmt;

use crate::command::check_columns;
use crate::error::OracleError;
use crate::oracle::{Answer, FailureKind, Heard, Listener, Oracle};

/// What a function answers for a batch: one answer for each object.
type Function = dyn Fn(&[String]) -> Result<Vec<Answer>, String> + Send + Sync;

/// An oracle that is a function of this program.
///
/// It runs in the thread that asks, on `batch` objects at a time; the wish to stop is looked at between two
/// batches. An `Err` is about the function, not about an object, and ends the run.
pub struct Callable {
    columns: Vec<String>,
    source: String,
    batch: usize,
    function: Box<Function>,
}

impl fmt::Debug for Callable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callable")
            .field("columns", &self.columns)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Callable {
    /// A function of one value for each object, `None` where it has none. `version` names what it computes:
    /// stored scores are used again for the same name.
    pub fn new(
        version: &str,
        function: impl Fn(&[String]) -> Result<Vec<Option<f64>>, String> + Send + Sync + 'static,
    ) -> Self {
        let columns = vec!["score".to_owned()];
        let names = columns.clone();
        Self::boxed(columns, version, move |objects| {
            let values = function(objects)?;
            let answers = values.into_iter();
            Ok(answers
                .map(|v| answer(&names, v.map(|v| vec![v])))
                .collect())
        })
    }

    /// A function of `[K]` values for each object, one for each column.
    ///
    /// # Errors
    /// Where there is no column, or two have one name.
    pub fn with_columns(
        columns: Vec<String>,
        version: &str,
        function: impl Fn(&[String]) -> Result<Vec<Option<Vec<f64>>>, String> + Send + Sync + 'static,
    ) -> Result<Self, OracleError> {
        let names = columns.clone();
        Self::with_answers(columns, version, move |objects| {
            let answers = function(objects)?.into_iter();
            Ok(answers.map(|values| answer(&names, values)).collect())
        })
    }

    /// A function that says of each object what it likes, failures with their messages included.
    ///
    /// # Errors
    /// Where there is no column, or two have one name.
    pub fn with_answers(
        columns: Vec<String>,
        version: &str,
        function: impl Fn(&[String]) -> Result<Vec<Answer>, String> + Send + Sync + 'static,
    ) -> Result<Self, OracleError> {
        check_columns(&columns)?;
        Ok(Self::boxed(columns, version, function))
    }

    fn boxed(
        columns: Vec<String>,
        version: &str,
        function: impl Fn(&[String]) -> Result<Vec<Answer>, String> + Send + Sync + 'static,
    ) -> Self {
        let source =
            serde_json::json!({"kind": "callable", "version": version, "columns": columns});
        Self {
            source: source.to_string(),
            columns,
            batch: usize::MAX,
            function: Box::new(function),
        }
    }

    /// With at most so many objects in one call; by default a call gets all that are asked at once.
    #[must_use]
    pub fn with_batch(self, batch: usize) -> Self {
        Self {
            batch: batch.max(1),
            ..self
        }
    }
}

fn answer(columns: &[String], values: Option<Vec<f64>>) -> Answer {
    match values {
        None => Answer::failed(FailureKind::Null, ""),
        Some(values) if values.len() != columns.len() => {
            let message = format!("{} values for {} columns", values.len(), columns.len());
            Answer::failed(FailureKind::MissingColumn, message)
        }
        Some(values) => Answer::of_values(columns, values),
    }
}

impl Oracle for Callable {
    fn columns(&self) -> &[String] {
        &self.columns
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
        let mut first = 0;
        for batch in objects.chunks(self.batch) {
            if should_stop() {
                return Err(OracleError::Interrupted);
            }
            let start = std::time::Instant::now();
            let answers =
                (self.function)(batch).map_err(|message| OracleError::Callable { message })?;
            if answers.len() != batch.len() {
                let message = format!("{} answers for {} objects", answers.len(), batch.len());
                return Err(OracleError::Callable { message });
            }
            let seconds = start.elapsed().as_secs_f64();
            let news = answers.into_iter().enumerate();
            heard(
                news.map(|(i, answer)| Heard::Answer {
                    index: first + i,
                    // The function's own word for an answer may still hold a NaN.
                    answer: match answer {
                        Answer::Scores(values) => self::answer(&self.columns, Some(values)),
                        failed @ Answer::Failed { .. } => failed,
                    },
                    seconds,
                })
                .collect(),
            )?;
            first += batch.len();
        }
        Ok(())
    }
}
