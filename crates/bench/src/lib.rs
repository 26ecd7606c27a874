//! How fast networks and their kernels are on this machine, alone or alternating with others.
//!
//! Each side of a comparison measures in a process of its own, a *worker*, and only when it is told to: a
//! shared machine drifts by tens of per cent within minutes, so the sides alternate, and what counts is the
//! ratio within a pair of turns. Kernels are measured in this process, against what the machine can do at
//! most.
//!
//! It parses no command line and prints nothing.
//!
//! ```
//! use resnet_bench::{Spread, Subject, Work};
//!
//! let subject = Subject::new(Work::Infer, "resnet20-v2", None, 1)?;
//! assert_eq!((subject.batch, subject.spec.input), (128, [3, 32, 32]));
//! assert_eq!(Spread::of([3.0, 1.0, 2.0]).median, 2.0);
//! # Ok::<(), anyhow::Error>(())
//! ```
//!
//! | file | |
//! |---|---|
//! | `subject.rs` | what is measured |
//! | `worker.rs` | a process that measures when it is told to, and the conversation with it |
//! | `ours.rs` | our side of that conversation |
//! | `peer.rs` | the others: their scripts, settings and what they need |
//! | `turns.rs` | who measures when |
//! | `statistics.rs` | median and range |
//! | `tables.rs` | all of it as tables |
//! | `estimate.rs` | how long recipes train here, from the speed of three probes |
//! | `profile.rs` | what a step is made of, by kind and size |
//! | `kernels.rs` | every convolution of a network, pass by pass |

mod estimate;
mod kernels;
mod ours;
mod peer;
mod profile;
mod statistics;
mod subject;
mod tables;
mod turns;
mod worker;

pub use estimate::{Listed, Probe, Speed, listed, spec_of, speed_file};
pub use kernels::{Ceilings, Layer, Network, Pass, Workload};
pub use ours::{peak_memory, serve, step_seconds};
pub use peer::{Peer, Program, Setting};
pub use profile::{Profile, Row, profile};
pub use statistics::Spread;
pub use subject::{Subject, Work};
pub use turns::{Bench, Comparison, Disturbed, Event, Rival, Side, Trial};
pub use worker::Crew;
