//! [`Resumption`]: that a run was stopped and went on, and what was no longer as at its beginning.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{Machine, RunRecord, Tools, time};

/// A time that a run went on after it had been stopped. Fields are none where they are as in the record,
/// which says how the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resumption {
    /// Steps done before it.
    pub step: u64,
    /// When: UTC, RFC 3339.
    pub at: String,
    /// How many threads of each process compute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// How many processes train together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<usize>,
    /// The machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// The version of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What the program is built with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_with: Option<Tools>,
}

impl RunRecord {
    /// Notes that the run goes on now after `step` steps, in this program on this machine.
    ///
    /// ```
    /// # let text = include_str!("../../record/recipes/cifar10-resnet20-v2.toml");
    /// use resnet_record::{Recipe, RunRecord};
    /// let mut record = RunRecord::begin("run", &Recipe::parse(text, "cifar10-resnet20-v2.toml")?);
    /// record.resume(400, 2, 1);
    /// assert_eq!(record.resumptions[0].to_string(), "at step 400 (2 threads)");
    /// # Ok::<(), resnet_record::Error>(())
    /// ```
    pub fn resume(&mut self, step: u64, threads: usize, processes: usize) {
        fn changed<T: PartialEq>(now: T, before: Option<&T>) -> Option<T> {
            (before != Some(&now)).then_some(now)
        }
        // What the system counts as memory may differ from start to start.
        let same_machine = |before: &Machine| Machine { memory: before.memory, ..Machine::here() } == *before;
        let is_same_machine = self.machine.as_ref().is_some_and(same_machine);
        let resumption = Resumption {
            step,
            at: time::rfc3339(SystemTime::now()),
            threads: changed(threads, Some(&self.threads)),
            processes: changed(processes, Some(&self.processes)),
            machine: (!is_same_machine).then(Machine::here),
            version: changed(env!("CARGO_PKG_VERSION").to_owned(), Some(&self.version)),
            built_with: changed(Tools::here(), self.built_with.as_ref()),
        };
        self.resumptions.push(resumption);
    }
}

impl fmt::Display for Resumption {
    /// `at step 400 (1 thread, on AMD EPYC with 2 cores)`; no date.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |number: usize, one: &str, several: &str| match number {
            1 => format!("1 {one}"),
            number => format!("{number} {several}"),
        };
        let changes: Vec<String> = [
            self.threads.map(|threads| counted(threads, "thread", "threads")),
            self.processes.map(|processes| counted(processes, "process", "processes")),
            self.machine.as_ref().map(|machine| format!("on {} with {} cores", machine.cpu, machine.cores)),
            self.version.as_ref().map(|version| format!("resnet {version}")),
            self.built_with.as_ref().map(|tools| format!("rustc {}", tools.rustc)),
        ]
        .into_iter()
        .flatten()
        .collect();
        write!(f, "at step {}", self.step)?;
        if changes.is_empty() { Ok(()) } else { write!(f, " ({})", changes.join(", ")) }
    }
}
