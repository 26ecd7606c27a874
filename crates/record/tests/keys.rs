//! docs/recipes.md and its table, checked against what a recipe really takes.

use std::fmt::Write as _;
use std::path::Path;

use resnet_record::keys::{KEYS, Key};
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

/// docs/recipes.md: the keys as tables, and the built-in recipes.
fn markdown() -> String {
    let mut page = "# Recipes\n\n\
        A recipe is a TOML file that decides everything about a training. `cargo xtask train --recipe NAME` takes a\n\
        built-in one or a file; `--set key=value` changes a key. Unknown keys are errors. This page is written by\n\
        `RESNET_WRITE_DOCS=1 cargo test -p resnet-record --test keys` from `crates/record/src/recipe/keys.rs`; numbers such as\n\
        1603.05027 are papers on arXiv.\n\n## Built in\n\n\
        `cargo xtask recipes` lists them with the hours that each takes here; `cargo xtask recipes NAME` prints one.\n\n\
        | name | what it trains | published in | error |\n|---|---|---|---|\n"
        .to_owned();
    for (name, text) in BUILT_IN.iter() {
        let recipe = Recipe::parse(text, name).unwrap();
        let error = recipe.published().unwrap_or_default();
        let paper = recipe.paper.unwrap_or_default();
        let _ = writeln!(page, "| `{name}` | {} | {paper} | {error} |", recipe.about);
    }
    let mut section = "";
    for key in KEYS {
        let (table, name) = split(key.name);
        if table != section || key.name == "name" {
            section = table;
            let title =
                if table.is_empty() { "The recipe itself".to_owned() } else { format!("`[{table}]`") };
            let _ = write!(
                page,
                "\n## {title}\n\n| key | default | unit or values | meaning | source | elsewhere |\n|---|---|---|---|---|---|\n"
            );
        }
        let default = match key.default {
            None => "required".to_owned(),
            Some("") => "absent".to_owned(),
            Some(value) => format!("`{value}`"),
        };
        let Key { unit, meaning, source, peer, .. } = key;
        let _ = writeln!(page, "| `{name}` | {default} | {unit} | {meaning} | {source} | {peer} |");
    }
    page.push_str(BESIDE_OTHERS);
    page
}

/// How schedules count, and where timm and PyTorch count otherwise.
const BESIDE_OTHERS: &str = "\n## Schedules compared with timm's and PyTorch's\n\n\
    Every schedule counts optimizer steps from 0, whatever unit its durations have: W of warm-up, S of the whole training.\n\
    `cargo xtask schedule NAME` draws one. Where timm and PyTorch differ, this is what holds here:\n\n\
    | | here | PyTorch | timm |\n|---|---|---|---|\n\
    | unit | steps | calls of `step()`: epochs in torchvision, steps with `OneCycleLR` | epochs, unless `--sched-on-updates` |\n\
    | `warmup = \"5 epochs\"` | `lr (s + 1) / W`, so that no step has rate 0 and the last has `lr` | `LinearLR(1 / W, total_iters=W - 1)` | not there |\n\
    | `warmup = { lr, duration, kind = \"linear\" }` | `warmup.lr + s (lr - warmup.lr) / W` | `LinearLR(warmup.lr / lr, total_iters=W)` | `--warmup-lr` |\n\
    | `warmup = { lr, duration }` | flat | `ConstantLR` | not there |\n\
    | after a warm-up | cosine, polynomial and exponential begin at step W and end at S, as in `SequentialLR` | the same | `--warmup-prefix`; without it the warm-up replaces the first steps of the curve |\n\
    | milestones | from the start of the training, warm-up included, as in the paper | from the end of the warm-up in `SequentialLR` | from the start unless `--warmup-prefix`, and one count early: `decay_t=[13]` lowers step 12 |\n\
    | end of a cosine | step S - 1 is one step short of `min_lr`, which step S would have | the same | the same; cooldown epochs at `--min-lr` follow |\n\
    | restarts | cycle k has length `cycle * cycle_mul^k` and begins at `lr * cycle_decay^k`; only its first step is rounded to a whole number | `CosineAnnealingWarmRestarts`, no decay | the same; `--lr-cycle-limit` cycles, here as many as the training has room for |\n\
    | `onecycle` | PyTorch's: the peak is at step `W - 1`, the least rate at S - 1; momentum stays as it is | `cycle_momentum` moves it too, unless it is off | not there |\n\
    | `polynomial` | `min_lr + (lr - min_lr) (1 - t)^power` | without `min_lr` | the same |\n\
    | `exponential` | `smooth` is PyTorch's, `staircase` timm's `step` | `ExponentialLR`, `StepLR` | `step` |\n\n\
    `tests/goldens/make_schedules.py` writes what PyTorch and timm give, and a test compares every step to 1e-9.\n";

/// The table that a key stands in, and its name there.
fn split(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or(("", name))
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
