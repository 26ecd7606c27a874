//! Progress of a command: a bar on a terminal; elsewhere a plain line now and then.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::ProgressStyle;

use crate::screen::{self, Bar};
use crate::{numbers, text, voice};

/// How often a plain line is printed at most.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
/// Work that is done sooner shows nothing.
const WORTH_SHOWING: Duration = Duration::from_secs(2);

/// Prints a line on standard error as it is, above the bars if there are any. What cannot be written, such as
/// to a terminal that was closed, is lost.
pub fn line(text: &str) {
    if let Some(text) = voice::voiced(&format!("{text}\n")) {
        screen::write(&text);
    }
}

/// Prints a sentence on standard error, wrapped at the terminal's width; what does not fit goes on `indent`
/// columns from the left. Lines that begin with two blanks, which are commands, stay whole.
pub fn sentence(text: &str, indent: usize) {
    line(&text::sentence(text, text::err(), indent));
}

/// Prints a text after its label on standard error.
pub fn labelled(label: &str, text: &str) {
    line(&text::labelled(label, text, text::err()));
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Steps of a training.
    Steps,
    /// Images.
    Images,
    /// Bytes, shown as MB or GB.
    Bytes,
    /// Turns of a measurement.
    Turns,
    /// Pairs of turns.
    Pairs,
    /// Layers.
    Layers,
    /// Passes over a unit of a network.
    Passes,
}

impl Unit {
    /// What follows the number; nothing for bytes, whose numbers carry their unit.
    fn name(self) -> &'static str {
        match self {
            Unit::Steps => " steps",
            Unit::Images => " images",
            Unit::Bytes => "",
            Unit::Turns => " turns",
            Unit::Pairs => " pairs",
            Unit::Layers => " layers",
            Unit::Passes => " passes",
        }
    }

    fn style(self) -> ProgressStyle {
        let counts = match self {
            // The line has the loss and more to tell.
            Unit::Steps => "{pos}/{len}".to_owned(),
            Unit::Bytes => "{decimal_bytes}/{decimal_total_bytes}".to_owned(),
            _ => format!("{{human_pos}}/{{human_len}}{}", self.name()),
        };
        // The bar gets what the rest leaves, so that the time left is not cut off at 80 columns.
        ProgressStyle::with_template(&format!("{{wide_bar:.cyan/dim}} {counts} · {{msg}}"))
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━━─")
    }

    fn written(self, done: u64, total: u64) -> String {
        let (done, total) = match self {
            Unit::Bytes => (numbers::bytes(done), numbers::bytes(total)),
            _ => (numbers::count(done), numbers::count(total)),
        };
        format!("{done}/{total}{}", self.name())
    }
}

/// When a meter begins to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// At once.
    Always,
    /// Only if the work takes more than two seconds.
    IfSlow,
}

/// The progress of one piece of work; its bar vanishes when it is dropped.
#[derive(Debug)]
pub struct Meter {
    unit: Unit,
    total: u64,
    show: Show,
    /// When it began, and how much was done already.
    began: (Instant, u64),
    printed: Instant,
    bar: Option<Bar>,
}

impl Meter {
    /// Begins with `done` of `total` already done.
    pub fn new(unit: Unit, done: u64, total: u64, show: Show) -> Meter {
        let now = Instant::now();
        Meter { unit, total, show, began: (now, done), printed: now, bar: None }
    }

    /// Shows that `done` of the total is done; `message` is shown beside it and gets the time left as text.
    pub fn update(&mut self, done: u64, message: impl FnOnce(&str) -> String) {
        if std::io::stderr().is_terminal() {
            if self.show == Show::IfSlow && self.began.0.elapsed() < WORTH_SHOWING {
                return;
            }
            let text = message(&self.left(done));
            match &self.bar {
                Some(bar) => bar.update(done, text),
                None => self.bar = Some(Bar::new(self.unit.style(), (done, self.total), text)),
            }
            return;
        }
        // There is one if the terminal was closed meanwhile.
        self.bar = None;
        if self.printed.elapsed() >= BETWEEN_LINES {
            self.printed = Instant::now();
            line(&format!("{}  {}", self.unit.written(done, self.total), message(&self.left(done))));
        }
    }

    /// The time left, at the speed so far.
    fn left(&self, done: u64) -> String {
        let (start, before) = self.began;
        let ours = done.saturating_sub(before);
        if ours == 0 {
            return "time left unknown".to_owned();
        }
        let rest = self.total.saturating_sub(done) as f64;
        format!("{} left", numbers::clock(start.elapsed().as_secs_f64() * rest / ours as f64))
    }
}
