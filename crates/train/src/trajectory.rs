//! Digests of what a step saw and of what it left, for the certificates of `metrics.jsonl`.

use resnet_record::Digest;
use resnet_vision::Batch;
use ring::digest::{Context, SHA256};

use crate::Error;
use crate::snapshot::Snapshot;

/// The digest of a batch as the network sees it: labels, pixels, and the probabilities it is trained towards.
pub(crate) fn of_batch(batch: &Batch, targets: Option<&[f32]>) -> Digest {
    let mut context = Context::new(&SHA256);
    batch.labels.iter().for_each(|label| context.update(&label.to_le_bytes()));
    add(&mut context, &batch.images);
    add(&mut context, targets.unwrap_or_default());
    finish(context)
}

/// The digest of a step's batches: `before` is that of the batches so far, `next` that of the one after them.
/// The digest of a single batch is left as it is.
pub(crate) fn joined(before: Option<Digest>, next: Digest) -> Digest {
    let Some(before) = before else { return next };
    let mut context = Context::new(&SHA256);
    context.update(&before.0);
    context.update(&next.0);
    finish(context)
}

/// The digest of a loss.
pub(crate) fn of_loss(loss: f64) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(&loss.to_le_bytes());
    finish(context)
}

/// The digest of all arrays and their names, in the order of the names.
pub(crate) fn of_weights(snapshot: &Snapshot<'_>) -> Result<Digest, Error> {
    let mut context = Context::new(&SHA256);
    for name in snapshot.shapes().into_keys() {
        context.update(name.as_bytes());
        add(&mut context, &snapshot.values(name)?);
    }
    Ok(finish(context))
}

/// Adds the bits of numbers, a piece at a time.
fn add(context: &mut Context, values: &[f32]) {
    let mut bytes = [0; 4096];
    for values in values.chunks(bytes.len() / 4) {
        for (place, value) in bytes.chunks_exact_mut(4).zip(values) {
            place.copy_from_slice(&value.to_le_bytes());
        }
        context.update(&bytes[..4 * values.len()]);
    }
}

/// The first eight bytes.
fn finish(context: Context) -> Digest {
    let digest = context.finish();
    Digest(std::array::from_fn(|byte| digest.as_ref()[byte]))
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::snapshot::EngineState;

    fn batch() -> Batch {
        Batch { images: (0..3000).map(|v| v as f32).collect(), labels: vec![1, 3], height: 10, width: 50 }
    }

    #[test]
    fn every_number_of_a_batch_counts() {
        let whole = of_batch(&batch(), None);
        assert_eq!(whole, of_batch(&batch(), None));
        let changed = |change: fn(&mut Batch)| {
            let mut batch = batch();
            change(&mut batch);
            of_batch(&batch, None)
        };
        // Neither the last pixel nor the sign of a zero is overlooked.
        for other in [
            changed(|batch| batch.labels.swap(0, 1)),
            changed(|batch| batch.images[2999] += 1.0),
            changed(|batch| batch.images[0] = -0.0),
            of_batch(&batch(), Some(&[1.0])),
        ] {
            assert_ne!(whole, other);
        }
    }

    #[test]
    fn a_weight_that_differs_in_its_last_bit_is_another_network() {
        let weights = |value: f32| {
            let var = Var::from_vec(vec![1.0, value], 2, &Device::Cpu).unwrap();
            let variables = [("fc.bias".to_owned(), var)].into();
            of_weights(&Snapshot::of(&variables, EngineState::default())).unwrap()
        };
        assert_eq!(weights(0.5), weights(0.5));
        assert_ne!(weights(0.5), weights(f32::from_bits(0.5f32.to_bits() + 1)));
    }

    #[test]
    fn a_digest_is_the_beginning_of_sha_256() {
        // SHA-256 of eight zero bytes begins with af5570f5 a1810b7a.
        assert_eq!(of_loss(0.0).to_string(), "af5570f5a1810b7a");
    }
}
