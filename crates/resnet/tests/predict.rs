//! A predictor's answers are those of the network that it was prepared from.

use candle_core::{Device, Tensor};
use resnet::models::checkpoint::{self, Dialect, Metadata};
use resnet::models::{Model, registry};
use resnet::vision::{Image, Normalisation};
use resnet::{Error, LoadOptions};

/// Compiles for what the threads of a server can share.
fn can_be_shared(_: &(impl Send + Sync)) {}

#[test]
fn a_predictor_answers_as_the_network_does_call_after_call() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("resnet8.safetensors");
    let model = Model::init(&registry::find("resnet8-v2", 3)?, 0)?;
    checkpoint::export(&file, &model, &Metadata::default(), Dialect::Timm)?;
    let pretrained = LoadOptions::default().normalisation(Normalisation::HALF).load(&file)?;
    let image =
        |from: usize| Image::new(40, 30, (from..from + 40 * 30 * 3).map(|i| (i % 251) as u8).collect());
    let images = [image(0)?, image(7)?, image(90)?];

    let (expected, predictor) = (pretrained.predict(&images)?, pretrained.predictor()?);
    for few in [0..3, 0..1, 1..3] {
        let answers = predictor.predict(&images[few.clone()])?;
        let expected = &expected[few];
        assert_eq!(answers.len(), expected.len());
        for (answer, expected) in answers.iter().zip(expected) {
            // Folding rounds otherwise; the logits are of the size of 1.
            for (logit, expected) in answer.logits.iter().zip(&expected.logits) {
                assert!((logit - expected).abs() < 1e-5, "{logit} instead of {expected}");
            }
            assert_eq!(answer.top(1)[0].name, expected.top(1)[0].name);
        }
    }
    // The logit of a class is the mean of its evidence over the places, and the bias.
    let bias: Vec<f32> = pretrained.network().model().variables()["head.fc.bias"].to_vec1()?;
    for (class, logit) in expected[1].logits.iter().enumerate() {
        let evidence = pretrained.heat_map(&images[1], class)?.evidence;
        let mean = evidence.iter().sum::<f32>() / evidence.len() as f32;
        assert!(
            (mean + bias[class] - logit).abs() < 1e-5,
            "{class}: {mean} and {}, not {logit}",
            bias[class]
        );
    }
    assert!(predictor.predict(&[])?.is_empty());
    let answers = predictor.predict(&images)?;
    drop(predictor);
    let predictor = pretrained.into_predictor()?;
    can_be_shared(&predictor);
    can_be_shared(&LoadOptions::default());
    assert_eq!(predictor.predict(&images)?, answers);
    Ok(())
}

#[test]
fn logits_that_are_not_finite_are_refused() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("resnet8.safetensors");
    let model = Model::init(&registry::find("resnet8-v2", 3)?, 0)?;
    let image = Image::new(40, 30, vec![7; 40 * 30 * 3])?;
    for wrong in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        model.variables()["head.fc.bias"].set(&Tensor::new(&[0.0, wrong, 0.0], &Device::Cpu)?)?;
        checkpoint::export(&file, &model, &Metadata::default(), Dialect::Native)?;
        let options = LoadOptions::default().normalisation(Normalisation::HALF);
        let refused = options.load(&file)?.predict(std::slice::from_ref(&image));
        assert!(matches!(refused, Err(Error::NotFinite { .. })), "{wrong}: {refused:?}");
    }
    Ok(())
}
