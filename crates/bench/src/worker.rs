//! A process that measures when it is told to, and the conversation with it: a line at a time, its own JSON.
//!
//! ```text
//! it says   {"ready": {"name": "pytorch", "version": "2.15.0"}}   or {"missing": ["torch"]}
//! we say    go 1.0       and it measures steps, at least one, until they took a second
//! it says   {"seconds": [0.31, ...], "peak_memory_bytes": 400000000}
//! ```
//!
//! Between turns it waits for its standard input and computes nothing; it ends when that input does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context as _, anyhow, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A worker's first line.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hello {
    /// It has built the network.
    Ready {
        /// What measures: `pytorch`, ...
        name: String,
        version: String,
    },
    /// It cannot import these.
    Missing(Vec<String>),
}

/// What a worker says after each turn.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// Seconds of each step.
    pub(crate) seconds: Vec<f64>,
    /// The most memory its process has had, where the system tells.
    pub(crate) peak_memory_bytes: Option<u64>,
}

impl Turn {
    pub(crate) fn images_per_second(&self, batch: usize) -> f64 {
        (batch * self.seconds.len()) as f64 / self.seconds.iter().sum::<f64>()
    }
}

/// All workers there are, so that Ctrl-C can end them from another thread.
#[derive(Debug, Default)]
pub struct Crew {
    stopped: AtomicBool,
    children: Mutex<Vec<Arc<Mutex<Child>>>>,
}

impl Crew {
    /// Kills every worker, and every one that is about to start.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        lock(&self.children).iter().for_each(kill);
    }

    /// Whether it was told to stop.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn join(&self, child: Child) -> Arc<Mutex<Child>> {
        let child = Arc::new(Mutex::new(child));
        lock(&self.children).push(Arc::clone(&child));
        if self.is_stopped() {
            kill(&child);
        }
        child
    }

    fn leave(&self, child: &Arc<Mutex<Child>>) {
        lock(&self.children).retain(|other| !Arc::ptr_eq(other, child));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kill(child: &Arc<Mutex<Child>>) {
    // It may have ended by itself.
    let _ = lock(child).kill();
}

/// One worker. Dropping it kills its process.
#[derive(Debug)]
pub(crate) struct Worker<'a> {
    crew: &'a Crew,
    /// Who it is, for error messages.
    label: String,
    child: Arc<Mutex<Child>>,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Collects what it says on standard error; ends with its last line.
    complaints: Option<JoinHandle<Option<String>>>,
}

impl<'a> Worker<'a> {
    /// Starts `command`; does not wait for its first line.
    pub(crate) fn start(crew: &'a Crew, label: &str, mut command: Command) -> std::io::Result<Worker<'a>> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(std::io::Error::other("no pipes to it"));
        };
        let complaints = std::thread::spawn(move || {
            let lines = BufReader::new(errors).lines().map_while(Result::ok);
            lines.filter(|line| !line.trim().is_empty()).inspect(|line| tracing::debug!("{line}")).last()
        });
        let (output, child) = (BufReader::new(output), crew.join(child));
        Ok(Worker { crew, label: label.to_owned(), child, input, output, complaints: Some(complaints) })
    }

    /// Its first line.
    pub(crate) fn hello(&mut self) -> anyhow::Result<Hello> {
        self.read()
    }

    /// Lets it measure steps for `seconds`, at least one step.
    pub(crate) fn turn(&mut self, seconds: f64) -> anyhow::Result<Turn> {
        if writeln!(self.input, "go {seconds}").and_then(|()| self.input.flush()).is_err() {
            return Err(self.end());
        }
        let turn: Turn = self.read()?;
        if turn.seconds.is_empty()
            || turn.seconds.iter().any(|seconds| !(seconds.is_finite() && *seconds > 0.0))
        {
            bail!("{} says that its steps took {:?} seconds", self.label, turn.seconds);
        }
        Ok(turn)
    }

    fn read<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(length) if length > 0 => serde_json::from_str(&line).with_context(|| {
                format!("{} says {:?}, which is not understood", self.label, line.trim_end())
            }),
            _ => Err(self.end()),
        }
    }

    /// The error of a worker that has ended, with the last line of its standard error.
    fn end(&mut self) -> anyhow::Error {
        kill_if_running(&self.child);
        let status = lock(&self.child).wait();
        let last = self.complaints.take().and_then(|thread| thread.join().ok().flatten());
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        match last {
            Some(last) => anyhow!("{} ended ({status}): {}", self.label, last.trim_start_matches("error: ")),
            None => anyhow!("{} ended without a word ({status})", self.label),
        }
    }
}

/// For a process whose output has ended: waits up to a second for it to end by itself, then kills it.
fn kill_if_running(child: &Arc<Mutex<Child>>) {
    for _ in 0..100 {
        match lock(child).try_wait() {
            Ok(None) => {}
            _ => return,
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    kill(child);
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        kill(&self.child);
        let _ = lock(&self.child).wait();
        self.crew.leave(&self.child);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A worker that is a shell script.
    fn shell<'a>(crew: &'a Crew, script: &str) -> Worker<'a> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Worker::start(crew, "the script", command).unwrap()
    }

    #[test]
    fn a_conversation() {
        let crew = Crew::default();
        let mut worker = shell(
            &crew,
            r#"echo '{"ready": {"name": "sh", "version": "1"}}'
            while read word seconds; do
                echo "{\"seconds\": [$seconds, 0.25], \"peak_memory_bytes\": null}"
            done"#,
        );
        assert_eq!(worker.hello().unwrap(), Hello::Ready { name: "sh".into(), version: "1".into() });
        for _ in 0..2 {
            let turn = worker.turn(0.75).unwrap();
            assert_eq!(turn, Turn { seconds: vec![0.75, 0.25], peak_memory_bytes: None });
            assert_eq!(turn.images_per_second(8), 16.0);
        }
        drop(worker);
        assert!(lock(&crew.children).is_empty());
        let mut missing = shell(&crew, r#"echo '{"missing": ["torch"]}'"#);
        assert_eq!(missing.hello().unwrap(), Hello::Missing(vec!["torch".into()]));
    }

    #[test]
    fn broken_workers_are_told_apart() {
        let rows = [
            ("echo 'error: no memory' >&2; exit 4", "the script ended (exit status: 4): no memory"),
            ("exit 0", "the script ended without a word (exit status: 0)"),
            ("echo nonsense; cat", "the script says \"nonsense\", which is not understood"),
        ];
        let crew = Crew::default();
        for (script, expected) in rows {
            let message = shell(&crew, script).hello().unwrap_err().to_string();
            assert_eq!(message, expected, "{script}");
        }
        let said = r#"echo '{"seconds": [], "peak_memory_bytes": 1}'; cat"#;
        assert!(shell(&crew, said).turn(1.0).unwrap_err().to_string().contains("took [] seconds"));
    }

    #[test]
    fn stopping_ends_who_works_and_who_comes_later() {
        let crew = Crew::default();
        let mut worker = shell(&crew, "exec sleep 600");
        std::thread::scope(|scope| {
            scope.spawn(|| crew.stop());
            assert!(worker.hello().unwrap_err().to_string().contains("signal: 9"));
        });
        assert!(shell(&crew, "exec sleep 600").hello().is_err());
    }
}
