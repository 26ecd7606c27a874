//! What a run leaves behind and goes on from: recipes, metrics, records, checkpoints to resume from.

use resnet_record::{Duration, Metric, Recipe, RunRecord, Warmup, parse_metrics};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{accept, folder, mend, told, write};

/// Text of a run. The first byte says which: `r` a recipe, and behind a zero byte lines as after `--set`; `m`
/// metrics; `j` a record; any other a length of training.
pub fn runs(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let (first, second) = mend::halves(bytes);
    let (Ok(text), Ok(lines)) = (str::from_utf8(first), str::from_utf8(second)) else { return };
    match kind {
        b'r' => recipe(text, lines),
        b'm' => match parse_metrics(text) {
            Ok((metrics, _)) => metrics.iter().for_each(comes_back::<Metric>),
            Err(cause) => assert!(cause.starts_with("line "), "{cause}"),
        },
        b'j' => {
            if let Ok(record) = serde_json::from_str::<RunRecord>(text) {
                comes_back(&record);
                let _ = record.mark();
            }
        }
        _ => {
            if let Ok(duration) = text.parse::<Duration>() {
                assert_eq!(duration.to_string().parse::<Duration>().ok(), Some(duration));
            }
            if let Ok(warmup) = text.parse::<Warmup>() {
                assert_eq!(warmup.to_string().parse::<Warmup>().ok(), Some(warmup));
            }
        }
    }
}

/// What is written as JSON is read as the same.
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    accept();
    let written = serde_json::to_string(value).expect("it has a form in JSON");
    let again: T = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{written}: {error}"));
    assert_eq!(&again, value, "{written}");
}

fn recipe(text: &str, lines: &str) {
    let mut recipe = match Recipe::parse(text, "short.toml") {
        Ok(recipe) => recipe,
        Err(error @ resnet_record::Error::Recipe { .. }) => return told(&error, "short.toml"),
        Err(error) => return assert!(error.to_string().starts_with("short.toml: "), "{error}"),
    };
    accept();
    resolved(&recipe);
    let before = recipe.clone();
    let assignments: Vec<&str> = lines.lines().collect();
    match recipe.set_all(&assignments) {
        Ok(()) => resolved(&recipe),
        Err(_) => assert_eq!(recipe, before, "a refused change left something"),
    }
}

/// The recipe as it goes into the run's folder is the same recipe.
fn resolved(recipe: &Recipe) {
    recipe.validate().expect("it was validated");
    let written = recipe.to_toml().expect("it has a form in TOML");
    let again = Recipe::parse(&written, "recipe.toml").unwrap_or_else(|error| panic!("{written}: {error}"));
    assert_eq!(&again, recipe, "{written}");
}

/// A checkpoint to resume from, as the target `safetensors` has files; and a training's state.
pub fn resume(bytes: &[u8]) {
    let mended = bytes.starts_with(b"{").then(|| mend::safetensors(bytes));
    let dir = folder();
    let file = dir.path().join("last.safetensors");
    write(&file, mended.as_deref().unwrap_or(bytes));
    if resnet_train::fuzzing::resume(&file, str::from_utf8(bytes).unwrap_or_default()) {
        accept();
    }
}
