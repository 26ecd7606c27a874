//! The numbers of a tensor, which is a view of a storage with an offset and strides.

use super::tensor::Tensor;

/// The numbers of a tensor in row-major order, or what is wrong with it. `budget` is how many numbers may
/// still be made, since a view of a few numbers can have any size.
pub(super) fn read(tensor: &Tensor, raw: &[u8], budget: &mut u64) -> Result<Vec<f32>, &'static str> {
    const OUTSIDE: &str = "reaches beyond its storage";
    let Tensor { storage, float, offset, shape, strides } = tensor;
    let size = float.size() as u64;
    if storage.bytes() != Some(raw.len() as u64) {
        return Err("has a storage of another length than the file");
    }
    // Both are inside `raw`, whose length is the storage's.
    let (from, to) = (storage.part.0 * storage.element.size, storage.part.1 * storage.element.size);
    let raw = &raw[from as usize..to as usize];
    let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    let count = count.ok_or("has more numbers than any memory")?;
    if count == 0 {
        return Ok(vec![]);
    }
    // The distance from its first number to its last one.
    let reach = shape
        .iter()
        .zip(strides)
        .try_fold(0u64, |reach, (size, stride)| reach.checked_add((*size as u64 - 1).checked_mul(*stride)?));
    let last = reach.and_then(|reach| reach.checked_add(*offset));
    let last = last.filter(|last| *last < raw.len() as u64 / size).ok_or(OUTSIDE)?;
    let span = last - offset + 1;
    *budget = budget
        .checked_sub(span.max(count as u64))
        .ok_or("repeats numbers: with the others it has more than the file has bytes")?;
    // Both are inside the part of the storage, which is in memory.
    let (from, to) = ((offset * size) as usize, ((last + 1) * size) as usize);
    let values = float.values(&raw[from..to]);
    Ok(if is_row_major(shape, strides) { values } else { gathered(&values, shape, strides, count) })
}

fn is_row_major(shape: &[usize], strides: &[u64]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(size, stride)| {
        let fits = *size == 1 || *stride == expected;
        expected *= *size as u64;
        fits
    })
}

/// Gathers numbers that are `strides` apart.
fn gathered(values: &[f32], shape: &[usize], strides: &[u64], count: usize) -> Vec<f32> {
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(values[at]);
        for (axis, size) in shape.iter().enumerate().rev() {
            let stride = strides[axis] as usize;
            index[axis] += 1;
            if index[axis] < *size {
                at += stride;
                break;
            }
            at -= (size - 1) * stride;
            index[axis] = 0;
        }
    }
    all
}
