//! Labels of samples in shards: numbers, or names of classes, which a class list or the names themselves
//! number.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The longest name of a class.
const MAX_NAME: usize = 200;

/// What a sample's label says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// A number.
    Number(u32),
    /// The name of a class.
    Name(Arc<str>),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Number(label) => write!(f, "{label}"),
            Label::Name(name) => write!(f, "{name:?}"),
        }
    }
}

/// Which labels are valid.
#[derive(Debug)]
pub struct Known {
    /// Labels are below this.
    pub limit: usize,
    /// The list that numbers names, if there is one.
    pub list: Option<Listed>,
}

/// The names of a class list.
#[derive(Debug)]
pub struct Listed {
    /// The file of the list, for messages.
    pub file: String,
    /// The label of each name; none where several classes share the name.
    pub labels: HashMap<String, Option<u32>>,
}

impl Known {
    /// The label as a number, where a list tells it; half a sentence if there is no such class.
    pub(super) fn number(&self, label: Label) -> Result<Label, String> {
        match (label, &self.list) {
            (Label::Number(label), _) if label as usize >= self.limit => {
                Err(format!("its label is {label}, but labels are below {}", self.limit))
            }
            (Label::Name(name), Some(list)) => match list.labels.get(&*name) {
                Some(Some(label)) => Ok(Label::Number(*label)),
                Some(None) => {
                    Err(format!("its label is {name:?}, which several classes in {} are called", list.file))
                }
                None => Err(format!("its label is {name:?}, which {} does not list", list.file)),
            },
            (label, _) => Ok(label),
        }
    }
}

/// The label in a `.cls`.
pub(super) fn of_text(text: &str) -> Result<Label, String> {
    label(text).ok_or_else(|| {
        let start: String = text.chars().take(20).collect();
        format!("its .cls is {start:?}, which is no label")
    })
}

/// The label in a sample's attributes, if they have one.
pub(super) fn of_json(text: &str) -> Result<Option<Label>, String> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|cause| format!("its .json is damaged ({cause})"))?;
    // Null is how some programs write that there is none.
    let value = ["label", "cls"].iter().find_map(|key| value.get(key).filter(|value| !value.is_null()));
    let Some(value) = value else { return Ok(None) };
    let found = match value {
        serde_json::Value::String(text) => label(text),
        other => other.as_u64().and_then(|label| u32::try_from(label).ok()).map(Label::Number),
    };
    found.map(Some).ok_or_else(|| {
        let start: String = value.to_string().chars().take(40).collect();
        format!("its .json has {start} for a label")
    })
}

/// The number or name that a text is. A name has a letter, so that neither "-1" nor "0.5" nor "1 2" is one.
fn label(text: &str) -> Option<Label> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Label::Number);
    }
    let is_name =
        text.len() <= MAX_NAME && text.contains(char::is_alphabetic) && !text.contains(char::is_control);
    is_name.then(|| Label::Name(text.into()))
}
