//! Recipes from and to TOML, and single keys changed by `key=value`: the one place that interprets keys.

use std::path::Path;

use serde::Deserialize as _;

use super::renamed;
use crate::{Error, Recipe};

/// The largest file that is read as a recipe, in bytes; a recipe has some kB.
const LARGEST: u64 = 1 << 20;

impl Recipe {
    /// Reads and validates a recipe; `file_name` is for the messages.
    ///
    /// # Errors
    /// [`Error::Recipe`] with the line for bad TOML, unknown keys and wrong kinds of value;
    /// [`Error::Inconsistent`] as of [`Recipe::validate`].
    pub fn parse(text: &str, file_name: &str) -> Result<Recipe, Error> {
        let (recipe, renamed) = read(text, file_name)?;
        if !renamed.is_empty() {
            tracing::warn!("{file_name} uses old names, which still work: {}", renamed.join(", "));
        }
        Ok(recipe)
    }

    /// Reads the recipe of a run. It may be older than this program: its old names give no warning.
    pub(crate) fn of_run(path: &Path) -> Result<Recipe, Error> {
        let text = text_of(path)?;
        Ok(read(&text, &path.display().to_string())?.0)
    }

    /// The recipe that a checkpoint was trained by, which may be older than this program; `None` if `text` is
    /// none.
    pub fn of_checkpoint(text: &str) -> Option<Recipe> {
        Some(read(text, "").ok()?.0)
    }

    /// Reads a recipe's file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Recipe`] if it is no text or larger than a recipe can be,
    /// else as of [`Recipe::parse`].
    pub fn load(path: &Path) -> Result<Recipe, Error> {
        let text = text_of(path)?;
        Recipe::parse(&text, &path.display().to_string())
    }

    /// Changes one key, given as text: `train.batch_size=64`, `train.duration=3 epochs`.
    ///
    /// The value is TOML where it reads as TOML, and else a string, so that a shell's quotes suffice. A whole
    /// table can be replaced: `schedule={kind="cosine",lr=0.1,warmup="5 %"}`. Keys that change each other's
    /// meaning go together in one [`Recipe::set_all`].
    ///
    /// # Errors
    /// [`Error::Set`] for an unknown key or an unsuitable value, [`Error::Inconsistent`]; the recipe is then
    /// as before.
    ///
    /// ```
    /// let mut recipe = resnet_record::Recipe::built_in("cifar10-resnet20-v2").expect("a built-in recipe");
    /// recipe.set("train.duration=3 epochs")?;
    /// recipe.set("optimizer.nesterov=true")?;
    /// let error = recipe.set("train.bach_size=64").unwrap_err().to_string();
    /// assert!(error.contains("bach_size") && error.contains("`batch_size`"), "{error}");
    /// # Ok::<(), resnet_record::Error>(())
    /// ```
    pub fn set(&mut self, assignment: &str) -> Result<(), Error> {
        self.set_all(&[assignment])
    }

    /// Key and value of an assignment, as they are written around its first `=`.
    ///
    /// # Errors
    /// How to write it, if there is no `=`.
    pub fn key_and_value(assignment: &str) -> Result<(&str, &str), String> {
        let parts = assignment.split_once('=');
        parts.ok_or_else(|| "there is no '='; write key=value, for example train.batch_size=64".to_owned())
    }

    /// Changes several keys at once and validates them together, as [`Recipe::set`] does one.
    ///
    /// A published expectation (`paper`, `expected_error`) is dropped with the first change that could alter
    /// the result.
    ///
    /// # Errors
    /// As of [`Recipe::set`].
    pub fn set_all<S: AsRef<str>>(&mut self, assignments: &[S]) -> Result<(), Error> {
        let assignments: Vec<&str> = assignments.iter().map(AsRef::as_ref).collect();
        let failed = |wrong: &[&str], cause: String| Error::Set { assignment: wrong.join("' '"), cause };
        let before = toml::Table::try_from(&*self)
            .map_err(|error| failed(&assignments, one_line(&error.to_string())))?;
        let mut table = before.clone();
        let mut keys = vec![];
        for assignment in &assignments {
            keys.push(assign(&mut table, assignment).map_err(|cause| failed(&[assignment], cause))?);
        }
        renamed::update(&mut table);
        let mut changed = Recipe::deserialize(table).map_err(|error| {
            let cause = one_line(error.message());
            let wrong = to_blame(&before, &assignments, &cause);
            // TOML does not take such a number for one, and so it became a string.
            let is_too_large =
                cause.contains("invalid type: string") && wrong.iter().all(|one| has_too_large(one));
            let cause = if is_too_large { "the number is too large".to_owned() } else { cause };
            failed(&wrong, cause)
        })?;
        changed.validate()?;
        if !keys.iter().all(|key| key == "train.seed" || changed.is_without_effect(key)) {
            (changed.paper, changed.expected_error) = (None, None);
        }
        *self = changed;
        Ok(())
    }

    /// The recipe as TOML, as it goes into the run's folder; some keys with default values are left out.
    ///
    /// # Errors
    /// [`Error::Recipe`] if a value has no form in TOML; a validated recipe has none such.
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string(self).map_err(|error| Error::Recipe {
            place: format!("recipe '{}'", self.name),
            cause: error.to_string(),
        })
    }
}

/// The text of a recipe's file, which may be a pipe, and so has no size.
fn text_of(path: &Path) -> Result<String, Error> {
    let place = path.display().to_string();
    let no_recipe = |cause: &str| Error::Recipe { place, cause: cause.to_owned() };
    let Some(bytes) = resnet_files::read_at_most(path, LARGEST).map_err(Error::io("read", path))? else {
        return Err(no_recipe("it is larger than 1 MiB, and no recipe is"));
    };
    String::from_utf8(bytes).map_err(|_| no_recipe("it is no text in UTF-8"))
}

/// The recipe in `text`, and a phrase for each old name that it uses.
fn read(text: &str, file_name: &str) -> Result<(Recipe, Vec<String>), Error> {
    let failed = |error: toml::de::Error| {
        let place = match error.span() {
            Some(span) => format!("{file_name}, line {}", line_of(text, span.start)),
            None => file_name.to_owned(),
        };
        Error::Recipe { place, cause: one_line(error.message()) }
    };
    let (recipe, renamed) = match toml::from_str::<Recipe>(text) {
        Ok(recipe) => (recipe, vec![]),
        Err(error) => {
            let mut table: toml::Table = toml::from_str(text).map_err(failed)?;
            let renamed = renamed::update(&mut table);
            if renamed.is_empty() {
                return Err(failed(error));
            }
            (Recipe::deserialize(table).map_err(failed)?, renamed)
        }
    };
    recipe.validate().map_err(|error| match error {
        Error::Inconsistent { cause, .. } if !file_name.is_empty() => {
            Error::Inconsistent { place: file_name.to_owned(), cause }
        }
        other => other,
    })?;
    Ok((recipe, renamed))
}

/// The line, from 1, that holds the byte at `offset`.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

/// A message of the TOML parser on one line.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `value` as TOML if it is one value, else as a string.
fn parse_value(value: &str) -> toml::Value {
    let value = value.trim();
    match toml::from_str::<toml::Table>(&format!("value = {value}")) {
        Ok(mut table) if table.len() == 1 => table.remove("value"),
        _ => None,
    }
    .unwrap_or_else(|| toml::Value::String(value.to_owned()))
}

/// Whether the value of an assignment is a number beyond those that TOML has.
fn has_too_large(assignment: &str) -> bool {
    let value = assignment.split_once('=').map_or("", |(_, value)| value.trim());
    // Rust reads "infinity" as well.
    let has_digits = value.contains(|c: char| c.is_ascii_digit());
    has_digits && value.parse::<f64>().is_ok_and(|number| number.abs() >= i64::MAX as f64)
}

/// Carries out `key=value`; returns the key under its name of today.
fn assign(table: &mut toml::Table, assignment: &str) -> Result<String, String> {
    let (key, value) = Recipe::key_and_value(assignment)?;
    let key = renamed::today(key.trim());
    insert(table, &key, parse_value(value))?;
    Ok(key)
}

/// The assignments to name in an error. An assignment is one of them if the others without it are a valid
/// recipe; if there are none such, those that fail alone are. Of these, the ones whose key is named in
/// `cause`, the message of all together, are enough.
fn to_blame<'a>(before: &toml::Table, assignments: &[&'a str], cause: &str) -> Vec<&'a str> {
    let fails = |chosen: &[&str]| {
        let mut table = before.clone();
        chosen.iter().any(|assignment| assign(&mut table, assignment).is_err()) || {
            renamed::update(&mut table);
            Recipe::deserialize(table).is_err()
        }
    };
    let heals = |(index, _): &(usize, &&str)| {
        let mut others = assignments.to_vec();
        others.remove(*index);
        !fails(&others)
    };
    let mut wrong: Vec<&str> = assignments.iter().enumerate().filter(heals).map(|(_, one)| *one).collect();
    if wrong.is_empty() {
        wrong = assignments.iter().copied().filter(|one| fails(&[one])).collect();
    }
    if wrong.is_empty() {
        wrong = assignments.to_vec();
    }
    let is_named = |one: &&str| {
        let key = one.split('=').next().unwrap_or_default().trim();
        cause.contains(&format!("`{}`", key.rsplit('.').next().unwrap_or_default()))
    };
    let named: Vec<&str> = wrong.iter().copied().filter(|one| is_named(one)).collect();
    if named.is_empty() { wrong } else { named }
}

/// Puts `value` at the dotted `key`, and makes tables on the way. The schema finds out later whether there is
/// such a key.
fn insert(table: &mut toml::Table, key: &str, value: toml::Value) -> Result<(), String> {
    let (path, last) = key.rsplit_once('.').map_or((None, key), |(path, last)| (Some(path), last));
    let mut here = table;
    for part in path.iter().flat_map(|path| path.split('.')) {
        let inner = here.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        here =
            inner.as_table_mut().ok_or_else(|| format!("'{part}' is a value and has no keys of its own"))?;
    }
    here.insert(last.to_owned(), value);
    Ok(())
}
