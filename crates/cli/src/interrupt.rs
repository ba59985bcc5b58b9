//! Ctrl-C and termination: finish the step, save, leave.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);
static SAVED: AtomicBool = AtomicBool::new(false);
static LISTENING: OnceLock<bool> = OnceLock::new();

/// Listens from now on. A second signal ends the program at once.
pub fn listen() {
    LISTENING.get_or_init(|| {
        ctrlc::set_handler(|| {
            if SAVED.load(Ordering::SeqCst) {
                eprintln!("\nthe training is saved; gfn resume writes its samples and report");
                std::process::exit(130);
            }
            if ASKED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            eprintln!("\nstopping after this step; once more to leave at once");
        })
        .is_ok()
    });
}

/// Whether a signal has come.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// What [`asked`] looks at, for work that is handed it.
pub fn flag() -> &'static AtomicBool {
    &ASKED
}

/// From now on there is nothing to save: a signal ends the program at once.
pub fn nothing_to_save() {
    SAVED.store(true, Ordering::SeqCst);
}
