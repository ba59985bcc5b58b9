//! Long work beside a Python thread that goes on listening.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Failure, Result};

/// Time between two looks at signals and at what to show.
const LOOK: Duration = Duration::from_millis(100);

/// Stack of a thread: what the main thread of a program has.
const STACK: usize = 8 << 20;

/// Threads to compute with, made for one call: a pool that outlives it would not survive a fork.
///
/// # Errors
/// `threads` is 0, or the system has no threads to give.
pub fn pool(threads: Option<usize>) -> Result<ThreadPool> {
    if threads == Some(0) {
        return Err(Failure::value("threads is 0; give at least 1, or None"));
    }
    ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(0))
        .stack_size(STACK)
        .build()
        .map_err(|e| PyRuntimeError::new_err(format!("no threads to compute with: {e}")).into())
}

/// Does `work` inside a pool with the interpreter's lock released, while this thread goes on handling
/// signals and calls `look` ten times a second. Python handles signals on its main thread only, so the
/// work cannot do that itself.
///
/// The first exception, a `KeyboardInterrupt` for one, sets the flag that `work` is given; what `work`
/// returns comes back beside it. Work that does not look at its flag is waited for.
///
/// # Errors
/// Where no thread can be started.
pub fn watched<R: Send>(
    py: Python<'_>,
    threads: Option<usize>,
    work: impl FnOnce(&Arc<AtomicBool>) -> R + Send,
    mut look: impl FnMut(Python<'_>) -> PyResult<()>,
) -> Result<(R, Option<PyErr>)> {
    let pool = pool(threads)?;
    let stop = Arc::new(AtomicBool::new(false));
    let (ended, mut end) = sync_channel::<()>(1);
    thread::scope(|scope| {
        let (pool, flag) = (&pool, &stop);
        let worker = thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, move || {
                let result = pool.install(|| work(flag));
                drop(ended);
                result
            })
            .map_err(|e| PyRuntimeError::new_err(format!("no thread to compute on: {e}")))?;
        let mut raised = None;
        loop {
            let waiting = &mut end;
            let still = py.detach(move || waiting.recv_timeout(LOOK));
            if still != Err(RecvTimeoutError::Timeout) {
                break;
            }
            if let Err(error) = py.check_signals().and_then(|()| look(py)) {
                stop.store(true, Ordering::SeqCst);
                raised.get_or_insert(error);
            }
        }
        match py.detach(move || worker.join()) {
            Ok(result) => Ok((result, raised)),
            // A panic goes on as one: Python sees a PanicException.
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// As [`watched`] for work that is waited for: the exception comes once it is done.
///
/// # Errors
/// As [`watched`], and what was raised meanwhile.
pub fn waited<R: Send>(py: Python<'_>, work: impl FnOnce() -> R + Send) -> Result<R> {
    match watched(py, None, |_| work(), |_| Ok(()))? {
        (_, Some(raised)) => Err(raised.into()),
        (result, None) => Ok(result),
    }
}
