//! Standard error, with the bars below its lines. What cannot be written is lost, and nothing fails by it: a
//! training outlives its terminal.

use std::io::{self, Write as _};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// How often a second the bars are drawn at most.
const DRAWS: u8 = 20;
/// A bar is drawn this often though nothing was done.
const TICK: Duration = Duration::from_millis(100);

static BARS: LazyLock<MultiProgress> = LazyLock::new(|| {
    let terminal = ProgressDrawTarget::stderr();
    // A pipe, a file, or a terminal whose cursor cannot move.
    if terminal.is_hidden() {
        return MultiProgress::with_draw_target(terminal);
    }
    let screen = Screen(Mutex::new(Term::buffered_stderr()));
    MultiProgress::with_draw_target(ProgressDrawTarget::term_like_with_hz(Box::new(screen), DRAWS))
});

/// Writes `text` as it is, above the bars if there are any.
pub(crate) fn write(text: &str) {
    // If not even this can be written, nobody can be told.
    let _ = BARS.suspend(|| io::stderr().write_all(text.as_bytes()));
}

/// A bar, which vanishes when it is dropped.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Draws a bar below the others, with `done` of `total` done.
    pub(crate) fn new(style: ProgressStyle, (done, total): (u64, u64), message: String) -> Self {
        let hidden = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let bar = BARS.add(hidden.with_style(style).with_position(done).with_message(message));
        bar.enable_steady_tick(TICK);
        Bar(bar)
    }

    pub(crate) fn update(&self, done: u64, message: String) {
        self.0.set_position(done);
        self.0.set_message(message);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        BARS.remove(&self.0);
    }
}

/// A terminal that never fails: indicatif panics, and poisons its locks, where one does.
#[derive(Debug)]
struct Screen(Mutex<Term>);

impl Screen {
    fn size(&self) -> (u16, u16) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size()
    }

    fn lenient(&self, act: impl FnOnce(&Term) -> io::Result<()>) -> io::Result<()> {
        let mut term = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if act(&term).is_err() {
            // The old one keeps what it could not write, and would grow without end.
            *term = Term::buffered_stderr();
        }
        Ok(())
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.size().1
    }

    fn height(&self) -> u16 {
        self.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.lenient(|term| term.move_cursor_up(n))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.lenient(|term| term.move_cursor_down(n))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.lenient(|term| term.move_cursor_right(n))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.lenient(|term| term.move_cursor_left(n))
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.lenient(|term| term.write_line(s))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.lenient(|term| term.write_str(s))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.lenient(Term::clear_line)
    }

    fn flush(&self) -> io::Result<()> {
        self.lenient(Term::flush)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_terminal_that_takes_nothing_is_no_failure() {
        // Open for reading only, so that each write fails.
        let closed = || File::open("/dev/null").unwrap();
        let term = Term::read_write_pair(closed(), closed());
        assert!(term.write_line("lost").is_err());
        let screen = Screen(Mutex::new(term));
        assert!(screen.write_line("lost").is_ok());
    }
}
