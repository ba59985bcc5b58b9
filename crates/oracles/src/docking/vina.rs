//! The program AutoDock Vina: one process for each ligand.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::error::DockingError;
use super::settings::DockingSettings;
use crate::oracle::{FailureKind, excerpt};

/// Runs its arguments but the first until they end or standard input does, so that nothing goes on docking for a
/// program that was killed; the first is the folder of its files, which then goes too. It leads a process group
/// and kills that as a whole, since the program may be a script that starts Vina.
const GUARD: &str = r#"
folder=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
vina=$!
( read -r line <&3; rm -rf -- "$folder"; kill -KILL 0 ) >/dev/null 2>&1 &
guard=$!
exec 3<&-
wait $vina
status=$?
kill -KILL $guard 2>/dev/null
exit $status
"#;
/// How often it is looked at.
const GLANCE: Duration = Duration::from_millis(20);
/// Seconds in which a program must say its version; Vina takes milliseconds.
const PATIENCE: f64 = 30.0;
/// Most bytes of that which are read.
const LONGEST: u64 = 1 << 16;

/// What came of one run.
pub(super) enum Run {
    /// kcal/mol, and the pose that has it.
    Docked { affinity: f64, pose: String },
    /// No result for this ligand.
    Failed { kind: FailureKind, message: String },
    /// Somebody asked to stop.
    Stopped,
}

/// The name and version that the program gives itself.
pub(super) fn version(program: &str) -> Result<String, DockingError> {
    let failed = |problem: String| DockingError::NoVina {
        program: program.to_owned(),
        problem,
    };
    let mut said = tempfile::tempfile().map_err(|e| failed(e.to_string()))?;
    let child = said.try_clone().and_then(|output| {
        Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
    });
    let child = child.map_err(|e| failed(e.to_string()))?;
    let mut text = Vec::new();
    let read = match Process(child).wait(PATIENCE, &|| false) {
        Ok(Ended::ByItself(_)) => said
            .rewind()
            .and_then(|()| said.take(LONGEST).read_to_end(&mut text)),
        Ok(_) => {
            return Err(failed(format!(
                "--version has not ended in {PATIENCE} s, which is not AutoDock Vina"
            )));
        }
        Err(e) => Err(e),
    };
    read.map_err(|e| failed(e.to_string()))?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find(|line| line.contains("Vina"));
    line.map(|line| line.trim().to_owned()).ok_or_else(|| {
        failed(format!(
            "--version says {:?}, which is not AutoDock Vina",
            excerpt(&text, 100)
        ))
    })
}

/// Docks one ligand; files are `folder/<name>.*`, and are removed again.
pub(super) fn dock(
    settings: &DockingSettings,
    folder: &Path,
    receptor: &Path,
    name: &str,
    ligand: &str,
    stopped: &(dyn Fn() -> bool + Sync),
) -> io::Result<Run> {
    let file = |end: &str| folder.join(format!("{name}.{end}"));
    let (input, output, log) = (file("pdbqt"), file("out.pdbqt"), file("log"));
    fs::write(&input, ligand)?;
    let said = File::create(&log)?;
    let errors = said.try_clone()?;
    let mut command = Command::new("sh");
    command.args(["-c", GUARD, "sh"]).arg(folder);
    command.arg(&settings.program);
    command.arg("--receptor").arg(receptor);
    command.arg("--ligand").arg(&input);
    command.arg("--out").arg(&output);
    let places = ["x", "y", "z"].into_iter().enumerate();
    for (axis, letter) in places {
        let (center, size) = (
            settings.search_box.center[axis],
            settings.search_box.size[axis],
        );
        // One word each: a negative number would be taken for another option.
        command.arg(format!("--center_{letter}={center}"));
        command.arg(format!("--size_{letter}={size}"));
    }
    for (option, value) in [
        ("exhaustiveness", settings.exhaustiveness),
        ("num_modes", settings.modes),
        ("seed", settings.seed),
        ("cpu", settings.cpu),
    ] {
        command.arg(format!("--{option}={value}"));
    }
    let child = command
        .stdin(Stdio::piped())
        .stdout(said)
        .stderr(errors)
        // Of its own: Ctrl-C is ours to answer.
        .process_group(0)
        .spawn()?;
    let run = Process(child).wait(settings.timeout, stopped)?;
    let run = match run {
        Ended::ByItself(status) => judge(status, &output, &log)?,
        Ended::TimedOut => Run::Failed {
            kind: FailureKind::Timeout,
            message: format!("not docked in {} s (oracle.timeout)", settings.timeout),
        },
        Ended::Stopped => Run::Stopped,
    };
    for path in [&input, &output, &log] {
        // The folder goes as a whole in the end.
        let _ = fs::remove_file(path);
    }
    Ok(run)
}

enum Ended {
    ByItself(ExitStatus),
    TimedOut,
    Stopped,
}

/// A process group, killed when it is dropped.
struct Process(Child);

impl Process {
    fn wait(&mut self, timeout: f64, stopped: &(dyn Fn() -> bool + Sync)) -> io::Result<Ended> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(Ended::ByItself(status));
            }
            if stopped() {
                return Ok(Ended::Stopped);
            }
            if start.elapsed().as_secs_f64() > timeout {
                return Ok(Ended::TimedOut);
            }
            thread::sleep(GLANCE);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Once waited for, its number may belong to somebody else.
        if matches!(self.0.try_wait(), Ok(None)) {
            if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = self.0.wait();
        }
    }
}

fn judge(status: ExitStatus, output: &Path, log: &Path) -> io::Result<Run> {
    let failed = |kind, message| Ok(Run::Failed { kind, message });
    if !status.success() {
        let text = fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let said: Vec<&str> = text
            .lines()
            .rev()
            .filter(|l| !l.trim().is_empty())
            .take(4)
            .collect();
        let said: Vec<&str> = said.into_iter().rev().map(str::trim).collect();
        // A shell tells of a signal by a status above 128.
        let signal = status
            .signal()
            .or(status.code().filter(|code| *code > 128).map(|c| c - 128));
        return match signal {
            Some(signal) => failed(
                FailureKind::Crash,
                format!("vina was ended by signal {signal}"),
            ),
            None => failed(
                FailureKind::Error,
                format!("vina ended with {status} and said: {}", said.join(" ")),
            ),
        };
    }
    let text = match fs::read_to_string(output) {
        Ok(text) => text,
        Err(e) => return failed(FailureKind::Error, format!("vina wrote no poses: {e}")),
    };
    match best(&text) {
        Best::Pose(affinity, pose) => Ok(Run::Docked { affinity, pose }),
        Best::None => failed(FailureKind::Error, "vina found no pose".into()),
        // Vina does not notice a full disk. This is not the ligand's fault.
        Best::Cut => Err(io::Error::other(format!(
            "the poses in {} break off; see that the disk has room",
            output.display()
        ))),
    }
}

/// What a file of poses holds.
#[derive(Debug, PartialEq)]
enum Best {
    /// The affinity and the text of the first model, which is the best one.
    Pose(f64, String),
    /// No model.
    None,
    /// A model without its end.
    Cut,
}

fn best(text: &str) -> Best {
    if text.trim().is_empty() {
        return Best::None;
    }
    let mut affinity = None;
    let mut pose = String::new();
    for line in text.lines() {
        if line.starts_with("ENDMDL") {
            return match affinity {
                Some(affinity) => Best::Pose(affinity, pose),
                None => Best::None,
            };
        }
        if line.starts_with("MODEL") {
            continue;
        }
        if let Some(numbers) = line.strip_prefix("REMARK VINA RESULT:") {
            let first = numbers.split_whitespace().next();
            let number: Option<f64> = first.and_then(|word| word.parse().ok());
            affinity = number.filter(|number| number.is_finite());
        }
        pose.push_str(line);
        pose.push('\n');
    }
    Best::Cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_model_is_the_answer() {
        let text = "MODEL 1\nREMARK VINA RESULT:    -7.251      0.000      0.000\nROOT\nENDROOT\nENDMDL\n\
                    MODEL 2\nREMARK VINA RESULT:    -6.1      1.0      2.0\nENDMDL\n";
        let Best::Pose(affinity, pose) = best(text) else {
            panic!("{text}");
        };
        assert_eq!(affinity, -7.251);
        assert!(pose.ends_with("ROOT\nENDROOT\n") && !pose.contains("-6.1"));
        assert_eq!(best(""), Best::None);
        assert_eq!(best("MODEL 1\nENDMDL\n"), Best::None);
        assert_eq!(best(&text[..60]), Best::Cut);
    }

    #[test]
    fn what_is_not_vina_is_refused_with_the_package() {
        for program in ["no-such-program-anywhere", "true"] {
            let error = version(program).unwrap_err().to_string();
            assert!(error.contains("apt-get install autodock-vina"), "{error}");
        }
    }
}
