//! Requests that end: a server that stays silent is given up, and one that fails for now is asked again.
//!
//! hf-hub sets no limits for its requests, and its answers about a file don't tell how long a busy server
//! wants to be left alone; so its client is used, and the answers are read here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hf_hub::Repo;
use hf_hub::api::sync::Api;

use super::missing::Missing;

/// The longest wait between two requests, unless the server asks for a longer one.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The longest wait that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(600);
/// A wait from which on it is told.
const WORTH_TELLING: Duration = Duration::from_secs(5);
/// The most answers in a row that only say where else on the server to ask.
const MAX_REDIRECTS: usize = 10;

/// How long a server is waited for, and how often it is asked again.
#[derive(Debug)]
pub(crate) struct Patience {
    /// How long it may take to connect, to begin its answer, and for each part of it.
    pub(crate) silence: Duration,
    /// How many times in a row a request that failed is made again.
    pub(crate) retries: u32,
    /// The wait before the first of these; it doubles each time, up to a minute.
    pub(crate) wait: Duration,
    /// Whether the server has answered. If it never has, there may be no network, and it is asked but once
    /// more.
    has_answered: AtomicBool,
}

impl Clone for Patience {
    fn clone(&self) -> Self {
        let has_answered = AtomicBool::new(self.has_answered.load(Ordering::Relaxed));
        Patience { has_answered, ..*self }
    }
}

impl Default for Patience {
    /// Half a minute of silence, and in all two minutes of waits.
    fn default() -> Self {
        Patience::new(Duration::from_secs(30), 9, Duration::from_millis(300))
    }
}

impl Patience {
    pub(crate) fn new(silence: Duration, retries: u32, wait: Duration) -> Self {
        Patience { silence, retries, wait, has_answered: AtomicBool::new(false) }
    }

    /// What an answer of this status means; `after` is its header `Retry-After`.
    pub(crate) fn judge(&self, status: u16, after: Option<&str>) -> Result<(), Trouble> {
        self.has_answered.store(true, Ordering::Relaxed);
        let cause = format!("the server answers with status {status}");
        Err(match status {
            ..=399 => return Ok(()),
            // A date, which the header may have as well, is not read.
            408 | 425 | 429 | 500.. => Trouble::Passing(cause, after.and_then(|after| after.parse().ok())),
            401 | 403 => Trouble::Final(Missing::Refused(cause)),
            404 => Trouble::Final(Missing::Absent(cause)),
            _ => Trouble::Final(Missing::Failed(cause)),
        })
    }

    /// The trouble of a request without an answer.
    pub(crate) fn unanswered(&self, error: &dyn std::fmt::Display) -> Trouble {
        let cause = error.to_string();
        match cause.starts_with("timeout") {
            true => {
                let seconds = self.silence.as_secs_f64();
                Trouble::Passing(format!("the server does not answer within {seconds} seconds"), None)
            }
            false => Trouble::Passing(format!("the connection failed: {cause}"), None),
        }
    }
}

/// Why a request failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The connection was lost, or the server is busy: the same request may succeed later, after so many
    /// seconds if the server says how many.
    Passing(String, Option<u64>),
    /// Trying again is useless.
    Final(Missing),
}

/// How often in a row a request has failed.
pub(crate) struct Retries<'a> {
    patience: &'a Patience,
    /// What is asked for, for messages.
    what: &'a str,
    failures: u32,
}

impl<'a> Retries<'a> {
    pub(crate) fn new(patience: &'a Patience, what: &'a str) -> Self {
        Retries { patience, what, failures: 0 }
    }

    /// The request has brought something: earlier failures don't count.
    pub(crate) fn forget(&mut self) {
        self.failures = 0;
    }

    /// Waits until the request is to be made again.
    ///
    /// # Errors
    /// Why it is not to be made again.
    pub(crate) fn wait(&mut self, trouble: Trouble) -> Result<(), Missing> {
        let Patience { retries, wait, has_answered, .. } = self.patience;
        let (cause, asked) = match trouble {
            Trouble::Final(missing) => return Err(missing.of(self.what)),
            Trouble::Passing(cause, asked) => (cause, asked),
        };
        let retries = if has_answered.load(Ordering::Relaxed) { *retries } else { 1.min(*retries) };
        if self.failures >= retries {
            return Err(Missing::Failed(cause).of(self.what));
        }
        let own = wait.saturating_mul(2u32.saturating_pow(self.failures)).min(LONGEST_WAIT);
        let wait = asked.map_or(own, |seconds| Duration::from_secs(seconds).min(LONGEST_ASKED));
        self.failures += 1;
        if wait >= WORTH_TELLING {
            tracing::warn!("{}: {cause}; asking again in {} s", self.what, wait.as_secs());
        }
        std::thread::sleep(wait);
        Ok(())
    }
}

/// What `ask` brings, which is called again as long as its trouble may pass.
pub(crate) fn with_retries<T>(
    patience: &Patience,
    what: &str,
    mut ask: impl FnMut() -> Result<T, Trouble>,
) -> Result<T, Missing> {
    let mut retries = Retries::new(patience, what);
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(trouble) => retries.wait(trouble)?,
        }
    }
}

/// The answer to a request of hf-hub's, or the [`Trouble`] with it; `$redirects` is how many redirections are
/// followed. It is a macro because hf-hub does not export the types of its requests and answers.
macro_rules! ask {
    ($request:expr, $redirects:expr, $patience:expr) => {{
        let (patience, silence) = ($patience, Some($patience.silence));
        let request = $request
            .config()
            .max_redirects($redirects)
            .http_status_as_error(false)
            .timeout_resolve(silence)
            .timeout_connect(silence)
            .timeout_recv_response(silence)
            .timeout_per_read(silence)
            .build();
        request.call().map_err(|error| patience.unanswered(&error)).and_then(|answer| {
            let after = answer.headers().get("Retry-After").and_then(|after| after.to_str().ok());
            patience.judge(answer.status().as_u16(), after).map(|()| answer)
        })
    }};
}
pub(crate) use ask;

/// Follows the redirections that an answer of a request has, as far as a request does by default.
pub(crate) const FOLLOWED: u32 = 10;

/// What the server says about a file.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// Its name among all versions of all files, without quotes.
    pub(crate) etag: String,
    /// The commit that it is of.
    pub(crate) commit: String,
    pub(crate) bytes: u64,
}

/// Asks what the server says about the file that lies at `url`.
pub(crate) fn metadata(api: &Api, repo: &Repo, url: &str, patience: &Patience) -> Result<Metadata, Trouble> {
    let lacks = |what: &str| Trouble::Final(Missing::Failed(format!("the server does not tell its {what}")));
    let mut here = url.to_owned();
    for _ in 0..MAX_REDIRECTS {
        let request = api.repo(repo.clone()).info_request().uri(&here).header("Range", "bytes=0-0");
        let answer = ask!(request, 0, patience)?;
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        // The names of a large file lie with the hub, and its bytes elsewhere; a renamed repository's lie
        // under another path.
        let moved = header("Location").filter(|_| answer.status().is_redirection());
        if let Some(path) = moved.filter(|path| path.starts_with('/') && !path.starts_with("//")) {
            here = format!("{}{path}", server_of(&here));
            continue;
        }
        let etag = header("X-Linked-Etag").or_else(|| header("ETag")).ok_or_else(|| lacks("ETag"))?;
        let commit = header("X-Repo-Commit").ok_or_else(|| lacks("commit"))?;
        let (etag, commit) = (etag.trim_start_matches("W/").replace('"', ""), commit.to_owned());
        let bytes = match moved {
            None => header("Content-Range").and_then(size_of),
            Some(_) => match header("X-Linked-Size").and_then(|size| size.parse().ok()) {
                Some(size) => Some(size),
                None => {
                    let request = api.repo(repo.clone()).info_request().uri(&here);
                    let answer = ask!(request.header("Range", "bytes=0-0"), FOLLOWED, patience)?;
                    let range = answer.headers().get("Content-Range");
                    range.and_then(|range| range.to_str().ok()).and_then(size_of)
                }
            },
        };
        return Ok(Metadata { etag, commit, bytes: bytes.ok_or_else(|| lacks("size"))? });
    }
    let cause = format!("the server redirects more than {MAX_REDIRECTS} times");
    Err(Trouble::Final(Missing::Failed(cause)))
}

/// The scheme and the host of an address.
fn server_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    url[host..].find('/').map_or(url, |path| &url[..host + path])
}

/// The size of the file in `bytes 0-0/1234`.
fn size_of(range: &str) -> Option<u64> {
    range.rsplit_once('/')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience() -> Patience {
        Patience::new(Duration::from_secs(1), 3, Duration::from_millis(1))
    }

    #[test]
    fn what_may_pass_is_asked_again_and_nothing_else() {
        for (status, tries) in
            [(404, 1), (403, 1), (416, 1), (408, 4), (425, 4), (429, 4), (500, 4), (502, 4), (503, 4)]
        {
            let (patience, mut asked) = (patience(), 0);
            let told = with_retries(&patience, "a.tar", || {
                asked += 1;
                patience.judge(status, None)
            });
            assert_eq!(asked, tries, "{status}");
            assert!(
                told.unwrap_err()
                    .to_string()
                    .contains(&format!("a.tar: the server answers with status {status}"))
            );
        }
        let (patience, mut answers) = (patience(), [503, 429, 200].into_iter());
        with_retries(&patience, "x", || patience.judge(answers.next().unwrap_or(404), Some("0"))).unwrap();
        // A server that has never answered is probably not there.
        let (patience, mut asked) = (self::patience(), 0);
        let told = with_retries(&patience, "x", || -> Result<(), Trouble> {
            asked += 1;
            Err(patience.unanswered(&"timeout: connect"))
        });
        assert_eq!(
            (asked, told),
            (2, Err(Missing::Failed("x: the server does not answer within 1 seconds".into())))
        );
    }

    #[test]
    fn a_server_says_how_long_it_wants_to_be_left_alone() {
        let patience = patience();
        assert_eq!(patience.judge(206, None), Ok(()));
        for (after, wanted) in [(Some("7"), Some(7)), (Some("Mon, 30 Nov 2026"), None), (None, None)] {
            let told = patience.judge(429, after).unwrap_err();
            assert!(matches!(told, Trouble::Passing(_, asked) if asked == wanted), "{told:?}");
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(server_of("https://hub.co:1/a/b"), "https://hub.co:1");
        assert_eq!(server_of("https://hub.co"), "https://hub.co");
        assert_eq!((size_of("bytes 0-0/12"), size_of("bytes */*"), size_of("12")), (Some(12), None, None));
    }
}
