//! Tests of the generated data set.

use std::collections::HashSet;

use resnet_data::generated::shapes;

/// Height and width of an image.
const SIDE: usize = 32;

#[test]
fn the_same_seed_draws_the_same_images_and_more_of_them_begin_alike() {
    let (small, large) = (shapes(25, 13, 9), shapes(70, 31, 9));
    for (small, large) in [(&small.train, &large.train), (small.test.read(), large.test.read())] {
        assert!((0..small.len()).all(|i| small.image(i) == large.image(i)));
    }
    assert_ne!(shapes(1, 0, 8).train.image(0), small.train.image(0));
}

#[test]
fn images_are_pinned() {
    // Other bytes are another data set: results of runs on it no longer compare.
    let set = shapes(200, 0, 0).train;
    let bytes = (0..set.len()).flat_map(|i| set.image(i));
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    assert_eq!(hash, PINNED, "{hash:#x}");
}

const PINNED: u64 = 0xcc12_fee5_c5fb_ac21;

#[test]
fn classes_are_balanced_and_no_image_comes_twice() {
    let data = shapes(2_000, 1_000, 0);
    let mut seen = HashSet::new();
    for set in [&data.train, data.test.read()] {
        for class in 0..10 {
            assert_eq!(set.labels().iter().filter(|&&l| l == class).count(), set.len() / 10);
        }
        (0..set.len()).for_each(|i| assert!(seen.insert(set.image(i).to_vec())));
    }
    assert_eq!(data.train.classes().iter().collect::<HashSet<_>>().len(), 10);
    assert_eq!(shapes(0, 0, 0).train.len(), 0);
}

/// No single number of an image gives the class away: mean colours are spread alike in every class.
#[test]
fn colour_alone_does_not_tell_the_class() {
    let set = shapes(5_000, 0, 3).train;
    for c in 0..3 {
        let mut sums = [0.0; 10];
        for i in 0..set.len() {
            let plane = &set.image(i)[c * 1024..][..1024];
            sums[set.label(i) as usize] += plane.iter().map(|&p| f64::from(p)).sum::<f64>() / 1024.0;
        }
        let means = sums.map(|sum| sum / 500.0);
        // Larger shapes brighten their class a little; images of one class differ by 30 (standard deviation).
        let all = means.iter().sum::<f64>() / 10.0;
        assert!(means.iter().all(|mean| (mean - all).abs() < 15.0), "channel {c}: {means:?}");
    }
}

/// `cargo test -p resnet-data contact_sheet -- --ignored` writes 10 rows of 24 images to look at.
#[test]
#[ignore = "writes an image to look at"]
fn contact_sheet() {
    const COLUMNS: usize = 24;
    let set = shapes(10 * COLUMNS, 0, 0).train;
    let mut sheet = image::RgbImage::new((COLUMNS * SIDE) as u32, (10 * SIDE) as u32);
    for i in 0..set.len() {
        for y in 0..SIDE {
            for x in 0..SIDE {
                let rgb = std::array::from_fn(|c| set.image(i)[(c * SIDE + y) * SIDE + x]);
                sheet.put_pixel((i / 10 * SIDE + x) as u32, (i % 10 * SIDE + y) as u32, image::Rgb(rgb));
            }
        }
    }
    let path = std::env::temp_dir().join("resnet-data-shapes.png");
    sheet.save(&path).unwrap();
    println!("{}", path.display());
}
