//! Gates and dropout against the f64 reference and against what they promise.

#[allow(dead_code)] // comparisons by the root mean square are for other tests
mod common;

use common::assert_threads_change_nothing;
use resnet_kernels::Isa;
use resnet_kernels::dropout::{dropout, mix};
use resnet_kernels::gate::{Gate, GateBackward, gate, gate_backward};
use resnet_kernels::norm::Accumulate;
use resnet_reference as reference;
use resnet_testing::{affordable, compare, table, uniform, within};

/// Chunks are of 16384 floats.
const LENGTHS: [usize; 6] = [0, 1, 17, 1000, 16_385, 50_001];
/// Of each element: products of two shares (eight roundings at most, three of them the exponential's) and two
/// factors.
const ROUNDINGS: f64 = 16.0 / (1 << 24) as f64;

/// Logits from shut to open.
fn logits(len: usize) -> Vec<f32> {
    uniform(1, len).into_iter().map(|z| 12.0 * z).collect()
}

#[test]
fn gates_and_their_gradients() {
    table::run(&affordable(LENGTHS, |len| *len), |&len| {
        let (z, x, dy) = (logits(len), uniform(2, len), uniform(3, len));
        let cases = [(Gate::Transform, 1.0), (Gate::Carry, -1.0)];
        let mut bits: Vec<Vec<u32>> = vec![];
        for (isa, (which, sign)) in Isa::available().into_iter().flat_map(|isa| cases.map(|case| (isa, case)))
        {
            let turned: Vec<f64> = z.iter().map(|z| sign * f64::from(*z)).collect();
            let (x64, dy64) = (reference::to_f64(&x), reference::to_f64(&dy));
            let mut y = vec![f32::NAN; len];
            gate(isa, which, &z, &x, &mut y);
            bits.push(y.iter().map(|y| y.to_bits()).collect());
            compare(&y, &reference::gate(&turned, &x64), 0.0, ROUNDINGS)?;
            let (dz, dx) = reference::gate_backward(&turned, &x64, &dy64);
            let dz: Vec<f64> = dz.iter().map(|dz| sign * dz).collect();
            let from = GateBackward { z: &z, x: &x, dy: &dy };
            let (mut set_z, mut set_x) = (vec![f32::NAN; len], vec![f32::NAN; len]);
            let to = |values| Some((Accumulate::Set, values));
            gate_backward(isa, which, from, to(&mut set_z[..]), to(&mut set_x[..]));
            compare(&set_z, &dz, 0.0, ROUNDINGS)?;
            compare(&set_x, &dx, 0.0, ROUNDINGS)?;
            // Added, the one or the other, the same terms.
            let (mut added_z, mut added_x) = (x.clone(), z.clone());
            gate_backward(isa, which, from, Some((Accumulate::Add, &mut added_z[..])), None);
            gate_backward(isa, which, from, None, Some((Accumulate::Add, &mut added_x[..])));
            let sums = |to: &[f32], terms: &[f32]| -> Vec<f32> {
                to.iter().zip(terms).map(|(to, term)| to + term).collect()
            };
            if added_z != sums(&x, &set_z) || added_x != sums(&z, &set_x) {
                return Err("gradients are added wrongly".to_owned());
            }
            bits.extend([set_z, set_x].map(|values| values.iter().map(|value| value.to_bits()).collect()));
        }
        // Of each instruction set the gate and its gradients, for both cases.
        if bits.chunks(6).any(|six| six != &bits[..6]) {
            return Err("instruction sets differ".to_owned());
        }
        Ok(())
    });
}

#[test]
fn a_gate_takes_any_logit() {
    let z = [f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, 0.0, f32::NAN];
    let mut y = [0.0; 6];
    gate(Isa::best(), Gate::Transform, &z, &[2.0; 6], &mut y);
    assert!(
        y[0] == 2.0 && y[1] < 1e-36 && y[2] == 2.0 && y[3] < 1e-36 && y[4] == 1.0 && y[5].is_nan(),
        "{y:?}"
    );
}

#[test]
#[cfg_attr(miri, ignore = "statistics of too many elements")]
fn dropout_keeps_what_its_keys_say() {
    let (image_len, keep) = (30_000, 0.7);
    let x = vec![1.0; 2 * image_len];
    let drop = |keys: [u64; 2]| {
        let mut y = vec![f32::NAN; x.len()];
        dropout(Isa::best(), &keys, keep, &x, &mut y);
        y
    };
    let y = drop([mix(1), mix(2)]);
    let kept = (1.0 / keep) as f32;
    assert!(y.iter().all(|y| *y == 0.0 || *y == kept));
    for image in y.chunks_exact(image_len) {
        let share = image.iter().filter(|y| **y != 0.0).count() as f64 / image.len() as f64;
        // Four standard deviations of a mean of 30,000 draws.
        within("share of kept elements", share, keep, 4.0 * (0.21f64 / 30_000.0).sqrt()).unwrap();
    }
    assert_ne!(y[..image_len], y[image_len..], "images drop the same elements");
    // An image's elements don't depend on its place.
    let swapped = drop([mix(2), mix(1)]);
    assert!(y[..image_len] == swapped[image_len..] && y[image_len..] == swapped[..image_len]);
    // All and nothing are the identity.
    let mut all = vec![f32::NAN; x.len()];
    dropout(Isa::best(), &[3, 4], 1.0, &x, &mut all);
    assert_eq!(all, x);
    dropout(Isa::best(), &[], 0.5, &[], &mut []);
}

/// Images that end within a chunk, at its end and far beyond it.
#[test]
fn every_instruction_set_drops_the_elements_that_are_drawn() {
    for image_len in [1, 7, 33, 16 << 10, (16 << 10) + 5] {
        let (images, keep) = (if image_len > 1000 { 2 } else { 900 }, 0.3);
        let images = if cfg!(miri) { images.min(3) } else { images };
        let x = uniform(5, images * image_len);
        let keys: Vec<u64> = (0..images as u64).map(mix).collect();
        let drawn = |(i, x): (usize, &f32)| {
            let draw = mix(keys[i / image_len].wrapping_add((i % image_len) as u64)) >> 32;
            if (draw as f64) < (keep * 2f64.powi(32)).round() { x * (1.0 / keep) as f32 } else { 0.0 }
        };
        let expected: Vec<f32> = x.iter().enumerate().map(drawn).collect();
        for isa in Isa::available() {
            let mut y = vec![f32::NAN; x.len()];
            dropout(isa, &keys, keep, &x, &mut y);
            assert!(y == expected, "{isa:?}, images of {image_len}");
        }
    }
}

#[test]
fn threads_change_nothing() {
    // More than one chunk.
    let len = if cfg!(miri) { 16_400 } else { 100_000 };
    let (z, x, dy) = (logits(len), uniform(2, len), uniform(3, len));
    assert_threads_change_nothing(|| {
        let [mut y, mut dz, mut dx, mut dropped] = std::array::from_fn(|_| vec![0.0; len]);
        gate(Isa::best(), Gate::Carry, &z, &x, &mut y);
        let (from, to) = (GateBackward { z: &z, x: &x, dy: &dy }, |values| Some((Accumulate::Set, values)));
        gate_backward(Isa::best(), Gate::Carry, from, to(&mut dz[..]), to(&mut dx[..]));
        dropout(Isa::best(), &[1, 2, 3, 4], 0.5, &x, &mut dropped);
        vec![y, dz, dx, dropped]
    });
}
