//! The built-in data set: ten generated shapes, so that every command runs where there is no data and no
//! network.
//!
//! Place, size, lean, colours, background and noise vary, so that a network has to learn the shape and
//! nothing else tells the class. How much they vary was chosen by trial: an eight-layer ResNet gets 98 % of
//! unseen images right after it was shown ten thousand. (Shapes turned to any angle, or darker than their
//! background as often as lighter, take it several times as long.)

mod draw;
mod shape;

use std::sync::Arc;

use self::shape::Shape;
use crate::{Dataset, HeldOut, ImageSet};
use resnet_vision::random::RandomStream;

/// Height and width of a generated image, CIFAR's.
pub const SIDE: usize = 32;
/// The most images that [`shapes`] generates for either part: 3 GB of pixels.
pub const MAX_IMAGES: usize = 1_000_000;

/// The names of the ten classes, in label order.
pub fn classes() -> Arc<[String]> {
    Shape::ALL.iter().map(|shape| shape.name().to_owned()).collect()
}

/// Generates `train` + `test` images of 32 x 32: image `i` of either part shows shape `i % 10`.
///
/// Each image is a function of (`seed`, part, `i`): the same on every machine, and a larger set starts with
/// the smaller one. Training and test images never coincide. This uses all cores; 10,000 images take
/// less than half a second of processor time.
///
/// # Panics
/// If `train` or `test` exceeds [`MAX_IMAGES`].
///
/// ```
/// let data = resnet_data::generated::shapes(30, 20, 1);
/// assert_eq!(data.train.classes()[data.train.label(7) as usize], "heart");
/// assert_eq!(data.train.image(0).len(), 3 * 32 * 32);
/// assert_eq!(data.test.len(), 20);
/// ```
pub fn shapes(train: usize, test: usize, seed: u64) -> Dataset {
    Dataset {
        name: "generated".to_owned(),
        train: part(train, seed, 0),
        test: HeldOut::new(part(test, seed, 1)),
        origin: format!("ten generated shapes, seed {seed}"),
    }
}

fn part(images: usize, seed: u64, part: u64) -> ImageSet {
    assert!(images <= MAX_IMAGES, "{images} generated images are more than {MAX_IMAGES}");
    const BYTES: usize = 3 * SIDE * SIDE;
    let mut pixels = vec![0; images * BYTES];
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = images.div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        for (thread, pixels) in pixels.chunks_mut(share * BYTES).enumerate() {
            scope.spawn(move || {
                for (i, image) in (thread * share..).zip(pixels.chunks_exact_mut(BYTES)) {
                    let mut stream = RandomStream::new(seed, crate::purposes::DRAW, part, i as u64);
                    draw::image(Shape::ALL[i % Shape::ALL.len()], &mut stream, image);
                }
            });
        }
    });
    let labels = (0..images).map(|i| (i % Shape::ALL.len()) as u32).collect();
    ImageSet::new(pixels, labels, SIDE, SIDE, classes()).expect("sizes and labels fit by construction")
}
