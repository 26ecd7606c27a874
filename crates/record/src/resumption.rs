//! [`Resumption`]: that a run was stopped and went on, and what was no longer as at its beginning.

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
