//! The one place where a panic of the chemistry engine is stopped.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether a panic on this thread will be caught below and should print nothing.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Makes the process's panic hook silent on threads that are inside [`contain`].
///
/// The hook that was installed before stays in charge of every other panic.
fn install_hook() {
    HOOK.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            if !QUIET.with(Cell::get) {
                previous(info);
            }
        }));
    });
}

/// Restores the flag also when the closure unwinds through us.
struct Quiet {
    before: bool,
}

impl Quiet {
    fn begin() -> Self {
        Self {
            before: QUIET.with(|quiet| quiet.replace(true)),
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        QUIET.with(|quiet| quiet.set(self.before));
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// Runs a call into the engine; a panic in it becomes `Err` with its message.
///
/// The engine's values are only read through `&` or owned by the closure, and its one lock reports
/// poisoning as an error, so nothing half-changed can be seen afterwards.
pub(crate) fn contain<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    install_hook();
    let quiet = Quiet::begin();
    let outcome = catch_unwind(AssertUnwindSafe(call));
    drop(quiet);
    outcome.map_err(|payload| message(payload.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(contain(|| 1 + 1), Ok(2));
        let index = 3;
        assert_eq!(
            contain(|| panic!("broken at {index}")).err(),
            Some("broken at 3".to_owned())
        );
        assert!(!QUIET.with(Cell::get));
    }
}
