//! The pictures in the repository are what the code draws; with RESNET_WRITE_DOCS=1 they are written anew.

use std::path::{Path, PathBuf};

use resnet_draw::{Figure, Subject, UNITS};

/// Each picture's file, and what it shows.
fn pictures() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let units = UNITS.map(|(name, _)| {
        let file = format!("crates/blocks/pictures/{}.svg", name.replace('-', "_"));
        (root.join(file), name.to_owned())
    });
    let figures = Figure::ALL
        .map(|figure| (root.join(format!("docs/paper/{}.svg", figure.name())), figure.name().to_owned()));
    let network = (root.join("docs/paper/resnet110-v2.svg"), "resnet110-v2".to_owned());
    units.into_iter().chain(figures).chain([network]).collect()
}

#[test]
fn pictures_in_the_repository_are_what_is_drawn() {
    let mut faults = vec![];
    for (file, name) in pictures() {
        let drawn = Subject::named(&name).unwrap().svg().unwrap();
        if std::env::var_os("RESNET_WRITE_DOCS").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &drawn).unwrap();
        }
        if std::fs::read_to_string(&file).unwrap_or_default() != drawn {
            faults.push(file.display().to_string());
        }
    }
    assert!(
        faults.is_empty(),
        "not what is drawn: {faults:#?}; write them by RESNET_WRITE_DOCS=1 cargo test --workspace --test pictures"
    );
}

#[test]
fn every_unit_of_the_crate_shows_its_own_picture() {
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../blocks/src/units");
    let mut shown = 0;
    for entry in std::fs::read_dir(units).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if stem == "mod" {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        assert!(source.contains(&format!("pictures/{stem}.svg")), "{stem} shows no picture of its own");
        assert!(UNITS.iter().any(|(name, _)| name.replace('-', "_") == stem), "{stem} is not drawn");
        shown += 1;
    }
    assert_eq!(shown, UNITS.len());
}
