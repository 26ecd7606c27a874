//! Data sets from a small hub on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use resnet_data::sources::{OpenFiles, Split, open_files};
use resnet_data::{Error, HubDataset, Wanted};
use resnet_hub::{NetworkAccess, NoProgress, Progress, Settings};
use resnet_testing::hub::{Files, Hub, Ranges, TOKEN};

use crate::parquet_files::{Row, write};

const FIRST: &str = "0123456789abcdef0123456789abcdef01234567";
const SECOND: &str = "89abcdef0123456789abcdef0123456701234567";

fn dataset(cache: &Path, hub: &Hub, network: NetworkAccess, revision: Option<&str>) -> HubDataset {
    HubDataset::with_settings(settings(cache, hub, network), "owner/images", revision).unwrap()
}

fn settings(cache: &Path, hub: &Hub, network: NetworkAccess) -> Settings {
    let token = Some(TOKEN.to_owned());
    Settings { cache: cache.to_owned(), endpoint: hub.endpoint.clone(), token, network }
}

/// Where the cache keeps the repository.
fn folder_of(cache: &Path) -> PathBuf {
    cache.join("datasets--owner--images")
}

fn parquet(label: &str, rows: usize) -> Vec<u8> {
    let rows: Vec<Row> = (0..rows).map(|i| Row::of(i as u8, i as i64 % 4)).collect();
    write(label, &rows)
}

fn files<'a>(files: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Files {
    files.into_iter().map(|(name, body)| (name.to_owned(), body)).collect()
}

/// Two files to train on, one to evaluate on, one that is not wanted.
fn images() -> Files {
    files([
        ("README.md", b"# Images".to_vec()),
        ("data/train-00000-of-00002.parquet", parquet("label", 20)),
        ("data/train-00001-of-00002.parquet", parquet("label", 11)),
        ("data/validation-00000-of-00001.parquet", parquet("label", 8)),
        ("data/test-00000-of-00001.parquet", parquet("label", 3)),
    ])
}

fn all(dataset: &HubDataset, progress: &dyn Progress) -> Result<PathBuf, Error> {
    dataset.fetch(&dataset.files(&Wanted::default())?, progress)
}

#[track_caller]
fn refusal(dataset: &HubDataset, words: &[&str]) {
    let message = all(dataset, &NoProgress).unwrap_err().to_string();
    words.iter().for_each(|word| assert!(message.contains(word), "{message:?} should contain {word:?}"));
}

#[derive(Default)]
struct Counter {
    started: Mutex<Vec<String>>,
    bytes: AtomicU64,
}

impl Progress for Counter {
    fn start(&self, label: &str, _total_bytes: u64) {
        self.started.lock().unwrap().push(label.to_owned());
    }
    fn advance(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
    fn finish(&self) {}
}

#[test]
fn a_data_set_is_fetched_once_and_opened_from_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::start(FIRST, images());
    let online = dataset(cache.path(), &hub, NetworkAccess::Allowed, None);
    let found = online.files(&Wanted::default()).unwrap();
    let told: Vec<_> = found.files.iter().map(|file| (found.inner_name(file), file.split)).collect();
    let wanted = [
        ("train-00000-of-00002.parquet", Some(Split::Train)),
        ("train-00001-of-00002.parquet", Some(Split::Train)),
        ("validation-00000-of-00001.parquet", Some(Split::Val)),
    ];
    assert_eq!((told, found.commit.as_str()), (wanted.to_vec(), FIRST));
    let bytes: u64 = found.files.iter().filter_map(|file| file.bytes).sum();
    let counter = Counter::default();
    let folder = online.fetch(&found, &counter).unwrap();
    assert_eq!(counter.bytes.load(Ordering::Relaxed), bytes);
    assert_eq!(folder, cache.path().join("datasets--owner--images/snapshots").join(FIRST).join("data/"));
    assert!(folder.join(wanted[0].0).is_symlink());
    // The folder, the snapshot above it, and the cache that Python would find.
    for dir in [folder.as_path(), folder.parent().unwrap()] {
        let set = open_files(dir, &OpenFiles::default()).unwrap();
        assert_eq!((set.train.index().len(), set.evaluation.unwrap().index().len()), (31, 8));
    }
    let main = fs::read_to_string(folder_of(cache.path()).join("refs/main")).unwrap();
    assert_eq!(main, FIRST);

    assert_eq!(hub.requests().len(), 1 + 2 * 3);
    assert_eq!(all(&online, &NoProgress).unwrap(), folder);
    assert_eq!(hub.requests(), ["/api/datasets/owner/images/revision/main?blobs=true"]);
    // A commit never changes: nothing at all is asked for.
    let pinned = dataset(cache.path(), &hub, NetworkAccess::Allowed, Some(FIRST));
    assert_eq!(all(&pinned, &NoProgress).unwrap(), folder);
    let offline = dataset(cache.path(), &hub, NetworkAccess::Forbidden, None);
    assert_eq!(all(&offline, &NoProgress).unwrap(), folder);
    assert!(hub.requests().is_empty());
}

#[test]
fn what_a_lost_connection_left_is_gone_on_with() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::start(FIRST, files([("train-0.parquet", parquet("fine_label", 40))]));
    let body = parquet("fine_label", 40);
    let online = dataset(cache.path(), &hub, NetworkAccess::Allowed, None);
    // Three connections bring a thousand bytes each.
    hub.state().cuts = [1000; 3].into();
    let counter = Counter::default();
    let folder = all(&online, &counter).unwrap();
    assert_eq!(fs::read(folder.join("train-0.parquet")).unwrap(), body);
    assert_eq!(counter.bytes.load(Ordering::Relaxed), body.len() as u64);
    let ranges: Vec<String> =
        hub.requests().iter().filter_map(|path| Some(path.split_once(" ")?.1.to_owned())).collect();
    assert_eq!(ranges, ["bytes=0-0", "bytes=0-", "bytes=1000-", "bytes=2000-", "bytes=3000-"]);
    // CIFAR-100's columns: the fine labels are the classes.
    let set = open_files(&folder, &OpenFiles::default()).unwrap();
    assert_eq!((set.train.index().len(), set.classes.len()), (40, 4));

    // What an earlier process left: half of it, all of it without its name, more than there is.
    let blobs = folder_of(cache.path()).join("blobs");
    let blob = fs::canonicalize(folder.join("train-0.parquet")).unwrap();
    let part = blobs.join(format!("{}.part", blob.file_name().unwrap().to_str().unwrap()));
    let more = [&body[..], b"more"].concat();
    for (left, asked) in
        [(&body[..500], Some("bytes=500-")), (&body[..], None), (&more[..], Some("bytes=0-"))]
    {
        fs::remove_file(&blob).unwrap();
        fs::write(&part, left).unwrap();
        hub.requests();
        all(&online, &NoProgress).unwrap();
        assert_eq!(fs::read(folder.join("train-0.parquet")).unwrap(), body);
        assert_eq!(
            hub.requests().get(2).and_then(|path| path.split_once(' ').map(|(_, range)| range)),
            asked
        );
    }
    // A server without ranges begins again, and is not taken for one that goes on.
    fs::remove_file(&blob).unwrap();
    fs::write(&part, &body[..500]).unwrap();
    hub.state().ranges = Ranges::Ignored;
    all(&online, &NoProgress).unwrap();
    assert_eq!(fs::read(&blob).unwrap(), body);
}

#[test]
fn a_download_with_another_checksum_is_deleted() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::start(FIRST, files([("train-0.tar", b"hello\n".to_vec())]));
    let online = dataset(cache.path(), &hub, NetworkAccess::Allowed, None);
    // As `sha256sum` has it.
    let sum = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    hub.state().etag = Some(sum);
    let blobs = folder_of(cache.path()).join("blobs");
    fs::create_dir_all(&blobs).unwrap();
    // What a crash made of an earlier start's part.
    let part = blobs.join(format!("{sum}.part"));
    fs::write(&part, b"\0\0\0").unwrap();
    refusal(&online, &["train-0.tar: its SHA-256 is", sum, "the downloaded part is deleted", "start again"]);
    assert!(!part.exists() && !blobs.join(sum).exists());
    let folder = all(&online, &NoProgress).unwrap();
    assert_eq!(fs::read(folder.join("train-0.tar")).unwrap(), b"hello\n");
}

#[test]
fn a_hub_that_is_busy_is_asked_again_whatever_it_was_asked_for() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::start(FIRST, files([("train-0.tar", b"hello\n".to_vec())]));
    let online = dataset(cache.path(), &hub, NetworkAccess::Allowed, None);
    // Twice the list, twice what it says of the file, twice the file.
    let busy = ["502 Bad Gateway", "429 Too Many Requests", "408 Request Timeout"];
    let busy = busy.map(|status| format!("{status}\r\nRetry-After: 0").leak() as &str);
    hub.state().stumbles = busy.into_iter().flat_map(|status| [Some(status), None]).collect();
    let folder = all(&online, &NoProgress).unwrap();
    assert_eq!(fs::read(folder.join("train-0.tar")).unwrap(), b"hello\n");
    assert_eq!(hub.requests().len(), 6);
}

#[test]
fn a_connection_that_brings_nothing_is_opened_again_where_it_stopped() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::start(FIRST, images());
    let online = dataset(cache.path(), &hub, NetworkAccess::Allowed, None);
    let found = online.files(&Wanted { splits: vec![Split::Val], config: None }).unwrap();
    // The first try brings 700 bytes; neither of the two after it brings more.
    hub.state().cuts = [700, 0, 0].into();
    online.fetch(&found, &NoProgress).unwrap();
    assert!(hub.requests().last().unwrap().ends_with("bytes=700-"));
}

#[test]
fn refusals_say_what_to_do() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::start(FIRST, images());
    let online = dataset(cache.path(), &hub, NetworkAccess::Allowed, None);
    let page = format!("accept its terms on {}/datasets/owner/images", hub.endpoint);
    for status in ["401 Unauthorized", "403 Forbidden"] {
        hub.state().refuses = Some(status);
        refusal(&online, &[&status[..3], &page, "HF_TOKEN", "train-00000-of-00002.parquet of owner/images"]);
    }
    hub.state().refuses = Some("404 Not Found");
    refusal(&online, &["404", "check the name and the revision"]);
    hub.state().refuses = Some("500 Oops\r\nRetry-After: 0");
    refusal(&online, &["500", "start again", "HF_HUB_OFFLINE=1"]);
    hub.state().refuses = None;
    let absent = dataset(cache.path(), &hub, NetworkAccess::Allowed, Some("v9"));
    refusal(&absent, &["its list of files of owner/images@v9", "404", "check the name"]);

    hub.state().lies = 5;
    refusal(&online, &["it should have", "the server has"]);
    hub.state().lies = 0;
    for etag in ["../../../x", "/etc/x", ".hidden", ""] {
        hub.state().etag = Some(etag);
        refusal(&online, &["the server names it"]);
    }
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
    let nobody = Settings {
        endpoint: "http://127.0.0.1:1".to_owned(),
        ..settings(cache.path(), &hub, NetworkAccess::Allowed)
    };
    let nobody = HubDataset::with_settings(nobody, "owner/images", None).unwrap();
    refusal(&nobody, &["its list of files", "HF_HUB_OFFLINE=1"]);
    let settings = settings(cache.path(), &hub, NetworkAccess::Allowed);
    assert!(HubDataset::with_settings(settings, "images", None).is_err());
}

#[test]
fn names_that_lead_out_of_the_cache_are_not_fetched() {
    for name in
        ["../../../../x.parquet", "/etc/x.parquet", "data/..\\\\..\\\\x.tar", "data//x.tar", "C:x.tar"]
    {
        let cache = tempfile::tempdir().unwrap();
        let hub = Hub::start(FIRST, images());
        let online = dataset(cache.path(), &hub, NetworkAccess::Allowed, None);
        hub.state().listed = vec![name.to_owned()];
        // It belongs to no data set that can be fetched.
        all(&online, &NoProgress).unwrap();
        assert!(hub.requests().iter().all(|path| !path.contains("x.")), "{name} was fetched");
        let only = files([("README.md", b"# Images".to_vec())]);
        hub.set("main", SECOND, only);
        refusal(&online, &["owner/images cannot be fetched", "has a file called", "which"]);
        assert!(hub.requests().iter().all(|path| path.starts_with("/api/")), "nothing was fetched");
    }
}

#[test]
fn two_revisions_share_what_they_have_in_common() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::start(FIRST, images());
    let mut second = images();
    second.insert("data/train-00001-of-00002.parquet".to_owned(), parquet("label", 5));
    hub.set("refs/convert/parquet", SECOND, second);
    let first = all(&dataset(cache.path(), &hub, NetworkAccess::Allowed, None), &NoProgress).unwrap();
    hub.requests();
    let other = dataset(cache.path(), &hub, NetworkAccess::Allowed, Some("refs/convert/parquet"));
    let second = all(&other, &NoProgress).unwrap();
    let fetched: Vec<String> = hub.requests().into_iter().filter(|path| path.ends_with("bytes=0-")).collect();
    assert_eq!(
        fetched,
        [format!("/datasets/owner/images/resolve/{SECOND}/data/train-00001-of-00002.parquet bytes=0-")]
    );
    let len = |dir: &Path| open_files(dir, &OpenFiles::default()).unwrap().train.index().len();
    assert_eq!((len(&first), len(&second)), (31, 25));
    // The branch moves on: what is new is fetched, what is old stays.
    let newer = hub.state().revisions[SECOND].1.clone();
    hub.set("main", SECOND, newer);
    let moved = all(&dataset(cache.path(), &hub, NetworkAccess::Allowed, None), &NoProgress).unwrap();
    assert_eq!((moved, len(&first)), (second, 31));
}

#[test]
fn without_a_network_what_is_missing_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::start(FIRST, images());
    let offline = |revision| dataset(cache.path(), &hub, NetworkAccess::Forbidden, revision);
    refusal(&offline(None), &["the list of files of main of owner/images", "HF_HUB_OFFLINE is set"]);
    let online = dataset(cache.path(), &hub, NetworkAccess::Allowed, None);
    online
        .fetch(&online.files(&Wanted { splits: vec![Split::Val], config: None }).unwrap(), &NoProgress)
        .unwrap();
    refusal(
        &offline(None),
        &["data/train-00000-of-00002.parquet and 1 more of its 3 files", "HF_HUB_OFFLINE"],
    );
    refusal(&offline(Some("v2")), &["the list of files of v2"]);
    let validation = Wanted { splits: vec![Split::Val], config: None };
    assert!(offline(None).fetch(&offline(None).files(&validation).unwrap(), &NoProgress).is_ok());

    // A cache that the Python library made has no list; the numbers in the names tell.
    let folder = folder_of(cache.path());
    fs::remove_dir_all(folder.join(".listings")).unwrap();
    fs::write(folder.join("snapshots").join(FIRST).join("data/train-00001-of-00002.parquet"), "").unwrap();
    refusal(&offline(None), &["data/train-00000-of-00002.parquet of owner/images is not in the cache"]);
    assert!(hub.requests().iter().all(|path| !path.contains("train")));
}
