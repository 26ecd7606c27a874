//! What counts as an image in a folder, and what is passed over.

use resnet_data::find_images;

#[test]
fn hidden_files_are_passed_over_and_nothing_makes_the_rest_be_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    for name in ["0.jpg", "._0.jpg", ".DS_Store", "Thumbs.db", "notes.txt"] {
        std::fs::write(here.join(name), "").expect("a file is written");
    }
    for inner in [".git", "__MACOSX", "b"] {
        std::fs::create_dir(here.join(inner)).expect("a folder");
        std::fs::write(here.join(inner).join("1.png"), "").expect("a file is written");
    }
    let found = find_images(&[here.to_owned(), here.join("._0.jpg")]);
    // A file that is named stands for itself.
    assert_eq!(found.files, ["0.jpg", "b/1.png", "._0.jpg"].map(|name| here.join(name)));
    assert!(found.failures.is_empty(), "{:?}", found.failures);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_not_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("gone.jpg");
    std::os::unix::fs::symlink("nowhere", &link).expect("a link");
    std::os::unix::fs::symlink(".", folder.path().join("round")).expect("a link");
    assert_eq!(find_images(&[folder.path().to_owned()]).files, [link]);
}
