//! Packed files beside the same images as PNG files: the same batches, to the bit, and shrunk as evaluation
//! shrinks.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use resnet_data::sources::{FileSet, IndexCache, Layout, OpenFiles, PackWriter, Source, open_files};
use resnet_data::{Feed, FileLoader, FileTransform, LoaderConfig, OnBroken, Order, Transform};
use resnet_vision::image::{self, Encoded, Orientation};
use resnet_vision::{Batch, EvalTransform, Image, Interpolation, Normalisation, TrainTransform, resize};

const SIDE: usize = 24;

fn open(dir: &Path) -> FileSet {
    open_files(dir, &OpenFiles { cache: IndexCache::Off, ..OpenFiles::default() }).unwrap()
}

/// Images wide and tall, some smaller than [`SIDE`], a class a folder.
fn draw(dir: &Path) {
    let sizes = [(61, 40), (33, 90), (24, 24), (25, 24), (7, 50), (1, 1), (48, 48)];
    for class in ["cat", "dog"] {
        fs::create_dir_all(dir.join(class)).unwrap();
        for (i, (width, height)) in sizes.into_iter().enumerate() {
            let pixels =
                (0..3 * width * height).map(|at| (at * (7 + i) + at * at / 90 + class.len() * i) as u8);
            let image = Image::new(width, height, pixels.collect()).unwrap();
            fs::write(dir.join(class).join(format!("{i}.png")), image::encode_png(&image).unwrap()).unwrap();
        }
    }
}

/// Writes the images of `source`, shrunk, as packed files of five and as PNG files in class folders.
fn convert(source: &dyn Source, packed: &Path, folders: &Path) {
    fs::create_dir_all(packed).unwrap();
    let index = source.index();
    fs::write(packed.join("classes.json"), format!("{:?}", index.classes())).unwrap();
    let mut file: Option<PackWriter<File>> = None;
    for record in 0..index.len() {
        let bytes = source.read(record..record + 1).remove(0).unwrap();
        let encoded = Encoded::open(&bytes, "an image").unwrap();
        let shrunk = encoded.decode_shrunk(SIDE, Interpolation::Bilinear).unwrap();
        if record % 5 == 0 {
            file.take().map(|file| file.finish().unwrap());
            let path = packed.join(format!("train-{:05}.pack", record / 5));
            file = Some(PackWriter::new(File::create(path).unwrap()).unwrap());
        }
        let (label, name) = (index.labels()[record], index.name(record));
        file.as_mut().unwrap().push(&shrunk, label, &name).unwrap();
        let path = folders.join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, image::encode_png(&shrunk).unwrap()).unwrap();
    }
    file.take().map(|file| file.finish().unwrap());
}

fn config(order: Order) -> LoaderConfig {
    LoaderConfig { order, prefetch: 2, ..LoaderConfig::training(4, 5) }
}

fn how(transform: Transform) -> FileTransform {
    FileTransform { transform, orientation: Orientation::Apply, on_broken: OnBroken::Fail }
}

fn evaluated(resize: usize) -> Transform {
    let interpolation = Interpolation::Bilinear;
    Transform::Eval(EvalTransform { resize, crop: 20, interpolation, normalisation: Normalisation::IMAGENET })
}

fn augmented(augmentation: TrainTransform) -> Transform {
    Transform::Train(augmentation, Normalisation::IMAGENET)
}

fn batches(source: &Arc<dyn Source>, transform: &Transform, config: LoaderConfig, epoch: u64) -> Vec<Batch> {
    let loader = FileLoader::new(Arc::clone(source), None, how(transform.clone()), config).unwrap();
    loader.epoch(epoch, 0).map(Result::unwrap).collect()
}

/// In `dir` the folders drawn, packed and png.
fn draw_and_convert(dir: &Path) {
    draw(&dir.join("drawn"));
    convert(&*open(&dir.join("drawn")).train, &dir.join("packed"), &dir.join("png"));
}

#[test]
fn batches_are_those_of_the_same_images_as_png() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    draw_and_convert(dir);
    let (packed, png) = (open(&dir.join("packed")), open(&dir.join("png")));
    assert_eq!((packed.layout, packed.train.index().len()), (Layout::Packed, 14));
    assert_eq!((&packed.classes, packed.train.index().labels()), (&png.classes, png.train.index().labels()));
    let transforms = [augmented(TrainTransform::inception(16)), evaluated(24), evaluated(30)];
    for transform in transforms {
        for order in [Order::Shuffled, Order::Sequential] {
            for epoch in 0..3 {
                let of_png = batches(&png.train, &transform, config(order), epoch);
                for workers in [0, 3] {
                    let config = LoaderConfig { workers, ..config(order) };
                    assert!(
                        batches(&packed.train, &transform, config, epoch) == of_png,
                        "{transform:?}, {order:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn evaluation_sees_what_it_sees_of_the_images_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    draw(&dir.join("drawn"));
    for class in ["cat", "dog"] {
        // Smaller than the side that evaluation resizes to: kept as they are, they are enlarged then.
        assert!(dir.join("drawn").join(class).join("4.png").is_file());
    }
    let drawn = open(&dir.join("drawn")).train;
    convert(&*drawn, &dir.join("packed"), &dir.join("png"));
    let (transform, config) = (evaluated(SIDE), config(Order::Sequential));
    let packed = open(&dir.join("packed")).train;
    assert!(batches(&packed, &transform, config, 0) == batches(&drawn, &transform, config, 0));
}

#[test]
fn images_are_shrunk_as_resize_does_and_never_enlarged() {
    let image = Image::new(50, 31, (0..50 * 31 * 3).map(|i| (i * i % 253) as u8).collect()).unwrap();
    let png = image::encode_png(&image).unwrap();
    let encoded = Encoded::open(&png, "an image").unwrap();
    for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
        let shrunk = |side| encoded.decode_shrunk(side, interpolation).unwrap();
        assert!(shrunk(12) == resize(&image, (19, 12), interpolation));
        assert!(shrunk(0) == resize(&image, (1, 1), interpolation));
        assert!([31, 32, 1000].iter().all(|&side| shrunk(side) == image));
    }
    assert_eq!([12, 31, 60].map(|side| encoded.shrunk_size(side)), [(19, 12), (50, 31), (50, 31)]);
}

#[test]
fn splits_are_told_apart_and_records_left_out_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    draw_and_convert(dir);
    let packed = dir.join("packed");
    fs::rename(packed.join("train-00002.pack"), packed.join("val-00000.pack")).unwrap();
    let skip = vec!["train-00000.pack:cat/1.png".to_owned()];
    let set = open_files(
        packed.join("train-00000.pack"),
        &OpenFiles { cache: IndexCache::Off, skip, ..OpenFiles::default() },
    )
    .unwrap();
    let val = set.evaluation.unwrap();
    assert_eq!((set.train.index().len(), set.train.index().skipped(), val.index().len()), (10, 1, 4));
    assert!(set.train.index().is_skipped(1) && val.index().labels() == [1; 4]);
    // A file has its own list, so no index is written beside it.
    open_files(&packed, &OpenFiles::default()).unwrap();
    assert!(!fs::read_dir(&packed).unwrap().any(|it| it.unwrap().path().to_string_lossy().contains("index")));
}

#[test]
fn a_damaged_record_ends_the_epoch_or_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    draw_and_convert(dir);
    let path = dir.join("packed/train-00000.pack");
    let mut bytes = fs::read(&path).unwrap();
    bytes[60] ^= 1;
    fs::write(&path, bytes).unwrap();
    let source = open(&dir.join("packed")).train;
    let (strict, config) = (how(evaluated(SIDE)), config(Order::Sequential));
    let loader = FileLoader::new(Arc::clone(&source), None, strict.clone(), config).unwrap();
    let told = loader.epoch(0, 0).find_map(Result::err).unwrap().to_string();
    let words = ["train-00000.pack", "at byte 8", "checksum", "mend or remove it"];
    words.iter().for_each(|word| assert!(told.contains(word), "{told}"));
    let lenient = FileTransform { on_broken: OnBroken::Skip { most: 0.1 }, ..strict };
    let loader = FileLoader::new(source, None, lenient, config).unwrap();
    assert_eq!(loader.epoch(0, 0).map(|batch| batch.unwrap().len()).sum::<usize>(), 13);
    assert_eq!(loader.broken().len(), 1);
}
