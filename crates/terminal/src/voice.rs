//! Who is heard on standard error, where several processes share it.

use std::sync::{PoisonError, RwLock};

/// How this process is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voice {
    /// As it is.
    Plain,
    /// With these words before each line.
    After(String),
    /// Not at all: others speak.
    Silent,
}

static VOICE: RwLock<Voice> = RwLock::new(Voice::Plain);

/// Chooses how this process's lines and logs are printed from now on.
pub fn speak(voice: Voice) {
    *VOICE.write().unwrap_or_else(PoisonError::into_inner) = voice;
}

/// Whole lines as they are to be printed, if they are.
pub(crate) fn voiced(lines: &str) -> Option<String> {
    match &*VOICE.read().unwrap_or_else(PoisonError::into_inner) {
        Voice::Plain => Some(lines.to_owned()),
        Voice::After(words) => Some(lines.lines().map(|line| format!("{words}{line}\n")).collect()),
        Voice::Silent => None,
    }
}
