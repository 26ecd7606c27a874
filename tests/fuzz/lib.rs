//! What the programs share: each runs the body that has its name.

/// The program of a target.
#[macro_export]
macro_rules! program {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(
            init: resnet_tests::fuzzing::abort_on_panic(),
            |bytes: &[u8]| $crate::run($name, bytes)
        );
    };
}

/// Runs the body of the target called `name`.
pub fn run(name: &str, bytes: &[u8]) {
    let target = resnet_tests::fuzzing::TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of this name").body)(bytes);
}
