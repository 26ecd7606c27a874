//! The command line from outside, as its contract promises it: what it prints, how it ends, what it
//! leaves behind.
//!
//! A target of the package xtask (xtask/Cargo.toml), so that cargo builds the program before these tests and
//! says where.

#[path = "cli/bad_input.rs"]
mod bad_input;
#[cfg(unix)]
#[path = "cli/bench.rs"]
mod bench;
#[path = "cli/browser.rs"]
mod browser;
#[path = "cli/checkpoints.rs"]
mod checkpoints;
#[path = "cli/common.rs"]
mod common;
#[path = "cli/contract.rs"]
mod contract;
#[path = "cli/documented.rs"]
mod documented;
#[path = "cli/downloaded.rs"]
mod downloaded;
#[path = "cli/export.rs"]
mod export;
#[path = "cli/fetch.rs"]
mod fetch;
#[path = "cli/hub.rs"]
mod hub;
#[path = "cli/image_files.rs"]
mod image_files;
#[cfg(target_os = "linux")] // what a process writes is seen in /proc
#[path = "cli/kills.rs"]
mod kills;
#[path = "cli/layouts.rs"]
mod layouts;
#[path = "cli/live.rs"]
#[cfg(unix)]
mod live;
#[path = "cli/look.rs"]
mod look;
#[cfg(target_os = "linux")] // mounts a file system
#[path = "cli/lost_disk.rs"]
mod lost_disk;
#[cfg(target_os = "linux")] // processes are found in /proc
#[path = "cli/mpi.rs"]
mod mpi;
#[cfg(target_os = "linux")]
#[path = "cli/mpirun.rs"]
mod mpirun;
#[cfg(target_os = "linux")] // elsewhere such files cannot be made
#[path = "cli/names.rs"]
mod names;
#[path = "cli/pipeline.rs"]
mod pipeline;
#[path = "cli/plans.rs"]
mod plans;
#[path = "cli/real.rs"]
mod real;
#[path = "cli/refusals.rs"]
mod refusals;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/reproduce.rs"]
mod reproduce;
#[cfg(unix)]
#[path = "cli/resume.rs"]
mod resume;
#[path = "cli/stages.rs"]
mod stages;
#[path = "cli/tensorboard.rs"]
mod tensorboard;
#[path = "cli/verify.rs"]
mod verify;
#[path = "cli/views.rs"]
mod views;
