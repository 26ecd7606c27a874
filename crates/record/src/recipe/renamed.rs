//! Keys and values of older recipes under their names of today: the one place that knows the old ones.

use toml::{Table, Value};

/// (table, key of before, key of today). Tables are named as they are today.
const KEYS: [(&str, &str, &str); 12] = [
    ("", "photos", "images"),
    ("images", "side", "image_size"),
    ("images", "jitter", "color_jitter"),
    ("images", "policy", "auto_augment"),
    ("images", "erase", "random_erasing"),
    ("model", "branch_end", "zero_init_residual"),
    ("train", "batch", "batch_size"),
    ("optimizer", "momentum_kind", "nesterov"),
    ("schedule", "peak", "lr"),
    ("schedule", "rate", "lr"),
    ("schedule", "at", "milestones"),
    ("schedule.warmup", "rate", "lr"),
];

/// (table, key, value of before, value of today).
const VALUES: [(&str, &str, &str, Now); 8] = [
    ("data", "set", "photos", Now::Text("images")),
    ("images", "crop", "scale", Now::Text("scale-augmentation")),
    ("images", "crop", "area", Now::Text("random-resized-crop")),
    ("schedule", "kind", "steps", Now::Text("multistep")),
    ("model", "zero_init_residual", "zero", Now::Bool(true)),
    ("model", "zero_init_residual", "usual", Now::Bool(false)),
    ("optimizer", "nesterov", "nesterov", Now::Bool(true)),
    ("optimizer", "nesterov", "classic", Now::Bool(false)),
];

#[derive(Clone, Copy)]
enum Now {
    Text(&'static str),
    Bool(bool),
}

/// Gives old keys and values their names of today. Returns a phrase for each, such as
/// "`train.batch` is now `train.batch_size`".
pub(super) fn update(recipe: &mut Table) -> Vec<String> {
    let mut told = vec![];
    for (path, before, today) in KEYS {
        let Some(table) = at(recipe, path) else { continue };
        // A recipe with both names is refused by the schema, which knows the new one only.
        if !table.contains_key(today)
            && let Some(value) = table.remove(before)
        {
            table.insert(today.to_owned(), value);
            told.push(format!("`{}` is now `{}`", dotted(path, before), dotted(path, today)));
        }
    }
    for (path, key, before, today) in VALUES {
        let Some(value) = at(recipe, path).and_then(|table| table.get_mut(key)) else { continue };
        if value.as_str() == Some(before) {
            *value = match today {
                Now::Text(text) => Value::String(text.to_owned()),
                Now::Bool(flag) => Value::Boolean(flag),
            };
            let value = value.to_string();
            told.push(format!("`{} = \"{before}\"` is now `{value}`", dotted(path, key)));
        }
    }
    told
}

/// The dotted `key` under its name of today.
pub(super) fn today(key: &str) -> String {
    let mut path = String::new();
    for part in key.split('.') {
        let renamed = KEYS.iter().find(|(table, before, _)| *table == path && *before == part);
        path = dotted(&path, renamed.map_or(part, |(_, _, today)| today));
    }
    path
}

fn dotted(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn at<'a>(recipe: &'a mut Table, path: &str) -> Option<&'a mut Table> {
    path.split('.')
        .filter(|part| !part.is_empty())
        .try_fold(recipe, |table, part| table.get_mut(part)?.as_table_mut())
}
