//! What a project outside the workspace does with `resnet`: makes a checkpoint, loads it, classifies an
//! image, fine-tunes on other classes for a few steps, and exports the result. `cargo run -- FOLDER` works in
//! FOLDER.

use std::error::Error;
use std::path::{Path, PathBuf};

use resnet::data::generated;
use resnet::models::checkpoint::{self, Dialect, Metadata};
use resnet::models::{Model, registry};
use resnet::record::Recipe;
use resnet::vision::Image;
use resnet::{LoadOptions, Pretrained, vision};

const RECIPE: &str = r#"
name = "example"
about = "A few steps on generated shapes."

[model]
name = "resnet8-v2"

[data]
set = "generated"
validation = 0
mean = [0.5, 0.5, 0.5]
std = [0.25, 0.25, 0.25]

[data.generated]
train = 100
test = 20

[augmentation]
pad_crop = 2
flip = "none"

[train]
duration = "5 steps"
batch_size = 20
log_every_steps = 1

[optimizer]
momentum = 0.9
weight_decay = 1e-4

[schedule]
kind = "cosine"
lr = 0.01
warmup = "0 %"
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1);
    run(&folder.map_or_else(|| std::env::temp_dir().join("resnet-example"), PathBuf::from))
}

/// All of it, in `folder`.
pub fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;

    // A checkpoint, as others would have trained it: here with fresh weights.
    let file = folder.join("resnet8.safetensors");
    let fresh = Model::init(&registry::find("resnet8-v2", 3)?, 0)?;
    checkpoint::export(&file, &fresh, &Metadata::default(), Dialect::Timm)?;

    // Loaded and asked. The file says nothing about normalisation, so the caller does.
    let options = LoadOptions::default().normalisation(vision::Normalisation::HALF);
    let pretrained = options.load(&file)?;
    let image = Image::new(40, 30, (0..40 * 30 * 3).map(|i| (i % 251) as u8).collect())?;
    let prediction = pretrained.predict(std::slice::from_ref(&image))?.remove(0);
    for guess in prediction.top(3) {
        println!("{:5.1} %  {}", 100.0 * guess.probability, guess.name);
    }
    println!("{} features", pretrained.features(std::slice::from_ref(&image))?[0].len());

    // A new head for ten other classes, trained for five steps.
    let shapes = generated::shapes(100, 20, 0);
    let mut network = pretrained.with_new_head(shapes.train.classes(), 0)?;
    let run = folder.join("run");
    if run.exists() {
        std::fs::remove_dir_all(&run)?;
    }
    let results = network.fine_tune(&Recipe::parse(RECIPE, "the example's recipe")?, &shapes, &run)?;
    println!("loss {:.3} after {} steps", results.train_loss, results.steps);
    std::fs::write(folder.join("heat-map.png"), network.heat_map(&image, 0)?.png_over(&image)?)?;

    // Exported, and loaded again by what the file says about itself.
    let exported = folder.join("shapes.safetensors");
    network.export(Dialect::Native, &exported)?;
    let again = Pretrained::load(&exported)?;
    assert_eq!(again.classes().names, shapes.train.classes());
    let (ours, theirs) = (network.predict(std::slice::from_ref(&image))?, again.predict(&[image])?);
    assert_eq!(ours, theirs, "an export answers as the network that it was made of");
    println!("exported to {}", exported.display());
    Ok(())
}
