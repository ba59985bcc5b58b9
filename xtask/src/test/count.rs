//! How many tests passed, read from what test runners print.

use std::ops::AddAssign;

/// Tests that ran, and tests that their authors or their runner passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Ran well.
    pub passed: u64,
    /// Ran and failed, or ran out of time.
    pub failed: u64,
    /// Did not run.
    pub ignored: u64,
}

impl Count {
    /// One check that passed.
    pub const ONE: Self = Self {
        passed: 1,
        failed: 0,
        ignored: 0,
    };

    /// One check that failed.
    pub const ONE_FAILED: Self = Self {
        passed: 0,
        failed: 1,
        ignored: 0,
    };

    /// The sum over every summary line of libtest or a `N passed, N failed` script; only that of
    /// nextest where there is one, for it shows what libtest printed of each failure.
    pub fn read(output: &str) -> Self {
        let lines: Vec<String> = output.lines().map(without_colour).collect();
        let nextest = lines.iter().any(|line| is_nextest(line));
        let mut sum = Self::default();
        for line in lines.iter().filter(|line| !nextest || is_nextest(line)) {
            if let Some(count) = summary(line) {
                sum += count;
            }
        }
        sum
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

/// The count of one line, if it is a summary.
///
/// - libtest: `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; ...`
/// - nextest: `     Summary [   0.4s] 3 tests run: 3 passed (1 slow), 1 skipped`
/// - scripts: `7 passed, 0 failed`
/// - pytest, quiet: `1 failed, 36 passed, 2 skipped in 3.21s`
fn summary(line: &str) -> Option<Count> {
    let line = line.trim();
    let list = if let Some(rest) = line.strip_prefix("test result:") {
        rest.split_once(". ")?.1
    } else if is_nextest(line) {
        line.split_once(" run: ")?.1
    } else if line.starts_with(|c: char| c.is_ascii_digit())
        && (line.contains(" passed, ") || is_pytest(line))
    {
        line
    } else {
        return None;
    };
    let mut count = Count::default();
    for item in list.split([',', ';']) {
        let mut words = item.split_whitespace();
        let (Some(number), Some(what)) = (words.next(), words.next()) else {
            continue;
        };
        // "finished in 0.01s" and the like.
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        match what {
            "passed" => count.passed += number,
            "failed" | "timed" | "exec" | "error" | "errors" => count.failed += number,
            "ignored" | "skipped" => count.ignored += number,
            _ => {}
        }
    }
    Some(count)
}

/// Whether this is the summary that pytest ends with: counts, and the time they took.
fn is_pytest(line: &str) -> bool {
    let Some((counts, time)) = line.rsplit_once(" in ") else {
        return false;
    };
    let seconds = time.split(['s', ' ']).next().unwrap_or_default();
    seconds.parse::<f64>().is_ok()
        && [" passed", " failed", " error"]
            .iter()
            .any(|word| counts.contains(word))
}

/// Whether this is the summary that nextest ends with.
fn is_nextest(line: &str) -> bool {
    line.trim_start().starts_with("Summary [")
}

/// `line` without terminal colours.
fn without_colour(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // CSI: ends with the first letter after the bracket.
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_of_pytest_is_read() {
        let count = |passed, failed, ignored| Count {
            passed,
            failed,
            ignored,
        };
        assert_eq!(Count::read("..x\n36 passed in 3.21s\n"), count(36, 0, 0));
        assert_eq!(
            Count::read("1 failed, 36 passed, 2 skipped in 63.21s (0:01:03)\n"),
            count(36, 1, 2)
        );
        assert_eq!(Count::read("3 errors in 0.12s\n"), count(0, 3, 0));
        assert_eq!(
            Count::read("12 objects passed in silence\n"),
            count(0, 0, 0)
        );
    }

    #[test]
    fn libtest_summaries_are_added_up() {
        let output = "running 2 tests\ntest a ... ok\n\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s\n";
        assert_eq!(
            Count::read(output),
            Count {
                passed: 5,
                failed: 1,
                ignored: 1
            }
        );
    }

    #[test]
    fn nextest_summaries_are_read_through_colours() {
        let plain = "     Summary [   5.123s] 12 tests run: 10 passed (1 slow), 1 failed, 1 timed out, 2 skipped";
        let expected = Count {
            passed: 10,
            failed: 2,
            ignored: 2,
        };
        assert_eq!(Count::read(plain), expected);
        let coloured = "\u{1b}[32;1m     Summary\u{1b}[0m [   5.123s] \u{1b}[1m12\u{1b}[0m tests run: \
            \u{1b}[1m10\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m (1 slow), 1 failed, 1 timed out, 2 skipped";
        assert_eq!(Count::read(coloured), expected);
    }

    #[test]
    fn a_failure_that_nextest_shows_counts_once() {
        let output = "        FAIL [   0.428s] (1/2) cli::resume longer\n\
            \x20   test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.40s\n\
            \x20    Summary [   0.459s] 2 tests run: 1 passed, 1 failed, 0 skipped\n\
            \x20       FAIL [   0.428s] (1/2) cli::resume longer\n";
        assert_eq!(
            Count::read(output),
            Count {
                passed: 1,
                failed: 1,
                ignored: 0
            }
        );
    }

    #[test]
    fn scripts_are_read_and_talk_is_not() {
        assert_eq!(Count::read("7 passed, 0 failed").passed, 7);
        assert_eq!(
            Count::read("12 curves drawn\nthe test result: unclear"),
            Count::default()
        );
    }
}
