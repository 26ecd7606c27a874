//! Small inputs of every kind that the targets read: what fuzzing starts from, and what the tests damage.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use resnet_data::fuzzing;
use resnet_data::sources::PackWriter;
use resnet_models::checkpoint::Dialect;
use resnet_models::{Model, registry};
use resnet_vision::Image;
use resnet_vision::image::encode_png;
use serde_json::{Value, json};

use super::mend;

/// The files below `folder` of the repository whose names end in one of `ends`.
fn files(folder: &str, ends: &[&str]) -> Vec<Vec<u8>> {
    let folder = resnet_testing::data::workspace().join(folder);
    let listed = fs::read_dir(&folder).unwrap_or_else(|cause| panic!("{}: {cause}", folder.display()));
    let mut paths: Vec<_> = listed.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    let fits = |path: &Path| path.extension().is_some_and(|end| ends.iter().any(|known| end == *known));
    paths.iter().filter(|path| fits(path)).map(|path| fs::read(path).expect("a readable file")).collect()
}

pub(super) fn jpegs() -> Vec<Vec<u8>> {
    let kinds = kinds().into_iter().filter(|bytes| bytes.starts_with(&[0xff, 0xd8]));
    files("crates/vision/tests/pillow", &["jpg"]).into_iter().chain(kinds).collect()
}

pub(super) fn images() -> Vec<Vec<u8>> {
    [files("crates/vision/tests/pillow", &["jpg", "png", "webp"]), kinds()].concat()
}

/// The images of crates/vision/tests/pillow/kinds.py, of all formats and many kinds of each.
fn kinds() -> Vec<Vec<u8>> {
    let packed = &files("crates/vision/tests/pillow", &["gz"])[0];
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut tar).expect("a gzip stream");
    let (mut members, mut rest) = (Vec::new(), &tar[..]);
    while let Some((header, after)) = rest.split_at_checked(512).filter(|(header, _)| header[0] != 0) {
        let digits = std::str::from_utf8(&header[124..135]).expect("octal digits");
        let bytes = usize::from_str_radix(digits, 8).expect("octal digits");
        members.push(after[..bytes].to_vec());
        rest = &after[bytes.next_multiple_of(512)..];
    }
    members
}

/// A tar file of these members.
fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, contents) in members {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", contents.len()).as_bytes());
        // A name that ends like this one announces the next member's name.
        header[156] = if name.ends_with("LongLink") { b'L' } else { b'0' };
        header[257..265].copy_from_slice(b"ustar\x0000");
        bytes.extend(header);
        bytes.extend(*contents);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    mend::tar(&mut bytes);
    bytes
}

pub(super) fn cifar() -> Vec<Vec<u8>> {
    let record = |label: u8, bytes: usize| -> Vec<u8> {
        (0..bytes).map(|i| if i < 2 { label } else { i as u8 }).collect()
    };
    let hundred = [record(99, 3074), record(0, 3074)].concat();
    let archive = tar(&[
        ("cifar-100-binary/train.bin", &hundred),
        ("cifar-100-binary/test.bin", &record(4, 3074)),
        ("cifar-100-binary/fine_label_names.txt", b"apple\naquarium_fish\n"),
    ]);
    let ten: Vec<String> =
        (1..6).map(|i| format!("data_batch_{i}.bin")).chain(["test_batch.bin".into()]).collect();
    let (one, names) = (record(9, 3073), b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    let mut members: Vec<(&str, &[u8])> = ten.iter().map(|name| (name.as_str(), &one[..])).collect();
    members.push(("batches.meta.txt", names));
    let of_kind = |kind: u8, bytes: &[u8]| [&[kind], bytes].concat();
    vec![
        of_kind(0, &archive),
        of_kind(1, &tar(&members)),
        of_kind(2, &mend::gzip(&tar(&[("data_batch_1", b"pickled")]))),
        of_kind(3, &hundred),
        of_kind(4, names),
        of_kind(5, &python_batch("labels")),
        of_kind(0, &tar(&[("cifar-10-batches-py/test_batch", &python_batch("labels"))])),
        of_kind(6, b"\x80\x02}U\x10fine_label_names](U\x01aU\x04bcdees."),
    ]
}

/// A batch of one image of CIFAR for Python, with its labels under this key.
pub(super) fn python_batch(labels: &str) -> Vec<u8> {
    let image: Vec<u8> = (0..3072).map(|i| i as u8).collect();
    let head =
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R";
    let state = b"(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R";
    let dtype = b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x00\x0c\x00\x00";
    let key = [b'U', labels.len() as u8];
    [&head[..], state, dtype, &image, b"tb", &key, labels.as_bytes(), b"](K\x03eu."].concat()
}

pub(super) fn lists() -> Vec<Vec<u8>> {
    let kit = tar(&[("data/ILSVRC2012_validation_ground_truth.txt", b"490\n361\n")]);
    let texts: [(u8, &[u8]); 6] = [
        (0, b"ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_00000002.JPEG 970\n"),
        (4, b"cat 1.png n02123045\r\nval/ILSVRC2012_val_00000001.JPEG n01440764 tench\n"),
        (1, b"\xef\xbb\xbfImageId,PredictionString\nILSVRC2012_val_00000001,n03995372 85 1 499 272\n"),
        (5, b"\"label\";\"file\"\n\"a \"\"b\"\"\";\"cat 1.png\"\n3;ILSVRC2012_val_00000002\n"),
        (2, b"490\n361\n"),
        (3, &kit),
    ];
    texts.map(|(kind, text)| [&[kind], text].concat()).into()
}

pub(super) fn shards() -> Vec<Vec<u8>> {
    let long = "folder/".repeat(20) + "image.webp";
    let mut pax = tar(&[("x", b"20 path=a/long.jpeg\n9 size=3\n"), ("short", b"abc"), ("a/long.cls", b"7")]);
    pax[156] = b'x';
    mend::tar(&mut pax);
    let inner = tar(&[("n01440764_1.JPEG", b"image"), ("._x.JPEG", b"")]);
    vec![
        tar(&[
            ("n01440764.tar", &inner),
            ("cat.tar", &tar(&[("deep/1.png", &[9; 700])])),
            ("README", b"hello"),
        ]),
        tar(&[("0.jpg", b"image"), ("x/1.png", &[5; 600]), ("2.png", b"")]),
        tar(&[
            ("0.jpg", b"image"),
            ("0.cls", b"3"),
            ("1.png", &[7; 600]),
            ("1.json", b"{\"label\": 12, \"x\": [1]}"),
        ]),
        tar(&[("././@LongLink", long.as_bytes()), ("short", b"abc"), ("README", b"hello"), ("a.cls", b"4")]),
        pax,
        // Put together, made on a Mac, labels as text, without an end mark.
        [
            tar(&[("0.jpg", b"image"), ("._0.cls", b"\0\x05\x16\x07"), ("0.cls", b"dog")]),
            tar(&[
                ("1.v2.jfif", b"image"),
                ("1.cls", b"cat"),
                ("2.bmp", b"image"),
                ("2.json", b"{\"label\": \"cat\"}"),
            ]),
        ]
        .concat(),
        tar(&[("0.jpg", b"image"), ("0.cls", b"3")])[..2048].to_vec(),
    ]
}

pub(super) fn packed() -> Vec<Vec<u8>> {
    let file = |images: &[(usize, usize)]| {
        let mut writer = PackWriter::new(Vec::new()).expect("memory can be written to");
        for (label, &(width, height)) in (0..).zip(images) {
            let pixels = (0..3 * width * height).map(|i| (7 * i) as u8).collect();
            let image = Image::new(width, height, pixels).expect("it has a size");
            writer.push(&image, label, &format!("{label}.jpg")).expect("a small image");
        }
        writer.finish().expect("memory can be written to")
    };
    vec![file(&[(1, 1)]), file(&[(5, 3), (2, 4), (1, 9)])]
}

/// A PNG of one colour.
fn png(width: usize, height: usize, value: u8) -> Vec<u8> {
    let image = Image::new(width, height, [value, 4, 5].repeat(width * height)).expect("it has a size");
    encode_png(&image).expect("a small image")
}

/// A parquet file of so many rows, two of them with nulls, three rows a row group.
fn table(rows: usize, columns: [&str; 2], compression: Compression, names: bool) -> Vec<u8> {
    let [image, label] = columns;
    let schema = format!(
        "message schema {{ optional group {image} {{ optional binary bytes; }} optional int64 {label}; }}"
    );
    let info = json!({"info": {"features": {label: {"names": ["a", "b", "c", "d"], "_type": "ClassLabel"}}}});
    let pair = parquet::file::metadata::KeyValue::new("huggingface".to_owned(), info.to_string());
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_key_value_metadata(names.then(|| vec![pair]))
        .build();
    let schema = Arc::new(parse_message_type(&schema).expect("a schema"));
    let mut file = Vec::new();
    let write = |file: &mut Vec<u8>| -> parquet::errors::Result<()> {
        let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
        for start in (0..rows).step_by(3) {
            let rows = start..rows.min(start + 3);
            let mut group = writer.next_row_group()?;
            let levels: Vec<i16> = rows.clone().map(|row| if row == 4 { 1 } else { 2 }).collect();
            let images: Vec<ByteArray> =
                rows.clone().filter(|&row| row != 4).map(|row| png(32, 32, row as u8).into()).collect();
            let mut column = group.next_column()?.expect("the images");
            column.typed::<ByteArrayType>().write_batch(&images, Some(&levels), None)?;
            column.close()?;
            let levels: Vec<i16> = rows.clone().map(|row| i16::from(row != 5)).collect();
            let labels: Vec<i64> = rows.filter(|&row| row != 5).map(|row| row as i64 % 4).collect();
            let mut column = group.next_column()?.expect("the labels");
            column.typed::<Int64Type>().write_batch(&labels, Some(&levels), None)?;
            column.close()?;
            group.close()?;
        }
        writer.close().map(drop)
    };
    write(&mut file).expect("memory can be written to");
    file
}

pub(super) fn tables() -> Vec<Vec<u8>> {
    let (plain, snappy) = (Compression::UNCOMPRESSED, Compression::SNAPPY);
    vec![
        table(3, ["img", "label"], snappy, true),
        table(7, ["image", "label"], plain, true),
        table(2, ["img", "fine_label"], plain, false),
    ]
}

/// An index without its header: the target adds that.
pub(super) fn indexes() -> Vec<Vec<u8>> {
    fuzzing::indexes()
}

/// A checkpoint as the target `safetensors` takes it: a network's names, shapes without numbers wherever a
/// file can have them and be recognised, and this metadata.
fn outline(network: &str, dialect: Dialect, metadata: &[(&str, &str)]) -> Vec<u8> {
    let spec = registry::find(network, 2).expect("it is listed");
    let model = Model::init(&spec, 0).expect("it is consistent");
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    let metadata: serde_json::Map<String, Value> =
        metadata.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    header.insert("__metadata__".to_owned(), metadata.into());
    for (name, variable) in model.variables() {
        let mut shape = variable.dims().to_vec();
        match &mut shape[..] {
            [_, inputs, _, _] => *inputs = 0,
            [_, _] => {}
            [one] => *one = 0,
            _ => {}
        }
        let bytes = 2 * shape.iter().product::<usize>();
        let tensor = json!({"dtype": "F16", "shape": shape, "data_offsets": [end, end + bytes]});
        header.insert(dialect.foreign(name), tensor);
        end += bytes;
    }
    [Value::from(header).to_string().as_bytes(), &vec![0; 1 + end]].concat()
}

const PREPROCESSING: [(&str, &str); 8] = [
    ("format_version", "1"),
    ("model", "resnet8-v2"),
    ("input", "[3,32,32]"),
    ("resize", "32"),
    ("interpolation", "bicubic"),
    ("crop", "32"),
    ("mean", "[0.485,0.456,0.406]"),
    ("std", "[0.229,0.224,0.225]"),
];

pub(super) fn safetensors() -> Vec<Vec<u8>> {
    let two = r#"{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"F64","shape":[],"data_offsets":[4,12]}}"#;
    let two = [two.as_bytes(), &[0; 13]].concat();
    vec![
        outline("resnet8-v1", Dialect::Akamaster, &[]),
        outline("resnet8-v2", Dialect::Timm, &PREPROCESSING),
        outline("resnet18", Dialect::Transformers, &[("format", "pt")]),
        mend::safetensors(&two),
        two,
    ]
}

pub(super) fn pytorch() -> Vec<Vec<u8>> {
    files("crates/models/tests/checkpoint/pytorch", &["pth"])
}

pub(super) fn pickles() -> Vec<Vec<u8>> {
    // A record's bytes stand in the file as they are, and end where the next record's header or its own sums
    // begin.
    let within = |file: &Vec<u8>| -> Option<Vec<u8>> {
        let start = file.windows(3).position(|bytes| bytes == [0x80, 2, b'}'] || bytes == [0x80, 2, b'c'])?;
        let len = file[start..].windows(3).position(|bytes| bytes == *b".PK")?;
        Some(file[start..=start + len].to_vec())
    };
    let mut pickles: Vec<Vec<u8>> = pytorch().iter().filter_map(within).collect();
    let small =
        files("crates/pickle/tests/python", &["pkl"]).into_iter().filter(|pickle| pickle.len() < 2000);
    pickles.extend(small);
    let global = |name: &str| [b"c", name.as_bytes(), b"\n"].concat();
    let text = |text: &str| [&[b'X'][..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    for (kind, len) in [("FloatStorage", 16), ("HalfStorage", 32), ("DoubleStorage", 8)] {
        let storage = [text("storage"), global(&format!("torch\n{kind}")), text("0"), text("cpu")].concat();
        pickles.push(
            [
                &b"\x80\x02}q\0"[..],
                &text("fc.weight"),
                &global("torch._utils\n_rebuild_tensor_v2"),
                b"((",
                &storage,
                &[b'K', len],
                b"tQK\0K\x02K\x03\x86K\x03K\x01\x86\x89NtRs.",
            ]
            .concat(),
        );
    }
    pickles
}

pub(super) fn configs() -> Vec<Vec<u8>> {
    let timm = json!({"architecture": "resnet50d", "num_classes": 3, "model_args": {"in_chans": 3}, "pretrained_cfg": {
        "tag": "ra2_in1k", "input_size": [3, 224, 224], "test_input_size": [3, 288, 288], "crop_pct": 0.875,
        "test_crop_pct": 0.95, "interpolation": "bicubic", "crop_mode": "center", "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225], "label_names": ["a", "b", "c"], "label_descriptions": {"a": "first"}}});
    let transformers = json!({"model_type": "resnet", "depths": [3, 4, 6, 3], "hidden_sizes": [256, 512, 1024, 2048],
        "embedding_size": 64, "layer_type": "bottleneck", "downsample_in_bottleneck": false, "hidden_act": "relu",
        "num_channels": 3, "id2label": {"0": "cat", "1": "dog"}});
    let processor = json!({"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 224},
        "crop_pct": 0.875, "resample": 3, "do_normalize": true, "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5], "rescale_factor": 0.00392156862745098});
    let metadata: BTreeMap<&str, &str> = PREPROCESSING.into_iter().chain([("classes", "[\"a\"]")]).collect();
    let parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let index = json!({"metadata": {"total_size": 8}, "weight_map": {"a": parts[0], "b": parts[1]}});
    vec![
        index.to_string().into_bytes(),
        timm.to_string().into_bytes(),
        [transformers.to_string().as_bytes(), &[0], processor.to_string().as_bytes()].concat(),
        json!(metadata).to_string().into_bytes(),
    ]
}

pub(super) fn names() -> Vec<Vec<u8>> {
    let texts = [
        "resnet110-constant-scaling-by-0.5-1",
        "resnet20-v2-exclusive-gating-bias-6-one-layer-b",
        "resnet164-dropout-shortcut-by-0.5-bottleneck-a",
        "resnet50d.ra2_in1k",
        "resnetv2_50x1_bit.goog_in21k_ft_in1k",
        "wide_resnet50_2",
        "resnet152-v1-imagenet",
        "transformers",
        "cifar100",
        "0.485, 0.456,1e-3",
        r#"["cat", "dog"]"#,
        r#"{"0": ["n01440764", "tench"], "1": "goldfish"}"#,
        r#"{"tench": 0, "goldfish": 1}"#,
        "crane\ndog\nCrane\n../a/b\ncrane-0\n",
        "n01440764 tench, Tinca tinca\r\nn01443537 goldfish\r\n",
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}

pub(super) fn runs() -> Vec<Vec<u8>> {
    let assignments =
        "train.seed=3\nschedule={kind=\"cosine\",lr=0.1,warmup=\"5 %\"}\ntrain.duration=3 epochs\n";
    let recipes = files("crates/record/recipes", &["toml"]).into_iter();
    let recipes = recipes.map(|recipe| [b"r", &recipe[..], &[0], assignments.as_bytes()].concat());
    let scores = json!({"images": 100, "top1_correct": 70, "top5_correct": 99, "loss": 0.9, "images_per_second": 51.2});
    let metrics = [
        json!({"event": "step", "step": 50, "epoch": 1, "images": 6400, "loss": 1.9, "rate": 0.05,
            "images_per_second": 512.25}),
        json!({"event": "epoch", "epoch": 1, "step": 391, "images": 50000, "train_loss": 1.25, "train_top1": 55.5,
            "rate": 0.1, "images_per_second": 500.0, "data_wait": 0.5, "validation": scores, "test": scores,
            "test_reads": 1}),
        json!({"event": "final", "step": 1173, "epoch": 3, "test": scores, "test_reads": 1}),
    ];
    let record = json!({"format": 1, "run": "first", "model": "resnet20-v2", "recipe": "quick-start",
        "command": ["xtask", "train"], "version": "0.1.0", "seed": 0, "threads": 2, "parameters": 272474,
        "data": "generated", "started": "2026-11-03T09:30:00Z", "ended": "2026-11-03T09:40:00Z", "test_reads": 2,
        "selection": "best-on-validation", "results": {"checkpoint": "best", "checkpoint_epoch": 2, "epochs": 3,
        "steps": 9, "train_loss": 0.1, "validation": scores, "test": scores, "images_per_second": 12.5,
        "seconds": 3.25}});
    let lines: String = metrics.iter().map(|line| format!("{line}\n")).collect();
    let texts = [format!("m{lines}"), format!("j{record}"), "d64k steps".to_owned(), "d5.5 %".to_owned()];
    recipes.chain(texts.map(String::into_bytes)).collect()
}

pub(super) fn resumes() -> Vec<Vec<u8>> {
    let state = json!({"format": 1, "seed": 7, "step": 12, "epoch": 1, "batch": 2, "images": 1536,
        "sums": {"images": 256, "loss": 300.1, "correct": 99, "seconds": 0.7, "waited": 0.1}, "train_loss": 1.1,
        "best": {"epoch": 1, "scores": {"images": 100, "top1_correct": 7, "loss": 0.3, "images_per_second": 9.5}},
        "test_reads": 0, "step_seconds": 1.5, "seconds": 2.3, "velocities": 1});
    let tensor = |shape: &[usize], from: usize, to: usize| json!({"dtype": "F32", "shape": shape, "data_offsets": [from, to]});
    let header = json!({"__metadata__": {"training_state": state.to_string(), "recipe": ""},
        "fc.bias": tensor(&[2], 0, 8), "fc.weight": tensor(&[2, 3], 8, 32),
        "optimizer.momentum.fc.weight": tensor(&[2, 3], 32, 56)});
    vec![state.to_string().into_bytes(), [header.to_string().as_bytes(), &[0; 57]].concat()]
}
