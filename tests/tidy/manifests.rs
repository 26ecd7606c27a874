//! What is asked of a manifest: edges that point down, no candle where arrays are plain, the workspace's
//! lints.

use crate::File;

/// Which of our packages a package may name: (package, dependencies, what its tests may name besides).
/// Everything points down this list's layers; a package that is not here is a fault, so a new one has to be
/// thought about.
pub(crate) const EDGES: &[(&str, &[&str], &[&str])] = &[
    ("resnet-reference", &[], &[]),
    ("resnet-testing", &[], &[]),
    ("resnet-kernels", &[], &["resnet-reference", "resnet-testing"]),
    ("resnet-files", &[], &[]),
    ("resnet-words", &[], &[]),
    ("resnet-pickle", &[], &["resnet-testing"]),
    ("resnet-checkpoint", &["resnet-files", "resnet-pickle", "resnet-words"], &["resnet-testing"]),
    ("resnet-ops", &["resnet-kernels"], &["resnet-reference", "resnet-testing"]),
    ("resnet-blocks", &["resnet-ops"], &["resnet-reference", "resnet-testing"]),
    (
        "resnet-models",
        &["resnet-blocks", "resnet-ops", "resnet-checkpoint", "resnet-files"],
        &["resnet-testing"],
    ),
    ("resnet-vision", &["resnet-kernels"], &["resnet-testing"]),
    ("resnet-hub", &["resnet-files", "resnet-words"], &[]),
    ("resnet-formats", &["resnet-files", "resnet-vision", "resnet-pickle", "resnet-words"], &[]),
    ("resnet-sampling", &["resnet-vision"], &[]),
    (
        "resnet-data",
        &["resnet-files", "resnet-vision", "resnet-sampling", "resnet-hub", "resnet-formats"],
        &["resnet-testing"],
    ),
    ("resnet-record", &["resnet-files"], &["resnet-testing"]),
    ("resnet-report", &["resnet-record", "resnet-files", "resnet-words"], &[]),
    ("resnet-draw", &["resnet-blocks", "resnet-models", "resnet-ops", "resnet-words"], &["resnet-testing"]),
    (
        "resnet-train",
        &["resnet-ops", "resnet-checkpoint", "resnet-files", "resnet-data", "resnet-vision", "resnet-record"],
        &[],
    ),
    ("resnet", PRODUCT, &["resnet-testing"]),
    (
        "resnet-analysis",
        &[
            "resnet",
            "resnet-blocks",
            "resnet-data",
            "resnet-models",
            "resnet-ops",
            "resnet-record",
            "resnet-report",
            "resnet-train",
            "resnet-vision",
            "resnet-words",
        ],
        &["resnet-testing"],
    ),
    ("resnet-terminal", &["resnet-words"], &[]),
    (
        "resnet-bench",
        &[
            "resnet-files",
            "resnet-kernels",
            "resnet-ops",
            "resnet-models",
            "resnet-record",
            "resnet-train",
            "resnet-terminal",
        ],
        &[],
    ),
    (
        "resnet-study",
        &[
            "resnet",
            "resnet-analysis",
            "resnet-bench",
            "resnet-blocks",
            "resnet-data",
            "resnet-files",
            "resnet-models",
            "resnet-ops",
            "resnet-record",
            "resnet-report",
            "resnet-train",
            "resnet-words",
        ],
        &[],
    ),
    (
        "resnet-views",
        &[
            "resnet",
            "resnet-analysis",
            "resnet-bench",
            "resnet-models",
            "resnet-ops",
            "resnet-record",
            "resnet-report",
            "resnet-study",
            "resnet-terminal",
            "resnet-train",
        ],
        &[],
    ),
    ("resnet-mpi", &["resnet-data", "resnet-train"], &[]),
    ("xtask", LIBRARIES, &["resnet-testing"]),
    ("xtask-launch", &[], &[]),
    ("resnet-tests", EVERYTHING, &[]),
    ("resnet-fuzz", &["resnet-tests"], &[]),
    ("resnet-example", &["resnet"], &[]),
];

/// What the face for library users stands on and re-exports.
const PRODUCT: &[&str] = &[
    "resnet-kernels",
    "resnet-ops",
    "resnet-blocks",
    "resnet-checkpoint",
    "resnet-files",
    "resnet-models",
    "resnet-vision",
    "resnet-hub",
    "resnet-data",
    "resnet-record",
    "resnet-train",
];

const LIBRARIES: &[&str] = &[
    "resnet",
    "resnet-analysis",
    "resnet-bench",
    "resnet-study",
    "resnet-draw",
    "resnet-views",
    "resnet-terminal",
    "resnet-kernels",
    "resnet-ops",
    "resnet-files",
    "resnet-models",
    "resnet-vision",
    "resnet-hub",
    "resnet-data",
    "resnet-record",
    "resnet-report",
    "resnet-train",
    "resnet-mpi",
];

const EVERYTHING: &[&str] = &[
    "resnet-reference",
    "resnet-testing",
    "resnet-ops",
    "resnet-blocks",
    "resnet-pickle",
    "resnet-checkpoint",
    "resnet-models",
    "resnet-vision",
    "resnet-data",
    "resnet-record",
    "resnet-train",
];

/// Packages that work on plain arrays and know no tensor.
const WITHOUT_CANDLE: &[&str] = &[
    "resnet-reference",
    "resnet-testing",
    "resnet-kernels",
    "resnet-pickle",
    "resnet-checkpoint",
    "resnet-files",
    "resnet-words",
    "resnet-vision",
    "resnet-hub",
    "resnet-formats",
    "resnet-sampling",
    "resnet-data",
    "resnet-record",
    "resnet-report",
    "resnet-terminal",
];

/// The names under a manifest's tables of dependencies, for every target; `dev` picks those of tests.
fn dependencies(manifest: &toml::Table, dev: bool) -> Vec<String> {
    let tables: &[&str] = if dev { &["dev-dependencies"] } else { &["dependencies", "build-dependencies"] };
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(|t| t.values());
    let places = targets.filter_map(toml::Value::as_table).chain([manifest]);
    let found = places.flat_map(|place| tables.iter().filter_map(|table| place.get(*table)?.as_table()));
    let renamed = |value: &toml::Value| Some(value.get("package")?.as_str()?.to_owned());
    found.flatten().map(|(name, value)| renamed(value).unwrap_or_else(|| name.clone())).collect()
}

fn parse(manifest: &File) -> Result<(String, toml::Table), String> {
    let table: toml::Table = manifest.text.parse().map_err(|e| format!("{}: {e}", manifest.path))?;
    let name = table.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    Ok((name.ok_or_else(|| format!("{}: no package name", manifest.path))?.to_owned(), table))
}

pub(crate) fn edges(manifests: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = Vec::new();
    for manifest in manifests {
        let (name, table) = match parse(manifest) {
            Ok(parsed) => parsed,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        let Some((_, normal, test)) = EDGES.iter().find(|row| row.0 == name) else {
            faults.push(format!("{name} is not in the list of edges of tests/tidy/manifests.rs"));
            continue;
        };
        for dev in [false, true] {
            let kind = if dev { " in its tests" } else { "" };
            for other in dependencies(&table, dev) {
                let ours = other == "xtask" || other == "resnet" || other.starts_with("resnet-");
                if ours && !normal.contains(&other.as_str()) && !(dev && test.contains(&other.as_str())) {
                    faults.push(format!("{name} knows {other}{kind}"));
                }
                if other.starts_with("candle") && WITHOUT_CANDLE.contains(&name.as_str()) {
                    faults.push(format!("{name} knows {other}{kind}: it works on plain arrays"));
                }
            }
        }
        seen.push(name);
    }
    let missing = EDGES.iter().filter(|row| !seen.iter().any(|name| name == row.0));
    faults.extend(missing.map(|row| format!("{} is in the list of edges and not in the tree", row.0)));
    faults
}

/// Edges of the list that no manifest has: a list that allows more than there is lets a new edge in unseen.
pub(crate) fn unused_edges(manifests: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, table) in manifests.iter().filter_map(|manifest| parse(manifest).ok()) {
        let Some((_, normal, test)) = EDGES.iter().find(|row| row.0 == name) else { continue };
        for (dev, allowed) in [(false, normal), (true, test)] {
            let kind = if dev { " in its tests" } else { "" };
            let there = dependencies(&table, dev);
            let unused = allowed.iter().filter(|&&other| !there.iter().any(|known| known == other));
            faults.extend(unused.map(|other| format!("{name} may know {other}{kind}, and does not")));
        }
    }
    faults
}

pub(crate) fn lints(manifests: &[File]) -> Vec<String> {
    let inherits = |file: &File| {
        let table = file.text.parse::<toml::Table>().ok()?;
        table.get("lints")?.get("workspace")?.as_bool()
    };
    manifests.iter().filter(|file| inherits(file) != Some(true)).map(|file| file.path.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    /// All packages of the list without dependencies, but with `text` for the one called `name`.
    fn packages(name: &str, text: &str) -> Vec<File> {
        let manifest = |package: &str| {
            format!("package.name = \"{package}\"\n{}", if package == name { text } else { "" })
        };
        EDGES
            .iter()
            .map(|row| File { path: format!("{}/Cargo.toml", row.0), text: manifest(row.0) })
            .collect()
    }

    #[test]
    fn edges_that_point_up_or_sideways() {
        let rows = [
            ("resnet-ops", "[dependencies]\nresnet-kernels.workspace = true\nrand = \"1\"", None),
            ("resnet-ops", "[dev-dependencies]\nresnet-kernels = \"1\"\nresnet-reference = \"1\"", None),
            (
                "resnet-ops",
                "[dependencies]\nresnet-blocks.workspace = true",
                Some("resnet-ops knows resnet-blocks"),
            ),
            (
                "resnet-ops",
                "[dependencies]\nresnet-reference = \"1\"",
                Some("resnet-ops knows resnet-reference"),
            ),
            (
                "xtask",
                "[dev-dependencies]\nresnet-reference = \"1\"",
                Some("xtask knows resnet-reference in its tests"),
            ),
            (
                "resnet-train",
                "[dependencies]\nm = { package = \"resnet-models\" }",
                Some("resnet-train knows resnet-models"),
            ),
            (
                "resnet-data",
                "[target.'cfg(unix)'.build-dependencies]\nxtask = \"1\"",
                Some("resnet-data knows xtask"),
            ),
            ("resnet-tests", "[dependencies]\nresnet-reference = \"1\"\ncandle-nn = \"1\"", None),
            (
                "resnet-data",
                "[dependencies]\ncandle-core = \"1\"",
                Some("resnet-data knows candle-core: it works on plain arrays"),
            ),
            (
                "resnet-kernels",
                "[dev-dependencies]\nc = { package = \"candle-nn\" }",
                Some("resnet-kernels knows candle-nn in its tests: it works on plain arrays"),
            ),
        ];
        resnet_testing::table::run(&rows, |(name, text, expected)| {
            let found = edges(&packages(name, text));
            let expected: Vec<&str> = expected.iter().copied().collect();
            if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
        });
    }

    #[test]
    fn edges_that_no_manifest_has() {
        let text = "[dependencies]\nresnet-kernels = \"1\"\n[dev-dependencies]\nresnet-reference = \"1\"";
        let found = unused_edges(&packages("resnet-ops", text));
        let of_ops: Vec<_> = found.iter().filter(|fault| fault.starts_with("resnet-ops ")).collect();
        assert_eq!(of_ops, ["resnet-ops may know resnet-testing in its tests, and does not"]);
        assert!(found.contains(&"resnet-blocks may know resnet-ops, and does not".to_owned()), "{found:?}");
    }

    #[test]
    fn packages_that_the_list_does_not_know_or_that_are_gone() {
        let mut tree = packages("", "");
        tree[0].text = "package.name = \"resnet-new\"".into();
        let found = edges(&tree).join("; ");
        assert!(
            found.contains("resnet-new is not in the list")
                && found.contains("resnet-reference is in the list"),
            "{found}"
        );
        tree[0].text = "broken".into();
        assert!(edges(&tree)[0].starts_with("resnet-reference/Cargo.toml:"));
    }

    #[test]
    fn a_package_without_the_lints() {
        let tree = files(&[("a", "lints.workspace = true"), ("b", ""), ("c", "lints.workspace = false")]);
        assert_eq!(lints(&tree), ["b", "c"]);
    }
}
