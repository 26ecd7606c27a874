//! Models from a cache made by hand, with the network off; and from a small server on this machine.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;
use crate::NoProgress;
use crate::request::Patience;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

fn model(cache: &Path, network: NetworkAccess, endpoint: &str, revision: Option<&str>) -> HubModel {
    let settings = Settings { cache: cache.to_owned(), endpoint: endpoint.to_owned(), token: None, network };
    HubModel::with_settings(settings, "timm/resnet50.a1_in1k", revision).unwrap()
}

fn offline(cache: &Path, revision: Option<&str>) -> HubModel {
    model(cache, NetworkAccess::Forbidden, "http://127.0.0.1:1", revision)
}

/// Compiles for what the threads of a server can share.
fn can_be_shared(_: &(impl Send + Sync)) {}

/// A cache with these files in its one snapshot.
fn cache(files: &[&str]) -> tempfile::TempDir {
    let cache = tempfile::tempdir().unwrap();
    let repository = cache.path().join("models--timm--resnet50.a1_in1k");
    let snapshot = repository.join("snapshots").join(COMMIT);
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(repository.join("refs/refs/pr")).unwrap();
    // As `huggingface_hub` writes it, and as an editor does.
    fs::write(repository.join("refs/main"), COMMIT).unwrap();
    fs::write(repository.join("refs/refs/pr/1"), format!("{COMMIT}\n")).unwrap();
    for file in files {
        fs::write(snapshot.join(file), file).unwrap();
    }
    cache
}

#[test]
fn a_cache_made_by_hand_is_read_without_a_network() {
    let cache = cache(&["pytorch_model.bin", "config.json"]);
    for revision in [None, Some("main"), Some("refs/pr/1"), Some(COMMIT)] {
        let model = offline(cache.path(), revision);
        let weights = model.first_of(&WEIGHTS, &NoProgress).unwrap();
        assert_eq!(fs::read_to_string(weights).unwrap(), "pytorch_model.bin", "{revision:?}");
        assert!(model.optional("config.json", &NoProgress).unwrap().is_some());
        assert_eq!(model.optional("preprocessor_config.json", &NoProgress).unwrap(), None);
    }
    // With the network on, what is cached is still taken from there: nothing listens.
    let model = model(cache.path(), NetworkAccess::Allowed, "http://127.0.0.1:1", None);
    can_be_shared(&model);
    assert!(model.first_of(&WEIGHTS, &NoProgress).is_ok());
    assert!(model.cached(&WEIGHTS).is_some() && model.cached(&["model.safetensors"]).is_none());
}

#[test]
fn missing_files_are_named_with_their_folder() {
    let whole = cache(&["config.json"]);
    let message = |cache: &Path, revision| {
        offline(cache, revision).first_of(&WEIGHTS, &NoProgress).unwrap_err().to_string()
    };
    let text = message(whole.path(), None);
    let snapshot = whole.path().join("models--timm--resnet50.a1_in1k/snapshots").join(COMMIT);
    for part in [
        "model.safetensors or pytorch_model.bin of timm/resnet50.a1_in1k is not in the cache",
        &snapshot.display().to_string(),
        "HF_HUB_OFFLINE is set",
        "http://127.0.0.1:1/timm/resnet50.a1_in1k",
        "set HF_HOME",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    let text = message(whole.path(), Some("v2"));
    assert!(text.contains("timm/resnet50.a1_in1k@v2") && text.contains("which refs/v2 would name"), "{text}");
    let text = message(tempfile::tempdir().unwrap().path(), None);
    assert!(text.contains("models--timm--resnet50.a1_in1k") && text.contains("does not exist"), "{text}");
    // A ref that leads elsewhere is not followed.
    fs::write(whole.path().join("models--timm--resnet50.a1_in1k/refs/main"), "../../..").unwrap();
    assert!(message(whole.path(), None).contains("no snapshot of main"));
}

#[test]
fn names_that_cannot_be_models_are_refused() {
    let cache = tempfile::tempdir().unwrap();
    let try_it = |id: &str, revision: Option<&str>| {
        let settings = offline(cache.path(), None).repository.settings;
        HubModel::with_settings(settings, id, revision).map(|model| model.name())
    };
    for id in
        ["resnet50", "a/b/c", "/resnet50", "timm/", "../resnet50", "timm/..", "timm/re snet", "ti%6dm/a"]
    {
        assert!(try_it(id, None).unwrap_err().to_string().contains("OWNER/NAME"), "{id}");
    }
    for revision in ["", "a//b", "../../x", "a/..", "x?y"] {
        assert!(try_it("timm/a", Some(revision)).unwrap_err().to_string().contains("revision"), "{revision}");
    }
    assert_eq!(try_it("timm/a", Some("refs/pr/1")).unwrap(), "timm/a@refs/pr/1");
    for (id, revision) in [("../../x", "main"), ("owner/images", "../../x")] {
        let settings = offline(cache.path(), None).repository.settings;
        assert!(Repository::new(settings, RepositoryKind::DataSet, id, revision).is_err(), "{id} {revision}");
    }
}

#[test]
fn a_name_that_leads_out_of_the_repository_is_refused() {
    let cache = cache(&["config.json"]);
    let outside = cache.path().join("x");
    fs::write(&outside, "x").unwrap();
    for network in [NetworkAccess::Forbidden, NetworkAccess::Allowed] {
        let repository = model(cache.path(), network, "http://127.0.0.1:1", None).repository;
        for name in [&*outside.display().to_string(), "../../../x"] {
            assert_eq!(repository.cached(name), None, "{name}");
            let refused = repository.get(name, &NoProgress).unwrap_err();
            assert!(matches!(refused, Missing::Refused(_)), "{refused}");
            assert!(refused.to_string().contains("leads out of its folder"), "{refused}");
        }
    }
}

#[test]
fn what_is_printed_for_debugging_does_not_hold_the_token() {
    let cache = tempfile::tempdir().unwrap();
    let mut settings = offline(cache.path(), None).repository.settings;
    (settings.token, settings.network) = (Some("hf_secret".to_owned()), NetworkAccess::Allowed);
    let model = HubModel::with_settings(settings, "timm/a", None).unwrap();
    // The first request makes hf-hub's client, which has the token as well.
    assert!(model.repository.listing().is_err());
    let told = format!("{model:?}");
    assert!(told.contains("hidden") && !told.contains("hf_secret"), "{told}");
}

/// Answers requests for `file` with `body` as the hub does, and all others with `status`.
fn serve(listener: &TcpListener, requests: usize, file: &str, body: &[u8], status: &str) -> Vec<String> {
    let answer = |_| {
        let mut stream = listener.accept().unwrap().0;
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let request = lines.next().unwrap();
        let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        if !request.split(' ').nth(1).unwrap().ends_with(file) {
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            return request;
        }
        let range = headers
            .iter()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
        let (first, last) = range.as_deref().and_then(|range| range.split_once('-')).unwrap();
        let first: usize = first.parse().unwrap();
        let last = last.parse::<usize>().map_or(body.len(), |last| last + 1);
        write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{}/{}\r\nETag: \"x\"\r\n\
             X-Repo-Commit: {COMMIT}\r\nConnection: close\r\n\r\n",
            last - first,
            last - 1,
            body.len()
        )
        .unwrap();
        stream.write_all(&body[first..last]).unwrap();
        request
    };
    (0..requests).map(answer).collect()
}

#[test]
fn the_second_file_is_asked_for_where_there_is_no_first() {
    let cache = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let model = model(cache.path(), NetworkAccess::Allowed, &endpoint, Some("v1"));
    std::thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener, 3, "pytorch_model.bin", b"weights", "404 Not Found"));
        let path = model.first_of(&WEIGHTS, &NoProgress).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"weights");
        let requests = server.join().unwrap();
        assert!(requests[0].contains("/timm/resnet50.a1_in1k/resolve/v1/model.safetensors"), "{requests:?}");
    });
    assert!(offline(cache.path(), Some("v1")).first_of(&WEIGHTS, &NoProgress).is_ok());
}

#[test]
fn a_refusal_is_not_taken_for_an_absent_file() {
    let cache = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let model = model(cache.path(), NetworkAccess::Allowed, &endpoint, None);
    std::thread::scope(|scope| {
        scope.spawn(|| serve(&listener, 2, "none", b"", "401 Unauthorized"));
        let message = model.first_of(&WEIGHTS, &NoProgress).unwrap_err().to_string();
        assert!(message.contains("401") && message.contains("HF_TOKEN"), "{message}");
        assert!(model.optional("config.json", &NoProgress).is_err());
    });
    std::thread::scope(|scope| {
        scope.spawn(|| serve(&listener, 3, "none", b"", "404 Not Found"));
        let message = model.first_of(&WEIGHTS, &NoProgress).unwrap_err().to_string();
        assert!(
            message.contains("model.safetensors: ") && message.contains("pytorch_model.bin: "),
            "{message}"
        );
        assert_eq!(model.optional("config.json", &NoProgress).unwrap(), None);
    });
}

/// Answers the first requests as [`serve`] does but for `missing` bytes at the end of the last one, and keeps
/// that connection and every later one open without a word until `done`.
fn fall_silent(
    listener: &TcpListener,
    done: &AtomicBool,
    requests: usize,
    body: &[u8],
    missing: usize,
) -> usize {
    let mut held = vec![];
    listener.set_nonblocking(true).unwrap();
    while !done.load(Ordering::Relaxed) {
        let Ok((mut stream, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        stream.set_nonblocking(false).unwrap();
        if held.len() < requests {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let first_byte = lines.iter().any(|line| line.eq_ignore_ascii_case("range: bytes=0-0"));
            let end = if first_byte { 1 } else { body.len() };
            write!(
                stream,
                "HTTP/1.1 206 Partial Content\r\nContent-Length: {end}\r\nContent-Range: bytes 0-{}/{}\r\n\
                 ETag: \"x\"\r\nX-Repo-Commit: {COMMIT}\r\nConnection: close\r\n\r\n",
                end - 1,
                body.len()
            )
            .unwrap();
            let sent = if held.len() + 1 == requests { end - missing } else { end };
            stream.write_all(&body[..sent]).unwrap();
        }
        held.push(stream);
    }
    held.len()
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    // Silent from the start, and in the middle of the file.
    let rows = [(0, 0, "does not answer within 0.05 seconds", 0), (2, 3, "resumes from there", 4)];
    for (answered, missing, says, arrived) in rows {
        let cache = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let mut model = model(cache.path(), NetworkAccess::Allowed, &endpoint, None);
        let (silence, wait) = (Duration::from_millis(50), Duration::from_millis(1));
        model.repository.patience = Patience::new(silence, 3, wait);
        let done = AtomicBool::new(false);
        let (file, listing, connections) = std::thread::scope(|scope| {
            let server = scope.spawn(|| fall_silent(&listener, &done, answered, b"weights", missing));
            let (file, listing) = (model.first_of(&WEIGHTS, &NoProgress), model.repository.listing());
            done.store(true, Ordering::Relaxed);
            (file, listing, server.join().unwrap())
        });
        let message = file.unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
        let is_silence = |cause: &str| cause.contains("list of files: the server does not answer within");
        assert!(matches!(&listing, Err(Missing::Failed(cause)) if is_silence(cause)), "{listing:?}");
        // One for what there is, four for the file, four for the listing; a server that has never answered is
        // asked twice.
        assert_eq!(connections, if answered == 0 { 4 } else { 9 });
        let part = cache.path().join("models--timm--resnet50.a1_in1k/blobs/x.part");
        assert_eq!(fs::read(part).unwrap_or_default().len(), arrived);
    }
}

/// Answers requests as the hub does for a large file of a renamed repository: it lies under another path, and
/// its bytes elsewhere. `size` is a header of the hub's answer.
fn redirect(listener: &TcpListener, endpoint: &str, requests: usize, size: &str) -> Vec<String> {
    let answer = |_| {
        let mut stream = listener.accept().unwrap().0;
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
        let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let is_first = headers.iter().any(|line| line.eq_ignore_ascii_case("range: bytes=0-0"));
        let (status, headers, body) = match (&*path, is_first) {
            ("/bytes", true) => ("206 Partial Content", "Content-Range: bytes 0-0/7".to_owned(), "w"),
            ("/bytes", false) => ("206 Partial Content", "Content-Range: bytes 0-6/7".to_owned(), "weights"),
            ("/new/name", _) => {
                let names = format!("X-Linked-ETag: \"big\"\r\nETag: \"small\"\r\nX-Repo-Commit: {COMMIT}");
                ("302 Found", format!("Location: {endpoint}/bytes\r\n{names}\r\n{size}"), "")
            }
            _ => ("307 Temporary Redirect", "Location: /new/name".to_owned(), ""),
        };
        let (headers, length) = (headers.trim_end(), body.len());
        write!(
            stream,
            "HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        path
    };
    (0..requests).map(answer).collect()
}

#[test]
fn a_file_whose_bytes_lie_elsewhere_is_found() {
    let old = "/timm/resnet50.a1_in1k/resolve/main/model.safetensors";
    let body = [old, "/new/name", "/bytes"];
    let rows = [
        ("X-Linked-Size: 7", [&[old, "/new/name"][..], &body].concat()),
        ("", [&[old, "/new/name", "/new/name", "/bytes"][..], &body].concat()),
    ];
    for (size, requests) in rows {
        let cache = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let model = model(cache.path(), NetworkAccess::Allowed, &endpoint, None);
        std::thread::scope(|scope| {
            let server = scope.spawn(|| redirect(&listener, &endpoint, requests.len(), size));
            let path = model.first_of(&WEIGHTS, &NoProgress).unwrap();
            assert_eq!(fs::read(path).unwrap(), b"weights");
            assert_eq!(server.join().unwrap(), requests);
        });
        assert!(cache.path().join("models--timm--resnet50.a1_in1k/blobs/big").is_file());
    }
}
