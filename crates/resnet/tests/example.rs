//! The example project of `tests/example`, run as a test: what it does outside the workspace works inside it.

#[path = "../../../tests/example/src/main.rs"]
#[allow(dead_code, unreachable_pub)]
mod example;

#[test]
fn a_checkpoint_is_loaded_asked_fine_tuned_and_exported() {
    let folder = tempfile::tempdir().expect("a folder");
    example::run(folder.path()).expect("the example works");
}
