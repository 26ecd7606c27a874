//! Images and data sets.

use resnet_data::sources::{IndexCache, OpenFiles, Source, open_files, open_image};
use resnet_data::{DataKind, Error, open_cifar, open_cifar_test};
use resnet_vision::image::{self, MAX_PIXELS, Orientation};

use super::{accept, folder, mend, seeds, told, write};

/// More pixels than this are not decoded, so that one input takes no seconds.
const MOST_PIXELS: usize = 1 << 20;
/// Bytes of a record of CIFAR-100.
const RECORD: usize = 3074;

/// A JPEG file, by our decoder alone.
pub fn jpeg(bytes: &[u8]) {
    if resnet_vision::fuzzing::jpeg(bytes) {
        accept();
    }
}

/// An index that is kept beside the data.
pub fn index(bytes: &[u8]) {
    if resnet_data::fuzzing::index(bytes) {
        accept();
    }
}

/// Images of all formats with EXIF data, by whichever decoder: each has the size that its header says, turned
/// or not, a window is that part of the whole, and as PNG it is the same again.
pub fn image(bytes: &[u8]) {
    let name = "folder/cat.jpg";
    let encoded = match open_image(bytes, name) {
        Ok(encoded) => encoded,
        Err(error) => return told(&error, name),
    };
    let (width, height) = encoded.size();
    assert!(width > 0 && height > 0 && width as u64 * height as u64 <= MAX_PIXELS, "{width} x {height}");
    let stored = open_image(bytes, name).expect("it was opened").oriented(Orientation::Ignore);
    assert!(!stored.is_turned() && [(width, height), (height, width)].contains(&stored.size()), "{stored:?}");
    if width * height > MOST_PIXELS {
        return;
    }
    let verified = encoded.verify();
    if let Err(error) = &verified {
        told(error, name);
    }
    let whole = match encoded.decode() {
        Ok(whole) => whole,
        Err(error) => {
            assert!(verified.is_err(), "what does not decode is no image without damage");
            return told(&error, name);
        }
    };
    accept();
    assert_eq!((whole.width, whole.height, whole.pixels.len()), (width, height, 3 * width * height));
    // Of a damaged JPEG file a part may be whole, and is then our decoder's; the target `jpeg` compares
    // those.
    if !bytes.starts_with(&[0xff, 0xd8]) {
        let (columns, rows) = (width / 3..width.min(width / 3 + 9), height / 2..height.min(height / 2 + 7));
        let part = encoded.decode_window(columns.clone(), rows.clone()).expect("the whole decodes");
        let row = |y: usize| &whole.pixels[3 * (y * width + columns.start)..3 * (y * width + columns.end)];
        assert!(part.pixels == rows.flat_map(row).copied().collect::<Vec<u8>>(), "a window is another image");
    }
    if width * height <= 1 << 12 {
        let png = image::encode_png(&whole).expect("a small image");
        assert!(image::decode_bytes(&png, "png").expect("just written") == whole, "another image as PNG");
    }
}

/// CIFAR's records and archives. The first byte says what the others are: a tar file, one whose checksums
/// fit, a gzip stream, CIFAR-100's training file, CIFAR-10's names, and of Python's form CIFAR-10's test
/// batch and CIFAR-100's names.
pub fn cifar(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let dir = folder();
    let archive = dir.path().join("some.tar.gz");
    let opened = match kind % 7 {
        0 => {
            write(&archive, &mend::gzip(bytes));
            open_cifar(&archive, None)
        }
        1 => {
            let mut bytes = bytes.to_vec();
            mend::tar(&mut bytes);
            write(&archive, &mend::gzip(&bytes));
            open_cifar(&archive, None)
        }
        2 => {
            write(&archive, bytes);
            open_cifar(&archive, None)
        }
        3 => {
            write(&dir.path().join("train.bin"), bytes);
            write(&dir.path().join("test.bin"), &[7; RECORD]);
            let opened = open_cifar(dir.path(), None);
            if let Ok(data) = &opened {
                assert!(data.train.len() * RECORD == bytes.len() && data.test.len() == 1);
                let labels = bytes.chunks_exact(RECORD).map(|record| u32::from(record[1]));
                assert!(labels.eq(data.train.labels().iter().copied()), "a label is not where it was");
            }
            opened
        }
        5 => {
            write(&dir.path().join("test_batch"), bytes);
            let opened = open_cifar_test(dir.path(), Some(DataKind::Cifar10));
            if let Ok(data) = &opened {
                let test = data.test.read();
                assert!(data.train.is_empty() && !test.is_empty() && test.len() * 3072 <= 2 * bytes.len());
                assert!(test.labels().iter().all(|&label| label < 10));
            }
            opened
        }
        6 => {
            write(&dir.path().join("test"), &seeds::python_batch("fine_labels"));
            write(&dir.path().join("meta"), bytes);
            open_cifar_test(dir.path(), Some(DataKind::Cifar100))
        }
        _ => {
            for file in
                ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]
            {
                write(&dir.path().join(format!("{file}.bin")), &[3; RECORD - 1]);
            }
            write(&dir.path().join("batches.meta.txt"), bytes);
            open_cifar(dir.path(), None)
        }
    };
    match opened {
        Ok(data) => {
            let classes = data.train.classes().len();
            assert!(data.train.labels().iter().all(|&label| (label as usize) < classes));
            assert!(classes == 10 || classes == 100);
            accept();
        }
        Err(error) => told(&error, &dir.path().display().to_string()),
    }
}

/// A tar shard, or an archive of class tars or of images with a list beside it: the walk through it, then its
/// samples, each of which holds the bytes that stand at its place. Where the last byte is even, the headers'
/// checksums are made to fit.
pub fn shards(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    if bytes.last().is_some_and(|last| last % 2 == 0) {
        mend::tar(&mut bytes);
    }
    resnet_data::fuzzing::tar(&bytes);
    let dir = folder();
    write(&dir.path().join("a.tar"), &bytes);
    write(&dir.path().join("a.txt"), b"0.jpg 1\n1.png 0\n");
    each_record(open_files(dir.path(), &options()), dir.path().to_str(), |place, record| {
        let at = place.rsplit(' ').next().and_then(|at| at.parse::<usize>().ok()).expect("a place");
        assert!(bytes[at + 512..].starts_with(record), "{place} holds other bytes");
    });
}

/// A list of labels beside images. The first byte says what it is called.
pub fn lists(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else { return };
    let names = ["val.txt", "labels.csv", "ILSVRC2012_validation_ground_truth.txt", "kit.tar.gz"];
    let dir = folder();
    let root = dir.path().join("val");
    std::fs::create_dir(&root).expect("a folder");
    let images = ["ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000002.JPEG", "cat 1.png"];
    let images = if kind & 4 == 0 { &images[..2] } else { &images[..] };
    images.iter().for_each(|name| write(&root.join(name), name.as_bytes()));
    let list = dir.path().join(names[usize::from(kind % 4)]);
    match kind % 4 {
        3 => write(&list, &mend::gzip(text)),
        _ => write(&list, text),
    }
    let options = OpenFiles { labels: Some(list), ..options() };
    each_record(open_files(&root, &options), dir.path().to_str(), |place, record| {
        assert!(place.as_bytes().ends_with(record), "{place} holds other bytes");
    });
}

/// A packed file, as it is and with checksums that fit: a record that decodes has the size that it tells of.
pub fn packed(bytes: &[u8]) {
    let mut mended = bytes.to_vec();
    mend::packed(&mut mended);
    for bytes in [bytes, &mended] {
        let dir = folder();
        write(&dir.path().join("train-0.pack"), bytes);
        each_record(open_files(dir.path(), &options()), dir.path().to_str(), |place, record| {
            let at = place.rsplit(' ').next().and_then(|at| at.parse::<usize>().ok()).expect("a place");
            assert!(bytes[at..].starts_with(record), "{place} holds other bytes");
            image(record);
        });
    }
}

/// A parquet file, as a table of images and as CIFAR.
pub fn tables(bytes: &[u8]) {
    let dir = folder();
    write(&dir.path().join("train-0.parquet"), bytes);
    each_record(open_files(dir.path(), &options()), dir.path().to_str(), |_, _| {});
    write(&dir.path().join("test-0.parquet"), bytes);
    match open_cifar(dir.path(), None) {
        Ok(data) => {
            let classes = data.train.classes().len();
            assert!(data.train.labels().iter().all(|&label| (label as usize) < classes));
        }
        Err(error) => told(&error, &dir.path().display().to_string()),
    }
}

fn options() -> OpenFiles {
    OpenFiles { cache: IndexCache::Off, ..OpenFiles::default() }
}

/// Reads all that was opened, and gives each record that is there to `check` with its place.
fn each_record(
    opened: Result<resnet_data::sources::FileSet, Error>,
    dir: Option<&str>,
    check: impl Fn(&str, &[u8]),
) {
    let dir = dir.expect("a path of plain characters");
    let set = match opened {
        Ok(set) => set,
        Err(error) => return told(&error, dir),
    };
    accept();
    let source: &dyn Source = &*set.train;
    let index = source.index();
    assert!(!index.is_empty() && index.classes().len() == set.classes.len());
    assert!(index.labels().iter().all(|&label| (label as usize) < set.classes.len()));
    assert!(index.faults().iter().all(|fault| fault.records > 0 && fault.place.contains(dir)));
    for block in (0..index.blocks()).map(|block| index.block(block)) {
        let read = source.read(block.clone());
        assert_eq!(read.len(), block.len());
        for (record, bytes) in block.zip(read) {
            match bytes {
                Ok(bytes) => check(&index.place(record), &bytes),
                Err(broken) => assert!(broken.place.contains(dir), "{broken}"),
            }
        }
    }
}
