//! [`Resumption`]: that a run was stopped and went on, and what was no longer as at its beginning.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Machine, Tools};

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
