//! `gfn data`: a server and a pip of the test's own stand for the origins.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::place::{Place, text};

/// SHA-256 of `abc` and of the empty text (FIPS 180-4 and its test vectors).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A list with a set from PyPI and sets from a server.
fn manifest(place: &Place, port: u16) {
    let text = format!(
        r#"
        [origin.web]
        kind = "https"
        url = "http://127.0.0.1:{port}/"
        licence = "MIT"
        [origin.package]
        kind = "pip"
        package = "three-letters"
        version = "1.0"
        archive = "wheel"
        bytes = 100
        licence = "MIT"
        [[set]]
        name = "web"
        what = "three letters"
        licence = "MIT"
        citation = "nobody"
        [[set.file]]
        path = "web/abc.txt"
        origin = "web"
        member = "abc"
        size = 3
        sha256 = "{ABC}"
        [[set.file]]
        path = "web/abc.txt.gz"
        origin = "web"
        member = "abc"
        convert = "gzip"
        size = 3
        sha256 = "{ABC}"
        [[set]]
        name = "wrong"
        what = "not what it should be"
        licence = "MIT"
        citation = "nobody"
        [[set.file]]
        path = "wrong.txt"
        origin = "web"
        member = "abc"
        size = 0
        sha256 = "{EMPTY}"
        [[set]]
        name = "gone"
        what = "not there"
        licence = "MIT"
        citation = "nobody"
        [[set.file]]
        path = "gone.txt"
        origin = "web"
        member = "gone"
        size = 3
        sha256 = "{ABC}"
        [[set]]
        name = "wheel"
        what = "three letters in a wheel"
        licence = "MIT"
        citation = "nobody"
        [[set.file]]
        path = "wheel/abc.txt"
        origin = "package"
        member = "three/abc.txt"
        size = 3
        sha256 = "{ABC}"
        "#
    );
    std::fs::write(place.path("sets.toml"), text).expect("written");
}

/// A server that knows `/abc`, for as long as the test runs.
fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            let answer: &[u8] = if request[..read].starts_with(b"GET /abc ") {
                b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
            } else {
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            };
            let _ = stream.write_all(answer);
        }
    });
    port
}

/// Runs with the data folder `data` and `path` as the only place of programs.
fn gfn(place: &Place, path: &Path, args: &[&str]) -> Output {
    let mut all = vec!["data"];
    all.extend(args);
    place
        .command(&all)
        .env("GFN_DATA", place.path("data"))
        .env("XDG_CACHE_HOME", place.path("cache"))
        .env("PATH", path)
        .output()
        .expect("the program starts")
}

fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn refused(output: &Output, parts: &[&str]) {
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }
}

#[test]
fn a_set_is_fetched_from_a_server_verified_and_never_replaced_silently() {
    let place = Place::new();
    manifest(&place, serve());
    let no_programs = place.path("empty");
    let gfn = |args: &[&str]| {
        let mut all = args.to_vec();
        all.extend(["--manifest", "sets.toml"]);
        gfn(&place, &no_programs, &all)
    };
    assert!(ok(&gfn(&["fetch", "web"])).matches("fetched").count() == 2);
    assert_eq!(place.read("data/web/abc.txt"), b"abc");
    assert!(ok(&gfn(&["fetch", "web"])).matches("here ").count() == 2);
    assert!(ok(&gfn(&["verify"])).contains("2 right, 0 wrong"));
    let list = ok(&gfn(&["list"]));
    assert!(
        list.contains(&place.path("data").display().to_string()),
        "{list}"
    );
    assert!(ok(&gfn(&["show", "web"])).contains(ABC));

    std::fs::write(place.path("data/web/abc.txt"), "abd").expect("written");
    // SHA-256 of `abd`, by sha256sum.
    let abd = "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9";
    refused(&gfn(&["verify"]), &["abc.txt", ABC, abd]);
    refused(&gfn(&["fetch", "web"]), &["--force", abd]);
    assert_eq!(place.read("data/web/abc.txt"), b"abd");
    ok(&gfn(&["fetch", "web", "--force"]));
    assert_eq!(place.read("data/web/abc.txt"), b"abc");
    let left: Vec<PathBuf> = std::fs::read_dir(place.path("data"))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert_eq!(left, [place.path("data/web")], "nothing is left behind");
}

#[test]
fn what_cannot_be_fetched_says_why_and_the_others_are_fetched() {
    let place = Place::new();
    manifest(&place, serve());
    let no_programs = place.path("empty");
    let all = ["fetch", "--all", "--manifest", "sets.toml"];
    let output = gfn(&place, &no_programs, &all);
    refused(
        &output,
        &[
            "status 404",
            "gfn data fetch gone --from",
            EMPTY,
            "nothing was kept",
            "three-letters==1.0",
            "no pip runs here",
            "python3 -m pip",
            "3 of 4 sets",
        ],
    );
    assert!(place.path("data/web/abc.txt").exists() && !place.path("data/wrong.txt").exists());
    refused(
        &gfn(&place, &no_programs, &["fetch", "tfbind9"]),
        &["did you mean tfbind8"],
    );
}

#[test]
#[cfg(unix)]
fn a_set_is_fetched_through_pip() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    manifest(&place, 1);
    let bin = place.path("bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    let wheel = place.path("three_letters-1.0-py3-none-any.whl");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&wheel).expect("a file"));
    let options = zip::write::SimpleFileOptions::default();
    for (name, content) in [("three/abc.txt", "abc"), ("../../outside.txt", "no")] {
        zip.start_file(name, options).expect("a member");
        zip.write_all(content.as_bytes()).expect("written");
    }
    zip.finish().expect("written");
    let pip = |script: &str| {
        let path = bin.join("pip");
        std::fs::write(&path, script).expect("written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("set");
    };
    let fetch = |more: &[&str]| {
        let mut args = vec!["fetch", "wheel", "--manifest", "sets.toml"];
        args.extend(more);
        gfn(&place, &bin, &args)
    };

    pip(
        "#!/bin/sh\n[ $1 = --version ] && exit 0\necho ERROR: No matching distribution found >&2\nexit 1\n",
    );
    refused(
        &fetch(&[]),
        &["No matching distribution", "three-letters==1.0", "--from"],
    );
    pip("#!/bin/sh\n[ $1 = --version ] && exit 0\nexec /bin/sleep 30\n");
    refused(&fetch(&["--timeout", "1"]), &["stopped after 1 s"]);
    pip("#!/bin/sh\n[ $1 = --version ] && exit 0\nexit 0\n");
    refused(&fetch(&[]), &["has no three-letters-1.0*.whl"]);
    let copy = format!(
        "#!/bin/sh\n[ $1 = --version ] && exit 0\nfor a in \"$@\"; do [ \"$d\" = --dest ] && to=$a; d=$a; done\n\
         exec /bin/cp {} \"$to\"\n",
        wheel.display()
    );
    pip(&copy);
    ok(&fetch(&[]));
    assert_eq!(place.read("data/wheel/abc.txt"), b"abc");
    assert!(!place.path("outside.txt").exists() && !place.path("data/outside.txt").exists());

    // Without pip, out of a folder.
    std::fs::remove_dir_all(place.path("data")).expect("removed");
    std::fs::remove_file(bin.join("pip")).expect("removed");
    ok(&fetch(&["--from", "."]));
    assert_eq!(place.read("data/wheel/abc.txt"), b"abc");
}

#[test]
fn a_file_of_one_s_own_is_looked_into() {
    let place = Place::new();
    let file = "id;SMILES;score\n1;CCO;0.5\n2;OCC;0.25\n3;c1ccccc1;1\n4;C(C;2\n5;C\n";
    std::fs::write(place.path("mine.csv"), file).expect("written");
    let output = place.gfn(&["data", "read", "mine.csv", "-n", "2"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    for part in [
        "CSV",
        "id, SMILES, score",
        "4 read, 1 not",
        "3 valid, 1 not, 2 distinct",
        "line 3: 2  OCC  0.25",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    let errors = text(&output.stderr);
    assert!(
        errors.contains("line 5: ") && errors.contains("line 6: "),
        "{errors}"
    );
    std::fs::write(place.path("mine.fa"), ">a\nac\nG\n").expect("written");
    assert!(place.ok(&["data", "read", "mine.fa"]).contains("ACG"));
    place.refused(&["data", "read", "none.csv"], &["none.csv"]);
    place.refused(
        &["data", "read", "mine.csv", "--column", "smile"],
        &["no column smile", "id, SMILES, score"],
    );
}

#[test]
fn the_shared_sets_are_right() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !shared.is_dir() {
        println!("SKIPPED: ../shared/data is not at hand");
        return;
    }
    let place = Place::new();
    let output = place
        .command(&["data", "verify"])
        .env("GFN_DATA", &shared)
        .env("XDG_CACHE_HOME", place.path("cache"))
        .output()
        .expect("the program starts");
    assert!(ok(&output).contains(", 0 wrong, 0 not here"));
}
