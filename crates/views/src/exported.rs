//! A file that was written for other programs, and what to do with it.

use std::path::Path;

use resnet::data::names::shown;
use resnet::{Exported, Pretrained};
use resnet_models::Spec;
use resnet_models::checkpoint::Dialect;
use resnet_terminal::numbers;
use resnet_terminal::output::{self, Format};
use serde::Serialize;

/// The name under which timm and transformers look for weights in a folder.
const WEIGHTS: &str = "model.safetensors";

#[derive(Serialize)]
struct Json<'a> {
    model: &'a str,
    tensors: usize,
    /// Of the weights' file.
    bytes: u64,
    /// The weights' file first.
    files: Vec<String>,
}

/// Prints what was `exported` of a network to the file `out`, and the commands that use it.
///
/// # Errors
/// If standard output cannot be written to.
pub fn show_exported(
    pretrained: &Pretrained,
    dialect: Dialect,
    out: &Path,
    exported: &Exported,
    format: Format,
) -> anyhow::Result<()> {
    let Exported { saved, config } = exported;
    let (spec, tensors, bytes) = (pretrained.spec(), saved.tensors, saved.bytes);
    if format == Format::Json {
        let files = [Some(out), config.as_deref()].into_iter().flatten().map(shown).collect();
        return output::json(&Json { model: &spec.name, tensors, bytes, files });
    }
    let size = numbers::bytes(bytes);
    let mut lines = vec![format!("{}: {}, {tensors} tensors, {size}", out.display(), spec.name)];
    let whose = if dialect == Dialect::Transformers { "transformers'" } else { "timm's" };
    lines.extend(config.iter().map(|path| format!("{}: {whose} description of it", path.display())));
    output::sentences(&lines.join("\n"))?;
    let mut lines =
        vec![format!("\nnext:\n  cargo xtask predict --checkpoint {} IMAGE", numbers::quoted(out))];
    lines.extend(config.iter().map(|_| format!("  in Python: {}", in_python(spec, dialect, out))));
    output::line(&lines.join("\n"))
}

/// The Python expression that loads the file, with the config beside it.
fn in_python(spec: &Spec, dialect: Dialect, out: &Path) -> String {
    let (name, classes) = (&spec.name, spec.classes);
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_found = out.file_name().is_some_and(|name| name == WEIGHTS);
    match (dialect, is_found) {
        (Dialect::Transformers, true) => {
            let folder = folder.display().to_string();
            format!("transformers.AutoModelForImageClassification.from_pretrained({folder:?})")
        }
        (Dialect::Transformers, false) => {
            let wanted = shown(&folder.join(WEIGHTS));
            format!("transformers looks for a file called {WEIGHTS}; export to {wanted}")
        }
        (_, true) => {
            let folder = format!("local-dir:{}", folder.display());
            format!("timm.create_model({folder:?}, pretrained=True)")
        }
        (_, false) => format!(
            "timm.create_model({name:?}, pretrained=True, num_classes={classes}, pretrained_cfg_overlay=dict(file={:?}, \
             num_classes={classes}, custom_load=False))",
            out.display().to_string()
        ),
    }
}

#[cfg(test)]
mod tests {
    use resnet_models::registry;

    use super::*;

    #[test]
    fn each_program_loads_the_file_by_its_own_words() {
        let spec = registry::find("resnet18", 3).unwrap();
        let told = |dialect, out: &str| in_python(&spec, dialect, Path::new(out));
        assert_eq!(
            told(Dialect::Timm, "mine/model.safetensors"),
            r#"timm.create_model("local-dir:mine", pretrained=True)"#
        );
        let alone = told(Dialect::Timm, "a.safetensors");
        assert!(alone.contains(r#"dict(file="a.safetensors", num_classes=3, "#), "{alone}");
        assert_eq!(
            told(Dialect::Transformers, "model.safetensors"),
            r#"transformers.AutoModelForImageClassification.from_pretrained(".")"#
        );
        let other = told(Dialect::Transformers, "mine/a.safetensors");
        assert!(other.ends_with("export to mine/model.safetensors"), "{other}");
    }
}
