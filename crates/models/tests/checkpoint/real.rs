//! Checkpoints that people have: akamaster's ResNet-20 and -32 for CIFAR-10, without a hint.

use std::fs::File;
use std::io::Read;

use candle_core::{Device, Tensor};
use resnet_models::Model;
use resnet_models::checkpoint::{self, Dialect, Policy};
use resnet_ops::Mode;
use resnet_testing::data;

/// File, network, prefix, and PyTorch's logits of the first test image (../shared/RESULTS.md).
const FILES: [(&str, &str, &str, [f64; 10]); 2] = [
    (
        "resnet20-cifar10.safetensors",
        "resnet20-v1",
        "module.",
        [-7.2403, -4.53087, -0.7733, 9.55583, 2.99745, -0.96617, -2.01714, 8.92208, -4.37757, -1.62573],
    ),
    (
        "resnet32-cifar10.safetensors",
        "resnet32-v1",
        "",
        [-3.88809, -5.36176, -3.7926, 14.15457, 1.06863, 4.48082, 1.7039, 3.21507, -6.56817, -5.00575],
    ),
];

/// The model, without being told which.
fn load(file: &str, expected: &str, prefix: &str) -> Option<Model> {
    let read = checkpoint::read(&data::checkpoint(file)?).unwrap();
    assert_eq!(read.naming.dialect, Dialect::Akamaster);
    assert_eq!(read.naming.prefix, prefix);
    let spec = read.infer_spec().unwrap();
    assert_eq!((spec.name.as_str(), spec.classes), (expected, 10));
    let model = Model::init(&spec, 0).unwrap();
    let report = read.load_into(&model, Policy::STRICT).unwrap();
    assert!(report.is_complete() && report.non_finite.is_empty(), "{report}");
    Some(model)
}

#[test]
fn they_load_strictly_and_are_recognised() {
    resnet_testing::table::run(&FILES, |(file, name, prefix, _)| {
        load(file, name, prefix);
        Ok(())
    });
}

#[test]
fn logits_of_the_first_test_image_are_pytorchs() {
    let Some(folder) = data::cifar10() else { return };
    let places = ["test_batch.bin", "cifar-10-batches-bin/test_batch.bin"].map(|place| folder.join(place));
    let batch = places.iter().find(|place| place.is_file()).expect("RESNET_TEST_DATA has test_batch.bin");
    let mut record = [0; 1 + 3 * 32 * 32];
    File::open(batch).unwrap().read_exact(&mut record).unwrap();
    assert_eq!(record[0], 3, "label of the first image");
    let (mean, std) = ([0.485f32, 0.456, 0.406], [0.229f32, 0.224, 0.225]);
    let input = record[1..].iter().enumerate();
    let input: Vec<f32> =
        input.map(|(i, pixel)| (f32::from(*pixel) / 255.0 - mean[i / 1024]) / std[i / 1024]).collect();
    let image = Tensor::from_vec(input, (1, 3, 32, 32), &Device::Cpu).unwrap();
    resnet_testing::table::run(&FILES, |(file, name, prefix, expected)| {
        let Some(model) = load(file, name, prefix) else { return Ok(()) };
        let logits =
            model.forward(&image, Mode::Eval).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        eprintln!("{name}: {logits:?}");
        resnet_testing::compare(&logits, expected, 1e-3, 0.0)
    });
}
