//! How a process prints on standard error, where several processes share it.

use std::sync::{PoisonError, RwLock};

/// How this process prints on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voice {
    /// Lines as they are.
    Plain,
    /// With these words before each line.
    After(String),
    /// Nothing: other processes print.
    Silent,
}

static VOICE: RwLock<Voice> = RwLock::new(Voice::Plain);

/// Chooses how this process's lines and logs are printed from now on.
pub fn speak(voice: Voice) {
    *VOICE.write().unwrap_or_else(PoisonError::into_inner) = voice;
}

/// Whole lines as this process prints them; `None` if it prints nothing.
pub(crate) fn voiced(lines: &str) -> Option<String> {
    match &*VOICE.read().unwrap_or_else(PoisonError::into_inner) {
        Voice::Plain => Some(lines.to_owned()),
        Voice::After(words) => Some(lines.lines().map(|line| format!("{words}{line}\n")).collect()),
        Voice::Silent => None,
    }
}
