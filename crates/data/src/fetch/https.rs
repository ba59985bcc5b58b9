//! Downloads over HTTPS.

use std::io::Read;
use std::time::Duration;

use super::Event;
use crate::error::DataError;
use crate::manifest::{MAX_BYTES, Set};

/// Times a download is tried where the network fails.
const TRIES: u32 = 3;

/// The bytes at `url` + `member`.
///
/// A download that breaks off begins again, at most [`TRIES`] times; an answer of the server that says
/// no is final.
pub(super) fn download(
    url: &str,
    member: &str,
    set: &Set,
    patience: Duration,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Vec<u8>, DataError> {
    let address = format!("{url}{member}");
    // Plain HTTP comes in for the loopback address only, see `Manifest::parse`; a redirect to it does not.
    let agent = ureq::Agent::config_builder()
        .https_only(url.starts_with("https://"))
        .timeout_connect(Some(patience.min(Duration::from_secs(30))))
        .timeout_recv_response(Some(patience))
        .timeout_global(Some(patience))
        .user_agent(concat!("anabranch/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent();
    let mut tries = 1;
    loop {
        match once(&agent, &address, tell) {
            Ok(bytes) => return Ok(bytes),
            Err((_, true)) if tries < TRIES => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(500));
            }
            Err((reason, may_pass)) => {
                let again = if may_pass {
                    "check the network and HTTPS_PROXY and try again"
                } else {
                    "the origin may have moved"
                };
                return Err(DataError::Download {
                    remedy: format!(
                        "{again}, or download it by hand into a folder and run `gfn data fetch {} --from <that folder>`",
                        set.name
                    ),
                    url: address,
                    reason,
                });
            }
        }
    }
}

/// One attempt; with an error, whether another could go better.
fn once(
    agent: &ureq::Agent,
    address: &str,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Vec<u8>, (String, bool)> {
    let response = agent.get(address).call().map_err(|error| {
        let may_pass = match &error {
            ureq::Error::StatusCode(code) => *code >= 500 || *code == 429,
            ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => false,
            _ => true,
        };
        let reason = match &error {
            ureq::Error::StatusCode(code) => format!("the server answers with status {code}"),
            other => other.to_string(),
        };
        (reason, may_pass)
    })?;
    let body = response.into_body();
    let expected = body.content_length();
    tell(Event::Download {
        what: address.to_owned(),
        bytes: expected,
    });
    let mut reader = body.into_with_config().limit(MAX_BYTES).reader();
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                bytes.extend_from_slice(&buffer[..read]);
                tell(Event::Bytes(bytes.len() as u64));
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err((format!("the download broke off: {error}"), true)),
        }
    }
    if let Some(expected) = expected.filter(|expected| *expected != bytes.len() as u64) {
        let got = bytes.len();
        return Err((format!("{got} bytes came of {expected}"), true));
    }
    Ok(bytes)
}
