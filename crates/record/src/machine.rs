//! The machine that a run was trained on, as far as the system tells, and the tools that built the program.

use std::fs;

use serde::{Deserialize, Serialize};

/// A computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Threads that this program can run at once, as `std::thread::available_parallelism` tells.
    pub cores: usize,
    /// Its memory in bytes; `None` where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// The operating system and the instruction set, such as "linux x86_64".
    pub system: String,
}

impl Machine {
    /// The one that this program runs on.
    pub fn here() -> Machine {
        let line = |file: &str, key: &str| {
            let text = fs::read_to_string(file).ok()?;
            let line = text.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let kilobytes = line("/proc/meminfo", "MemTotal")
            .and_then(|text| text.strip_suffix("kB").and_then(|number| number.trim().parse::<u64>().ok()));
        let (system, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
        Machine {
            cpu: line("/proc/cpuinfo", "model name").unwrap_or_else(|| architecture.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: kilobytes.map(|kilobytes| 1024 * kilobytes),
            system: format!("{system} {architecture}"),
        }
    }
}

/// What a program is built with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tools {
    /// The compiler's version.
    pub rustc: String,
    /// candle's version; none where no lock file told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candle: Option<String>,
}

impl Tools {
    /// The tools that this program is built with.
    pub fn here() -> Tools {
        Tools {
            rustc: env!("RESNET_RUSTC").to_owned(),
            candle: option_env!("RESNET_CANDLE").map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_knows_what_it_is_built_with() {
        let is_version =
            |text: &str| text.split('.').count() >= 3 && text.starts_with(|c: char| c.is_ascii_digit());
        let Tools { rustc, candle } = Tools::here();
        assert!(is_version(&rustc), "{rustc}");
        // This workspace has a lock file.
        assert!(candle.as_deref().is_some_and(is_version), "{candle:?}");
    }

    #[test]
    fn this_machine_has_a_name_and_cores() {
        let here = Machine::here();
        assert!(here.cores >= 1 && !here.cpu.is_empty() && here.system.contains(std::env::consts::ARCH));
        #[cfg(target_os = "linux")]
        assert!(here.memory.is_some_and(|bytes| bytes > 1 << 20));
    }
}
