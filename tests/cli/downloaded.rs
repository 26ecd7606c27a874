//! Data as it is downloaded: CIFAR for Python, ImageNet's tars, lists of labels, parquet of other columns.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;

use crate::common::{root, trained, xtask_in};
use crate::image_files::small;

fn object(text: &str) -> Value {
    serde_json::from_str(text).expect("one JSON object")
}

/// The pixels of image `k` of file `number` of the fixtures in crates/data/tests/cifar-python.
fn record(label: u8, number: usize, k: usize) -> Vec<u8> {
    let pixel = |i: usize| ((7 * i + 31 * k + 5 * number + i / 1024) % 251) as u8;
    std::iter::once(label).chain((0..3072).map(pixel)).collect()
}

#[test]
fn cifar_for_python_scores_as_the_binary_form_and_its_test_file_suffices() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let python = root().join("crates/data/tests/cifar-python/cifar-10-batches-py");
    let binary = [record(6, 6, 0), record(7, 6, 1), record(8, 6, 2)].concat();
    for (name, file, bytes) in [
        ("binary", "test_batch.bin", binary),
        ("python", "test_batch", fs::read(python.join("test_batch")).expect("a fixture")),
    ] {
        fs::create_dir(here.join(name)).expect("a folder");
        fs::write(here.join(name).join(file), bytes).expect("a file");
    }
    let eval = |data: &str| {
        let mut result =
            object(xtask_in(here, &["eval", "--checkpoint", trained(), "--data", data, "--json"]).succeeds());
        result["images_per_second"] = Value::Null;
        result
    };
    let scores = eval("binary");
    assert_eq!(scores["images"], 3);
    assert_eq!(eval("python"), scores);
    assert_eq!(eval(python.to_str().expect("UTF-8")), scores);
    let train = ["train", "--recipe", "cifar10-resnet20-v2", "--data", "python"];
    xtask_in(here, &train).ends_saying(1, &["python lacks data_batch_1", "cifar-10-python.tar.gz"]);
}

/// Writes a tar file.
fn tar(path: &Path, members: &[(String, Vec<u8>)]) {
    let mut archive = tar::Builder::new(fs::File::create(path).expect("a file"));
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, &bytes[..]).expect("it is written");
    }
    archive.into_inner().expect("its end is written");
}

/// An image of a class, as JPEG would not be: to the bit.
fn image(class: usize, i: u32) -> Vec<u8> {
    sized(class, [80 + i, 72])
}

fn sized(class: usize, [width, height]: [u32; 2]) -> Vec<u8> {
    let colour = [[200, 0, 0], [0, 200, 0]][class];
    let image = image::RgbImage::from_fn(width, height, |x, _| {
        image::Rgb(colour.map(|c: u8| c.saturating_add((x / 4) as u8)))
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).expect("memory");
    bytes.into_inner()
}

/// Writes a parquet file of these images, of class 0 and 1 in turns; the columns of `schema` are theirs and
/// their labels'.
fn table(path: &Path, schema: &str, images: Vec<Vec<u8>>) {
    let schema = parse_message_type(schema).expect("a schema");
    let file = fs::File::create(path).expect("a file");
    let properties =
        WriterProperties::builder().set_compression(parquet::basic::Compression::ZSTD(Default::default()));
    let mut writer =
        SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties.build())).expect("a writer");
    let mut group = writer.next_row_group().expect("a row group");
    let mut column = group.next_column().expect("a column").expect("images");
    let labels: Vec<i64> = (0..images.len() as i64).map(|i| i % 2).collect();
    let images: Vec<ByteArray> = images.into_iter().map(ByteArray::from).collect();
    column.typed::<ByteArrayType>().write_batch(&images, None, None).expect("images");
    column.close().expect("it is closed");
    let mut column = group.next_column().expect("a column").expect("labels");
    column.typed::<Int64Type>().write_batch(&labels, None, None).expect("labels");
    column.close().expect("it is closed");
    group.close().expect("it is closed");
    writer.close().expect("it is closed");
}

#[test]
fn imagenets_tars_are_trained_on_converted_and_evaluated_where_they_lie() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::create_dir(here.join("data")).expect("a folder");
    let synsets = ["n01440764", "n01443537"];
    let inner = |class: usize| {
        let file = here.join("inner.tar");
        let members: Vec<_> =
            (0..8).map(|i| (format!("{}_{i}.JPEG", synsets[class]), image(class, i))).collect();
        tar(&file, &members);
        (format!("{}.tar", synsets[class]), fs::read(&file).expect("the inner tar"))
    };
    tar(&here.join("data/ILSVRC2012_img_train.tar"), &[inner(1), inner(0)]);
    let val: Vec<_> =
        (1..5).map(|i| (format!("ILSVRC2012_val_{i:08}.JPEG"), image(i as usize % 2, 20 + i))).collect();
    tar(&here.join("data/ILSVRC2012_img_val.tar"), &val);
    xtask_in(here, &["data", "inspect", "data"]).ends_saying(1, &["ILSVRC2012_img_val.tar", "val.txt"]);
    let list = "ImageId,PredictionString\n\
                ILSVRC2012_val_00000001,n01443537 1 2 3 4\nILSVRC2012_val_00000002,n01440764 1 2 3 4\n\
                ILSVRC2012_val_00000003,n01443537 1 2 3 4\nILSVRC2012_val_00000004,n01440764 1 2 3 4\n";
    fs::write(here.join("data/LOC_val_solution.csv"), list).expect("a list");
    let shown = object(xtask_in(here, &["data", "inspect", "data", "--json"]).succeeds());
    assert_eq!((&shown["layout"], &shown["classes"]), (&"image archives".into(), &2.into()));
    assert_eq!((&shown["splits"][0]["images"], &shown["splits"][1]["images"]), (&16.into(), &4.into()));

    xtask_in(here, &["data", "convert", "data", "--to", "folders", "--out", "folders"]).succeeds();
    let count = |path: &str| fs::read_dir(here.join(path)).expect("a folder").count();
    assert_eq!([count("folders/train/n01440764"), count("folders/val/n01443537")], [8, 2]);
    let result =
        object(xtask_in(here, &small("data", "run", &["--set", "train.duration=1 epochs"])).succeeds());
    assert_eq!(result["steps"], 2);

    // The same four images in each form.
    let eval = |more: &[&str]| {
        let outcome = xtask_in(here, &[&["eval", "--checkpoint", "run", "--json"], more].concat());
        let mut scores = object(outcome.succeeds());
        // Images come in another order, so sums differ in their last digits.
        let loss = format!("{:.4}", scores["loss"].as_f64().expect("a loss"));
        (scores["images_per_second"], scores["loss"]) = (Value::Null, loss.into());
        scores
    };
    let scores = eval(&["--data", "folders"]);
    assert_eq!((&scores["images"], eval(&["--data", "data"])), (&4.into(), scores.clone()));
    fs::create_dir(here.join("flat")).expect("a folder");
    for (name, bytes) in &val {
        fs::write(here.join("flat").join(name), bytes).expect("an image");
    }
    let classes = "n01440764\nn01443537\n";
    fs::write(here.join("classes.txt"), classes).expect("a list");
    fs::rename(here.join("data/LOC_val_solution.csv"), here.join("list.csv")).expect("it is moved");
    for data in ["flat", "data/ILSVRC2012_img_val.tar"] {
        assert_eq!(
            eval(&["--data", data, "--labels", "list.csv", "--classes", "classes.txt"]),
            scores,
            "{data}"
        );
    }
    // Labels by number, without the classes' names.
    fs::write(here.join("labels.txt"), "ILSVRC2012_val_00000001 1\nILSVRC2012_val_00000002 0\nILSVRC2012_val_00000003 1\nILSVRC2012_val_00000004 0\n").expect("a list");
    assert_eq!(eval(&["--data", "flat", "--labels", "labels.txt", "--classes", "classes.txt"]), scores);
    let convert = [
        "data",
        "convert",
        "data/ILSVRC2012_img_val.tar",
        "--labels",
        "list.csv",
        "--to",
        "shards",
        "--out",
        "shards",
    ];
    xtask_in(here, &convert).succeeds();
    assert!(here.join("shards/val-00000.tar").is_file());
    let refused = ["eval", "--checkpoint", "run", "--data", "folders", "--labels", "list.csv"];
    xtask_in(here, &refused).ends_saying(1, &["list.csv", "labels none of the 4 images"]);
}

#[test]
fn parquet_files_of_other_columns_are_read_once_these_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let schema = "message schema { required binary scan; required int64 kind; }";
    table(&here.join("train-0.parquet"), schema, (0..4).map(|i| image(i as usize % 2, i)).collect());

    let inspect = |more: &[&str]| xtask_in(here, &[&["data", "inspect", "train-0.parquet"], more].concat());
    let words = ["called `image` or `img`", "scan (bytes), kind (whole numbers)", "--image-column NAME"];
    let refused = inspect(&[]);
    refused.ends_saying(1, &words);
    assert!(!refused.stderr.contains("fetch it again"), "{}", refused.stderr);
    inspect(&["--image-column", "scan"]).ends_saying(1, &["no column of labels", "--label-column NAME"]);
    let named = ["--image-column", "scan", "--label-column", "kind"];
    assert!(inspect(&named).succeeds().contains("4 images"));
    let verify = ["data", "verify", "train-0.parquet"];
    assert!(xtask_in(here, &[&verify[..], &named].concat()).succeeds().contains("0 of 4"));
}

/// CIFAR's columns have these names too, and CIFAR's images 32 pixels a side.
#[test]
fn parquet_files_called_as_cifars_are_evaluated_as_they_are_trained_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let schema = "message schema { required group img { required binary bytes; } required int64 label; }";
    for (data, size) in [("data", [64, 64]), ("small", [32, 32])] {
        fs::create_dir(here.join(data)).expect("a folder");
        for (split, count) in [("train", 16), ("validation", 4)] {
            let images = (0..count).map(|i| sized(i % 2, size)).collect();
            table(&here.join(format!("{data}/{split}-0.parquet")), schema, images);
        }
    }
    let shown = object(xtask_in(here, &["data", "inspect", "data", "--json"]).succeeds());
    assert_eq!((&shown["layout"], &shown["classes"]), (&"parquet files".into(), &2.into()));
    xtask_in(here, &small("data", "run", &["--set", "train.duration=1 epochs"])).succeeds();
    for data in ["data", "small", "small/validation-0.parquet"] {
        let scores =
            object(xtask_in(here, &["eval", "--checkpoint", "run", "--data", data, "--json"]).succeeds());
        assert_eq!(scores["images"], 4, "{data}");
    }
    // 32 pixels a side: CIFAR, and no row of a table about ImageNet.
    let row = ["--only", "imagenet-resnet152-v1", "--seeds", "1", "--data", "small", "--out", "study"];
    let table5 = xtask_in(here, &[&["reproduce", "table5", "--scale", "smoke"], &row[..]].concat());
    table5.ends_saying(1, &["imagenet-resnet152-v1 is about ImageNet, and small holds CIFAR"]);
}
