//! The command that trains a run again: by its own recipe, on its data, from the weights that it began with.

use std::path::Path;

use resnet_record::{Recipe, RunFolder, RunRecord};

use crate::numbers::quoted;

/// Whose weights a run began with; none where they were fresh.
pub(crate) fn began_from(record: &RunRecord) -> Option<&str> {
    // Older records have only the command line, not the weights by themselves.
    let mut words = record.command.iter().skip_while(|word| !word.starts_with("--from"));
    let told =
        words.next().and_then(|word| word.strip_prefix("--from=").or(words.next().map(String::as_str)));
    record.from.as_deref().or(told)
}

/// The options that name the weights which a run began with; none where they were fresh.
pub fn began_with(record: &RunRecord) -> Option<String> {
    Some(given([
        ("--from", Some(began_from(record)?)),
        ("--revision", record.revision.as_deref()),
        ("--weights", record.weights.as_deref()),
        ("--prefix", record.prefix.as_deref()),
    ]))
}

/// The options that have a value, quoted for a shell.
fn given<const N: usize>(options: [(&str, Option<&str>); N]) -> String {
    let given = options.into_iter().filter_map(|(name, value)| Some((name, value?)));
    given.map(|(name, value)| format!("{name} {}", quoted(value))).collect::<Vec<_>>().join(" ")
}

/// `--data DIR`, if the run's data are in a folder that is still there; else empty.
pub fn data_option(recipe: &Recipe, record: &RunRecord) -> String {
    let is_there = recipe.data.generated.is_none() && Path::new(&record.data).exists();
    given([("--data", is_there.then_some(record.data.as_str()))])
}

/// The command that starts a new run by `recipe`, which lies in the run's folder `dir`, on its data, with
/// `changes`.
pub fn train_again(dir: &Path, recipe: &Recipe, record: &RunRecord, changes: &str) -> String {
    let file = quoted(&dir.join(RunFolder::RECIPE).to_string_lossy());
    let files = &record.files;
    let skip_broken = files.skip_broken.map(|percent| percent.to_string());
    let lists = given([
        ("--classes", files.class_list.as_deref()),
        ("--labels", files.label_list.as_deref()),
        ("--image-column", files.image_column.as_deref()),
        ("--label-column", files.label_column.as_deref()),
        ("--skip-list", files.skip_list.as_deref()),
        ("--skip-broken", skip_broken.as_deref()),
    ]);
    let data = data_option(recipe, record);
    let parts = [format!("cargo xtask train --recipe {file}"), data, lists, changes.to_owned()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use resnet_record::FileOptions;

    #[test]
    fn options_that_have_a_value_are_as_a_shell_takes_them() {
        let options =
            [("--labels", Some("my val.txt")), ("--prefix", None), ("--label-column", Some("kind"))];
        assert_eq!(given(options), "--labels 'my val.txt' --label-column kind");
        assert_eq!(given([("--classes", None)]), "");
    }

    #[test]
    fn samples_that_a_run_leaves_out_are_left_out_again() {
        let recipe = Recipe::built_in("imagenet-resnet50-v2").unwrap();
        let list = Some("/data/my broken.txt".to_owned());
        let files = FileOptions { skip_list: list, skip_broken: Some(0.5), ..FileOptions::default() };
        let record = RunRecord { files, ..RunRecord::begin("run", &recipe) };
        assert_eq!(
            train_again(Path::new("run"), &recipe, &record, "--epochs 2"),
            "cargo xtask train --recipe run/recipe.toml --skip-list '/data/my broken.txt' --skip-broken 0.5 \
             --epochs 2"
        );
    }
}
