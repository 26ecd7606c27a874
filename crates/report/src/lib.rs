//! Pages of training runs: a run's curves and numbers, or several runs side by side, each as one HTML file
//! that loads nothing and reads well in a browser, on a phone, in the dark and on paper.
//!
//! It reads run folders through `resnet-record` and knows nothing else: no network, no data set, no tensor.
//!
//! | file | job |
//! |---|---|
//! | `run` | what a run's folder says, ready to be drawn |
//! | `chart` | a line chart as SVG: scales, ticks, labels at the ends of lines |
//! | `curves` | the charts of a run |
//! | `schedule` | the learning rate of a recipe |
//! | `page` | the page of one run |
//! | `evidence` | its parts beside curves: mistakes, images, layers, norms |
//! | `processes` | where the time went in each of several processes |
//! | `figure` | a picture with its caption |
//! | `article` | a page that somebody else composes: sentences, tables, pictures |
//! | `comparison` | the page of several: curves over each other, seeds gathered, recipes' differences |
//! | `again` | the command that trains a run again |
//! | `file` | pages as files, kept fresh while a run trains |
//! | `numbers` | how numbers are written |
//!
//! ```no_run
//! use resnet_record::RunFolder;
//!
//! let folder = RunFolder::open("runs/quick-start-1".as_ref())?;
//! std::fs::write("report.html", resnet_report::run_page(&folder, &["cargo xtask train".to_owned()])?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod again;
mod article;
pub mod chart;
mod comparison;
mod curves;
mod error;
mod evidence;
mod figure;
mod file;
mod numbers;
mod page;
mod processes;
mod run;
mod schedule;

pub use again::{began_with, data_option, train_again};
pub use article::{Article, Cell, Head, Part, Statement, Table, TableRow, Tone, article_page};
pub use comparison::comparison_page;
pub use curves::curves_svg;
pub use error::Error;
pub use figure::Figure;
pub use file::{LivePage, write_article, write_chart, write_curves, write_figure, write_page};
pub use page::{data_name, run_page};
pub use run::{drops_told, rate_drops, shared_drops, shared_epoch};
pub use schedule::schedule_svg;
