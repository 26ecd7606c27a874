//! A small model hub like Hugging Face's, served on this machine, for tests.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The only token that it accepts.
pub const TOKEN: &str = "secret";

/// Files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What the hub serves, which faults it makes, and what it was asked for.
#[derive(Default)]
pub struct State {
    /// Commits with their files, by revision: branch, tag or commit.
    pub revisions: BTreeMap<String, (String, Files)>,
    /// Names that the list of files has although no such file is served.
    pub listed: Vec<String>,
    /// If set, the status with which every request for a file is refused.
    pub refuses: Option<&'static str>,
    /// With which status the next requests of any kind are refused, one request for each entry; `None` for
    /// one that is answered. More header lines may follow the status.
    pub stumbles: VecDeque<Option<&'static str>>,
    /// The next requests for a file to its end are cut off after so many bytes, one request for each entry.
    pub cuts: VecDeque<usize>,
    /// Whether a request for the rest of a file gets all of it.
    pub ranges: Ranges,
    /// How many bytes longer than it is each file is announced.
    pub lies: usize,
    /// Sent instead of the ETag.
    pub etag: Option<&'static str>,
    /// Paths asked for, with the range.
    pub requests: Vec<String>,
}

/// Whether ranges of a file are served. Ranges that name their last byte always are.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Ranges {
    #[default]
    /// As asked.
    Honoured,
    /// The whole file is sent.
    Ignored,
}

/// A hub that serves until it is dropped.
pub struct Hub {
    /// Its address, for `HF_ENDPOINT`.
    pub endpoint: String,
    state: Arc<Mutex<State>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Hub {
    /// A hub whose one repository has these files at `main`, which is this commit.
    pub fn start(commit: &str, files: Files) -> Hub {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let serve = move || {
            for stream in listener.incoming() {
                // Dropping the hub makes a connection of no bytes.
                if answer(stream.expect("a connection"), &shared).is_none() {
                    return;
                }
            }
        };
        let hub = Hub { endpoint, state, thread: Some(std::thread::spawn(serve)) };
        hub.set("main", commit, files);
        hub
    }

    /// Makes `revision` and `commit` mean these files.
    pub fn set(&self, revision: &str, commit: &str, files: Files) {
        let mut state = self.state();
        state.revisions.insert(commit.to_owned(), (commit.to_owned(), files.clone()));
        state.revisions.insert(revision.to_owned(), (commit.to_owned(), files));
    }

    /// What it serves and has been asked, to look at and to change.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was asked for since the last call.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        drop(TcpStream::connect(self.endpoint.trim_start_matches("http://")));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one request; `None` if there is none.
fn answer(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let header = |name: &str| {
        headers.iter().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let range = header("range").unwrap_or_default();
    state.requests.push(format!("{path} {range}").trim_end().to_owned());
    let stranger = header("authorization").is_some_and(|token| token != format!("Bearer {TOKEN}"));
    let refused = if stranger { Some("401 Unauthorized") } else { state.refuses };
    if let Some(status) = state.stumbles.pop_front().flatten() {
        drop(plain(&mut stream, status, ""));
        return Some(());
    }
    let written = match (path.split_once("/revision/"), path.split_once("/resolve/")) {
        (Some((_, revision)), _) => list(&mut stream, &state, revision.trim_end_matches("?blobs=true")),
        (_, Some((_, rest))) => match refused {
            Some(status) => plain(&mut stream, status, ""),
            None => file(&mut stream, &mut state, rest, &range),
        },
        _ => plain(&mut stream, "404 Not Found", ""),
    };
    // A client that has enough goes away.
    drop(written);
    Some(())
}

fn plain(stream: &mut TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn list(stream: &mut TcpStream, state: &State, revision: &str) -> std::io::Result<()> {
    let Some((commit, files)) = state.revisions.get(&revision.replace("%2F", "/")) else {
        return plain(stream, "404 Not Found", "");
    };
    let listed = state.listed.iter().map(|name| format!(r#"{{"rfilename":"{name}","size":1}}"#));
    let siblings: Vec<String> = files
        .iter()
        .map(|(name, body)| format!(r#"{{"rfilename":"{name}","size":{}}}"#, body.len()))
        .chain(listed)
        .collect();
    plain(stream, "200 OK", &format!(r#"{{"sha":"{commit}","siblings":[{}]}}"#, siblings.join(",")))
}

fn file(stream: &mut TcpStream, state: &mut State, rest: &str, range: &str) -> std::io::Result<()> {
    let found = rest.split_once('/').and_then(|(revision, name)| {
        let (commit, files) = state.revisions.get(&revision.replace("%2F", "/"))?;
        Some((commit.clone(), files.get(name)?.clone()))
    });
    let Some((commit, body)) = found else { return plain(stream, "404 Not Found", "") };
    let (first, last) =
        range.strip_prefix("bytes=").and_then(|range| range.split_once('-')).unwrap_or(("0", ""));
    let first: usize = first.parse().unwrap_or(0);
    if first >= body.len() {
        return plain(stream, "416 Range Not Satisfiable", "");
    }
    let end = last.parse().map_or(body.len(), |last: usize| last + 1);
    let whole = state.ranges == Ranges::Ignored && last.is_empty();
    let (first, end) = if whole { (0, body.len()) } else { (first, end) };
    let status = if whole { "200 OK" } else { "206 Partial Content" };
    // FNV-1a: equal files have equal names, as on the hub.
    let hash = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    let etag = state.etag.map_or(format!("{hash:016x}"), str::to_owned);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{}/{}\r\nETag: \"{etag}\"\r\n\
         X-Repo-Commit: {commit}\r\nConnection: close\r\n\r\n",
        end - first,
        end - 1,
        body.len() + state.lies
    )?;
    let cut = if last.is_empty() { state.cuts.pop_front() } else { None };
    let sent = cut.map_or(end, |bytes| end.min(first + bytes));
    stream.write_all(&body[first..sent])
}
