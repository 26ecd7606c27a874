//! What the alias `cargo xtask` runs: builds the program, then becomes it.
//!
//! An alias alone has two choices. With `--quiet` cargo shows nothing during the minutes of a first build;
//! without it every run begins with cargo's "Finished" and "Running". So this small program, built in no
//! time, asks cargo for a build that is quiet only if there is nothing to build. `--features NAMES` is for
//! that build: the program never sees it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::SystemTime;
use std::{env, fs, io};

fn main() -> ExitCode {
    match launch() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: cannot build or start xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn launch() -> io::Result<ExitCode> {
    // Cargo puts all programs of a profile into one folder.
    let program = env::current_exe()?.with_file_name(format!("xtask{}", env::consts::EXE_SUFFIX));
    let (features, args) = split_features(env::args_os().skip(1));
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--package", "xtask"]).stdin(Stdio::null());
    for features in &features {
        build.arg("--features").arg(features);
    }
    // What was built may have had other features.
    if is_fresh(&program) && features.is_empty() {
        build.arg("--quiet");
    }
    forget_this_package(&mut build);
    let built = build.status()?;
    if !built.success() {
        return Ok(code_of(built.code()));
    }
    let mut program = Command::new(program);
    program.args(args);
    forget_this_package(&mut program);
    become_it(program)
}

/// The features to build with, `--features NAMES` as cargo has it, and the arguments for the program.
fn split_features(all: impl Iterator<Item = OsString>) -> (Vec<OsString>, Vec<OsString>) {
    let (mut features, mut rest) = (vec![], vec![]);
    let mut all = all.peekable();
    while let Some(arg) = all.next() {
        match arg.to_str().and_then(|arg| arg.strip_prefix("--features")) {
            Some("") if all.peek().is_some() => features.extend(all.next()),
            Some(names) if names.starts_with('=') => features.push(names[1..].into()),
            _ => rest.push(arg),
        }
    }
    (features, rest)
}

/// Takes away what `cargo run` says of this package. Build scripts that look at it would run again, and with
/// them all that is built upon them, each time that cargo is called in another way.
fn forget_this_package(command: &mut Command) {
    for (name, _) in env::vars_os().filter(|(name, _)| is_of_this_package(name)) {
        command.env_remove(name);
    }
}

fn is_of_this_package(name: &OsStr) -> bool {
    let known = ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_MANIFEST_LINKS", "CARGO_BIN_NAME"];
    name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || known.contains(&name))
}

/// Whether nothing that the program was built from has changed since. It only decides what is shown: what is
/// built is for cargo to say.
fn is_fresh(program: &Path) -> bool {
    let built = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    let (Ok(when), Ok(list)) = (built(program), fs::read_to_string(program.with_extension("d"))) else {
        return false;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    let manifests = ["Cargo.toml", "Cargo.lock"].map(|name| root.join(name));
    let is_older = |time: SystemTime| time <= when;
    sources(&list).iter().chain(&manifests).all(|path| built(path).is_ok_and(is_older))
}

/// The files that a list of dependencies of cargo's names: `program: file file ...`, blanks in names after a
/// `\`.
fn sources(list: &str) -> Vec<PathBuf> {
    let Some((_, files)) = list.split_once(": ") else { return vec![] };
    let (mut found, mut name) = (Vec::new(), String::new());
    let mut rest = files.trim_end().chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' if rest.peek() == Some(&' ') => name.extend(rest.next()),
            ' ' => found.push(std::mem::take(&mut name)),
            _ => name.push(c),
        }
    }
    found.push(name);
    found.into_iter().filter(|name| !name.is_empty()).map(PathBuf::from).collect()
}

fn code_of(code: Option<i32>) -> ExitCode {
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// The program takes this process's place, so signals, terminal and exit code are its own.
#[cfg(unix)]
fn become_it(mut program: Command) -> io::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    Err(program.exec())
}

/// Where a process cannot be replaced it is waited for; Ctrl-C goes to both.
#[cfg(not(unix))]
fn become_it(mut program: Command) -> io::Result<ExitCode> {
    program.status().map(|status| code_of(status.code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_blanks_are_one_name() {
        let list = "/t/xtask: /my\\ work/a.rs /b.rs C:\\x\\c.rs\n";
        let expected = ["/my work/a.rs", "/b.rs", "C:\\x\\c.rs"].map(PathBuf::from);
        assert_eq!(sources(list), expected);
        assert_eq!(sources("nothing"), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_program_is_fresh_until_a_source_is_younger_or_gone() {
        let folder = env::temp_dir().join(format!("launch-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [program, source] = ["xtask", "source.rs"].map(|name| folder.join(name));
        assert!(!is_fresh(&program), "it is not built");
        // The workspace's manifests count as well, and they are older than these files.
        fs::write(&source, "").unwrap();
        fs::write(&program, "").unwrap();
        assert!(!is_fresh(&program), "nothing is known of its sources");
        let list = format!("{}: {}\n", program.display(), source.display().to_string().replace(' ', "\\ "));
        fs::write(program.with_extension("d"), list).unwrap();
        assert!(is_fresh(&program));
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        fs::File::options().write(true).open(&source).unwrap().set_modified(later).unwrap();
        assert!(!is_fresh(&program), "its source is younger");
        fs::remove_file(&source).unwrap();
        assert!(!is_fresh(&program), "its source is gone");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn features_are_for_the_build() {
        let split = |args: &[&str]| {
            let (features, rest) = split_features(args.iter().map(OsString::from));
            let words = |all: Vec<OsString>| all.into_iter().map(|one| one.into_string().unwrap()).collect();
            let words: [Vec<String>; 2] = [features, rest].map(words);
            words.map(|words| words.join(" "))
        };
        assert_eq!(split(&["train", "--features", "mpi", "--epochs", "3"]), ["mpi", "train --epochs 3"]);
        assert_eq!(split(&["train", "--features=mpi"]), ["mpi", "train"]);
        assert_eq!(split(&["predict", "--features"]), ["", "predict --features"]);
    }

    #[test]
    fn what_users_set_stays() {
        let forgotten = |name: &str| is_of_this_package(OsStr::new(name));
        assert!(forgotten("CARGO_MANIFEST_DIR") && forgotten("CARGO_PKG_VERSION_MAJOR"));
        assert!(!forgotten("CARGO_HOME") && !forgotten("CARGO_TARGET_DIR") && !forgotten("CARGO_TERM_COLOR"));
    }
}
