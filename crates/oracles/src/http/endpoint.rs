//! One request, with its repetitions.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use ureq::Agent;
use ureq::http::{HeaderMap, StatusCode};

use super::settings::HttpSettings;
use crate::error::OracleError;
use crate::oracle::excerpt;

/// A text that is never shown.
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An address and how it is asked.
#[derive(Debug)]
pub(super) struct Endpoint {
    agent: Agent,
    url: String,
    pub(super) shown: String,
    token: Option<Secret>,
    retries: u32,
    backoff: f64,
    longest_backoff: f64,
}

/// Largest answer, bytes.
const LARGEST: u64 = 256 << 20;
/// Longest `Retry-After` that is waited for.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How often the wish to stop is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Somebody asked to stop.
    Stopped,
    /// Too slow.
    Timeout(String),
    /// Broken connections or refusals that may pass, as often as it was tried.
    Unreachable(String),
    /// A refusal that will not pass.
    Final(String),
}

impl Endpoint {
    pub(super) fn new(settings: &HttpSettings) -> Result<Self, OracleError> {
        let token = match &settings.token_env {
            None => None,
            Some(name) => Some(token(name)?),
        };
        let agent = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs_f64(settings.timeout)))
            .http_status_as_error(false)
            // A redirected POST becomes a GET; and the token is for this address only.
            .max_redirects(0)
            .user_agent(concat!("anabranch/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self {
            agent,
            url: settings.url.clone(),
            shown: settings.shown(),
            token,
            retries: settings.retries,
            backoff: settings.backoff,
            longest_backoff: settings.longest_backoff,
        })
    }

    /// Posts `body` until there is an answer; `repeated` hears of each repetition.
    pub(super) fn post(
        &self,
        body: &str,
        stop: &AtomicBool,
        mut repeated: impl FnMut(String),
    ) -> Result<String, Refusal> {
        let mut tries = 0;
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(Refusal::Stopped);
            }
            let (why, wait) = match self.once(body) {
                Ok(text) => return Ok(text),
                Err(Once::Final(refusal)) => return Err(refusal),
                Err(Once::MayPass(why, wait)) => (self.clean(&why), wait),
            };
            if tries >= self.retries {
                let why = format!("{why} ({} tries)", tries + 1);
                return Err(Refusal::Unreachable(why));
            }
            let doublings = i32::try_from(tries).unwrap_or(i32::MAX).min(60);
            let usual = (self.backoff * 2.0_f64.powi(doublings)).min(self.longest_backoff);
            let wait = wait.unwrap_or(Duration::from_secs_f64(usual)).min(PATIENCE);
            repeated(why);
            tries += 1;
            let start = Instant::now();
            while let Some(left) = wait.checked_sub(start.elapsed()).filter(|d| !d.is_zero()) {
                if stop.load(Ordering::Relaxed) {
                    return Err(Refusal::Stopped);
                }
                std::thread::sleep(left.min(GLANCE));
            }
        }
    }

    fn once(&self, body: &str) -> Result<String, Once> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json")
            .header("Accept", "application/json");
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {}", token.0));
        }
        let mut response = request.send(body).map_err(|e| self.failed(&e))?;
        let status = response.status();
        let wait = retry_after(response.headers());
        let text = response
            .body_mut()
            .with_config()
            .limit(LARGEST)
            .lossy_utf8(true)
            .read_to_string();
        if status.is_success() {
            return text.map_err(|e| self.failed(&e));
        }
        let said = self.clean(text.as_deref().unwrap_or_default().trim());
        let why = format!("answered {status}: {}", excerpt(&said, 200));
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Err(Once::MayPass(why, wait));
        }
        let remedy = match status.as_u16() {
            401 | 403 => "check the token (oracle.token_env)",
            404 | 405 => "check reward.url",
            300..=399 => "it wants to be asked elsewhere: set reward.url to that address",
            _ => "its log may say why",
        };
        Err(Once::Final(Refusal::Final(format!("{why}; {remedy}"))))
    }

    fn failed(&self, error: &ureq::Error) -> Once {
        let text = self.clean(&error.to_string());
        match error {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                Once::MayPass(text, None)
            }
            ureq::Error::Timeout(_) => Once::Final(Refusal::Timeout(
                "no answer in time (oracle.timeout is for a whole request; a smaller oracle.batch helps)"
                    .into(),
            )),
            ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::TimedOut => {
                Once::Final(Refusal::Timeout("no answer in time".into()))
            }
            ureq::Error::BadUri(_)
            | ureq::Error::Http(_)
            | ureq::Error::InvalidProxyUrl
            | ureq::Error::BodyExceedsLimit(_) => Once::Final(Refusal::Final(text)),
            _ => Once::MayPass(text, None),
        }
    }

    /// A text of the other side, without the token should it have sent it back.
    pub(super) fn clean(&self, text: &str) -> String {
        match &self.token {
            Some(token) => text.replace(&token.0, "***"),
            None => text.to_owned(),
        }
    }
}

enum Once {
    MayPass(String, Option<Duration>),
    Final(Refusal),
}

fn token(name: &str) -> Result<Secret, OracleError> {
    let refused = |problem| OracleError::Token {
        name: name.to_owned(),
        problem,
    };
    let token = std::env::var(name).map_err(|e| {
        refused(match e {
            std::env::VarError::NotPresent => "is not set",
            std::env::VarError::NotUnicode(_) => "is not a text",
        })
    })?;
    let token = token.trim().to_owned();
    if token.is_empty() {
        return Err(refused("is empty"));
    }
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        return Err(refused(
            "has a space, a line break or another character that no token has",
        ));
    }
    Ok(Secret(token))
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}
