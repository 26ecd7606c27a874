//! docs/recipes.md and its table, checked against what a recipe really takes.

use std::path::Path;

use resnet_record::keys::{KEYS, markdown};
use resnet_record::{BUILT_IN, Recipe};
use toml::{Table, Value};

/// Recipes that have, together, every section.
const BASES: [&str; 3] = ["quick-start", "cifar10-resnet110-v2", "imagenet-resnet200-v2"];

fn base(name: &str) -> Table {
    let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name).unwrap();
    let mut table: Table = text.parse().unwrap();
    for section in ["loss", "ema", "stages"] {
        table.entry(section).or_insert(Value::Table(Table::new()));
    }
    table
}

/// Schedules besides those of [`BASES`].
const SCHEDULES: [&str; 5] = [
    "kind = \"constant\"\nlr = 0.1\nwarmup = { lr = 0.01, duration = \"1 epoch\", kind = \"linear\" }",
    "kind = \"cosine\"\nlr = 0.1\ncycle = \"1 epoch\"",
    "kind = \"onecycle\"\nlr = 0.1",
    "kind = \"polynomial\"\nlr = 0.1",
    "kind = \"exponential\"\nlr = 0.1\ndecay_rate = 0.9\ndecay_every = \"1 epoch\"",
];

/// Recipes that have, together, every key.
fn bases() -> Vec<Table> {
    let with = |schedule: &&str| {
        let mut table = base(BASES[0]);
        table.insert("schedule".to_owned(), Value::Table(schedule.parse().unwrap()));
        table
    };
    BASES.into_iter().map(base).chain(SCHEDULES.iter().map(with)).collect()
}

fn parent<'a>(table: &'a mut Table, key: &str) -> Option<(&'a mut Table, String)> {
    let (path, last) = key.rsplit_once('.').unwrap_or(("", key));
    let parts = path.split('.').filter(|part| !part.is_empty());
    let inner = parts.into_iter().try_fold(table, |table, part| table.get_mut(part)?.as_table_mut())?;
    Some((inner, last.to_owned()))
}

fn parse(table: &Table) -> Result<Recipe, String> {
    Recipe::parse(&toml::to_string(table).unwrap(), "a test").map_err(|error| error.to_string())
}

#[test]
fn defaults_are_those_of_the_schema() {
    let mut faults = vec![];
    for key in KEYS {
        let mut tried = 0;
        for base in bases() {
            let mut without = base;
            let Some((inner, last)) = parent(&mut without, key.name) else { continue };
            let was_there = inner.remove(&last).is_some();
            let parsed = parse(&without);
            match key.default {
                // A key of one kind of schedule can be optional in another.
                None => tried += usize::from(was_there && parsed.is_err()),
                Some("") => {
                    tried += 1;
                    if parsed.is_err() {
                        faults.push(format!("{}: said to be optional: {parsed:?}", key.name));
                    }
                }
                Some(default) => {
                    let mut with = without.clone();
                    let value = format!("v = {default}").parse::<Table>().unwrap().remove("v").unwrap();
                    parent(&mut with, key.name).unwrap().0.insert(last, value);
                    let found = parse(&with);
                    // A key of another kind of schedule.
                    if found.as_ref().is_err_and(|message| message.contains("unknown field")) {
                        continue;
                    }
                    tried += 1;
                    if parsed.is_err() || found != parsed {
                        faults.push(format!("{}: its default is not {default} in {with}", key.name));
                    }
                }
            }
        }
        if tried == 0 {
            faults.push(format!("{}: no recipe has it, or none needs it as it should", key.name));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// What the schema says it expects, asked with a key that does not exist.
#[test]
fn the_table_lists_every_key_and_no_other() {
    let mut faults = vec![];
    let mut listed = vec![];
    for base in bases() {
        let mut sections = vec![String::new()];
        collect(&base, "", &mut sections);
        for section in sections {
            let mut asked = base.clone();
            let key = if section.is_empty() { "zzz".to_owned() } else { format!("{section}.zzz") };
            let Some((inner, last)) = parent(&mut asked, &key) else { continue };
            inner.insert(last, Value::Boolean(true));
            let message = parse(&asked).unwrap_err();
            let Some((_, expected)) = message.split_once("expected ") else {
                faults.push(format!("{section}: {message}"));
                continue;
            };
            for field in expected.split('`').skip(1).step_by(2) {
                listed.push(if section.is_empty() { field.to_owned() } else { format!("{section}.{field}") });
            }
        }
    }
    for field in &listed {
        let known = KEYS.iter().any(|key| key.name == field || key.name.starts_with(&format!("{field}.")));
        if !known {
            faults.push(format!("{field} is not in the table"));
        }
    }
    // `kind` is the tag of a schedule, which the schema doesn't count among its fields.
    let exists = |name: &str| name == "schedule.kind" || listed.iter().any(|field| field == name);
    for key in KEYS.iter().filter(|key| !exists(key.name)) {
        faults.push(format!("{} is in the table and not in the schema", key.name));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

fn collect(table: &Table, path: &str, sections: &mut Vec<String>) {
    for (name, value) in table {
        if let Some(inner) = value.as_table() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            sections.push(path.clone());
            collect(inner, &path, sections);
        }
    }
}

#[test]
fn docs_recipes_md_is_written_from_the_table() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/recipes.md"));
    if std::env::var_os("RESNET_WRITE_DOCS").is_some() {
        std::fs::write(path, markdown()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == markdown(),
        "docs/recipes.md is not what the table says; write it by RESNET_WRITE_DOCS=1 cargo test -p resnet-record --test keys"
    );
}
