//! Text, tables, bars and logs that fit a terminal. In a pipe or a file, where there is no width, nothing
//! wraps and nothing is left out, so scripts see everything on one line.
//!
//! It knows nothing of networks or images.
//!
//! ```
//! use resnet_terminal::table::{Column, Table};
//!
//! let mut table = Table::new([Column::text("layer"), Column::number("parameters").optional(1)]);
//! table.add(["conv1".to_owned(), resnet_terminal::numbers::count(9408)]);
//! assert_eq!(table.lines(None), ["layer  parameters", "conv1       9,408"]);
//! assert_eq!(table.lines(Some(6))[1], "conv1");
//! ```
//!
//! | file | |
//! |---|---|
//! | `text.rs` | lines that break at words |
//! | `help.rs` | the help of a command line |
//! | `table.rs` | tables that leave columns out before a number breaks |
//! | `numbers.rs` | numbers and paths as people read and copy them |
//! | `plot.rs` | a curve in braille dots |
//! | `output.rs` | standard output |
//! | `progress.rs` | standard error: bars, or plain lines now and then |
//! | `logging.rs` | logs, past the bars |
//! | `screen.rs` | standard error and its bars, on a terminal that may go away |
//! | `voice.rs` | which of several processes print on standard error |

pub mod help;
pub mod logging;
pub mod numbers;
pub mod output;
pub mod plot;
pub mod progress;
mod screen;
pub mod table;
pub mod text;
pub mod voice;
