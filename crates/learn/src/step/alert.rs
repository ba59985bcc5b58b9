//! Threads that stay awake although there is nothing for them to begin.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;

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
                pause();
            }
        });
        // Also where the work panics.
        let _end = Raised(&done);
        work()
    })
}

/// Results of `work` on each of `jobs`, in order, over the threads of the current pool.
///
/// A thread that finds no job left to begin does `beside`, which is done once, and then takes over what the others
/// hand on in pieces, until they are done or hand nothing on for half a millisecond.
pub(super) fn all_hands<J: Send, R: Send>(
    jobs: impl IntoIterator<Item = J>,
    beside: impl Fn() + Sync,
    work: impl Fn(J) -> R + Sync,
) -> Vec<R> {
    // One vector, so that threads begin with jobs and not with what comes beside them.
    let jobs: Vec<_> = jobs.into_iter().map(Some).chain([None]).collect();
    let left = AtomicUsize::new(jobs.len() - 1);
    jobs.into_par_iter()
        .filter_map(|job| {
            let Some(job) = job else {
                beside();
                lend_a_hand(|| left.load(Ordering::Acquire) == 0);
                return None;
            };
            let result = work(job);
            left.fetch_sub(1, Ordering::Release);
            Some(result)
        })
        .collect()
}

fn lend_a_hand(done: impl Fn() -> bool) {
    let mut begin = Instant::now();
    while !done() && begin.elapsed() < LIMIT {
        match rayon::yield_now() {
            Some(rayon::Yield::Executed) => begin = Instant::now(),
            Some(rayon::Yield::Idle) => pause(),
            // Not in a pool: nobody hands anything on.
            None => return,
        }
    }
}

/// A microsecond, about.
fn pause() {
    (0..32).for_each(|_| std::hint::spin_loop());
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
    fn all_jobs_are_done_once_and_in_order_with_any_number_of_threads() {
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().expect("threads");
            let beside = AtomicUsize::new(0);
            let results = pool.install(|| {
                let once = || {
                    beside.fetch_add(1, Ordering::Relaxed);
                };
                all_hands(0..5, once, |job| rayon::join(|| job, || job).0)
            });
            assert_eq!(results, [0, 1, 2, 3, 4], "{threads} threads");
            assert_eq!(beside.into_inner(), 1, "{threads} threads");
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
