//! A second thread that stays awake while the first one works alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a thread is kept awake at most.
const LIMIT: Duration = Duration::from_micros(500);

/// Does `work` on this thread; another thread of the current pool, if one is free, waits for its end without
/// going to sleep.
///
/// For pieces of tens of microseconds between two parallel ones. A thread that finds nothing to do sleeps after
/// some ten, and to wake it takes as long again as such a piece. Work that is itself spread over threads gains
/// nothing here.
pub(super) fn alert<R>(work: impl FnOnce() -> R) -> R {
    let done = AtomicBool::new(false);
    rayon::in_place_scope(|scope| {
        scope.spawn(|_| {
            let begin = Instant::now();
            while !done.load(Ordering::Acquire) && begin.elapsed() < LIMIT {
                (0..32).for_each(|_| std::hint::spin_loop());
            }
        });
        // Also where the work panics.
        let _end = Raised(&done);
        work()
    })
}

/// Raises its flag when it is dropped.
struct Raised<'a>(&'a AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_done_once_with_any_number_of_threads() {
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().expect("threads");
            let mut count = 0;
            assert_eq!(
                pool.install(|| alert(|| {
                    count += 1;
                    count
                })),
                1
            );
        }
    }

    #[test]
    fn a_panic_does_not_leave_the_other_thread_waiting() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2);
        let pool = pool.build().expect("threads");
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.install(|| alert(|| panic!("work")))
        }));
        assert!(caught.is_err());
        assert_eq!(pool.install(|| alert(|| 1)), 1);
    }
}
