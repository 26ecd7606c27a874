//! CIFAR from a cache made by hand and from a small server on this machine.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use resnet_data::{DataKind, Dataset, Error, download_with};
use resnet_hub::{NetworkAccess, Progress, Settings};

use crate::parquet_files::{Row, write};

const TRAIN: &str = "plain_text/train-00000-of-00001.parquet";
const TEST: &str = "plain_text/test-00000-of-00001.parquet";

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn download(settings: &Settings, progress: &dyn Progress) -> Result<Dataset, Error> {
    download_with(settings, DataKind::Cifar10, progress)
}

fn settings(cache: &Path, network: NetworkAccess, endpoint: &str) -> Settings {
    Settings {
        cache: cache.to_owned(),
        endpoint: endpoint.to_owned(),
        token: Some("secret".to_owned()),
        network,
    }
}

fn parquet(rows: usize) -> Vec<u8> {
    let rows: Vec<Row> = (0..rows).map(|i| Row::of(i as u8, i as i64 % 10)).collect();
    write("label", &rows)
}

/// Counts what it is told.
#[derive(Default)]
struct Counter {
    started: Mutex<Vec<(String, u64)>>,
    bytes: AtomicU64,
    finished: AtomicU64,
}

impl Progress for Counter {
    fn start(&self, label: &str, total_bytes: u64) {
        self.started.lock().unwrap().push((label.to_owned(), total_bytes));
    }
    fn advance(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
    fn finish(&self) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_cache_made_by_hand_is_read_without_a_network() {
    let cache = tempfile::tempdir().unwrap();
    let repository = cache.path().join("datasets--uoft-cs--cifar10");
    let snapshot = repository.join("snapshots").join(COMMIT).join("plain_text");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::write(repository.join("refs/main"), COMMIT).unwrap();
    fs::write(snapshot.join("train-00000-of-00001.parquet"), parquet(30)).unwrap();
    fs::write(snapshot.join("test-00000-of-00001.parquet"), parquet(10)).unwrap();
    for network in [NetworkAccess::Forbidden, NetworkAccess::Allowed] {
        // Nothing listens there: a request would fail.
        let settings = settings(cache.path(), network, "http://127.0.0.1:1");
        let data = download(&settings, &Counter::default()).unwrap();
        assert_eq!((data.train.len(), data.test.len(), data.name.as_str()), (30, 10, "cifar10"));
        assert_eq!(data.origin, format!("uoft-cs/cifar10@{COMMIT}"));
    }
}

#[test]
fn without_cache_and_network_the_message_says_how_to_get_the_data() {
    let cache = tempfile::tempdir().unwrap();
    for (network, cause) in
        [(NetworkAccess::Forbidden, "HF_HUB_OFFLINE"), (NetworkAccess::Allowed, "connection failed")]
    {
        let settings = settings(cache.path(), network, "http://127.0.0.1:1");
        let message = download(&settings, &Counter::default()).unwrap_err().to_string();
        let folder = cache.path().display().to_string();
        for part in [
            cause,
            &folder,
            "uoft-cs/cifar10",
            "give a folder",
            "cifar-10-binary.tar.gz",
            "test-00000-of-00001.parquet",
        ] {
            assert!(message.contains(part), "{message:?} should contain {part:?}");
        }
    }
}

/// Answers `requests` requests as the hub does for a file that it holds itself.
fn serve(listener: &TcpListener, requests: usize, files: &[(&str, Vec<u8>)]) -> Vec<String> {
    (0..requests).map(|_| answer(listener.accept().unwrap().0, files)).collect()
}

fn answer(mut stream: TcpStream, files: &[(&str, Vec<u8>)]) -> String {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    let request = lines.next().unwrap();
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let header = |name: &str| {
        headers.iter().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    assert_eq!(header("authorization").as_deref(), Some("Bearer secret"));
    let path = request.split(' ').nth(1).unwrap();
    let Some((_, body)) = files.iter().find(|(name, _)| path.ends_with(name)) else {
        write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        return request;
    };
    let range = header("range").unwrap();
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let first: usize = first.parse().unwrap();
    let last = last.parse::<usize>().map_or(body.len(), |last| last + 1);
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{}/{}\r\n\
         ETag: \"{}\"\r\nX-Repo-Commit: {COMMIT}\r\nConnection: close\r\n\r\n",
        last - first,
        last - 1,
        body.len(),
        body.len()
    )
    .unwrap();
    stream.write_all(&body[first..last]).unwrap();
    request
}

#[test]
fn a_download_fills_the_cache_and_reports_progress() {
    let cache = tempfile::tempdir().unwrap();
    let files = [(TRAIN, parquet(20)), (TEST, parquet(10))];
    let bytes: u64 = files.iter().map(|(_, body)| body.len() as u64).sum();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let settings = settings(cache.path(), NetworkAccess::Allowed, &endpoint);
    let counter = Counter::default();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener, 4, &files));
        let data = download(&settings, &counter).unwrap();
        assert_eq!((data.train.len(), data.test.len()), (20, 10));
        let requests = server.join().unwrap();
        assert!(
            requests[0].contains("/datasets/uoft-cs/cifar10/resolve/main/plain_text/train-"),
            "{requests:?}"
        );
    });
    let started = counter.started.lock().unwrap();
    let expected: Vec<(String, u64)> =
        files.iter().map(|(name, body)| ((*name).to_owned(), body.len() as u64)).collect();
    assert_eq!(*started, expected);
    assert_eq!(counter.bytes.load(Ordering::Relaxed), bytes);
    assert_eq!(counter.finished.load(Ordering::Relaxed), 2);
    // What was fetched is found again without the server.
    let offline = Settings { network: NetworkAccess::Forbidden, ..settings };
    assert_eq!(download(&offline, &counter).unwrap().train.len(), 20);
}

#[test]
fn a_file_the_hub_does_not_have_is_an_error_with_its_status() {
    let cache = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let settings = settings(cache.path(), NetworkAccess::Allowed, &endpoint);
    std::thread::scope(|scope| {
        scope.spawn(|| serve(&listener, 1, &[]));
        let message = download(&settings, &Counter::default()).unwrap_err().to_string();
        assert!(message.contains("404") && message.contains("give a folder"), "{message}");
    });
}
