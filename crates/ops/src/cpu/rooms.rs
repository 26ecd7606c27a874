//! Which values share memory in inference. Values whose lives do not overlap share a room: a buffer as large
//! as the largest of them.
//!
//! The pool reuses a buffer only for a value of the same size. Values shrink from stage to stage of a
//! network, so without rooms each stage would leave its buffers behind.

use resnet_kernels::Buffer;

use super::lives::{Lives, is_batch_norm};
use crate::plan::step::{Op, Step};
use crate::plan::{Plan, Value};

/// The place of one value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Floats of its room; 0 if it has none.
    pub(super) floats: usize,
    /// Whether it overwrites the residual that is added to it.
    pub(super) replaces_residual: bool,
}

/// The places of all values. They are sizes to ask the pool for, not promises: where a run departs from them,
/// a value takes a buffer of its own and the results are the same.
#[derive(Debug)]
pub(super) struct Rooms(Vec<Place>);

impl Rooms {
    pub(super) fn of(plan: &Plan, lives: &Lives) -> Self {
        let values = plan.shapes.len();
        let mut ends = vec![vec![]; plan.steps.len()];
        for input in &plan.inputs {
            ends.get_mut(lives.0[input.0].last_use).into_iter().for_each(|ends| ends.push(*input));
        }
        let mut source = vec![None; values];
        for (index, step) in plan.steps.iter().enumerate() {
            match is_batch_norm(step) {
                // A norm's output is never written; the convolution that reads it reads the norm's input.
                true => source[step.output.0] = Some(step.inputs[0]),
                false => {
                    let end = lives.0[step.output.0].last_use.max(index);
                    ends.get_mut(end).into_iter().for_each(|ends| ends.push(step.output));
                }
            }
        }
        let (mut rooms, mut free): (Vec<usize>, Vec<usize>) = (vec![], vec![]);
        let (mut room_of, mut places) = (vec![None; values], vec![Place::default(); values]);
        for input in &plan.inputs {
            let room = take(&mut free, &mut rooms, plan.shape(*input).len());
            rooms[room] = rooms[room].max(plan.shape(*input).len());
            room_of[input.0] = Some(room);
            places[input.0].floats = room + 1;
        }
        for (index, step) in plan.steps.iter().enumerate() {
            if !is_batch_norm(step) {
                let (output, len) = (step.output.0, plan.shape(step.output).len());
                let replaced =
                    replaced(step, &source).filter(|residual| lives.0[residual.0].last_use == index);
                let room = match replaced.and_then(|residual| room_of[residual.0].take()) {
                    Some(room) => {
                        places[output].replaces_residual = true;
                        room
                    }
                    None => take(&mut free, &mut rooms, len),
                };
                rooms[room] = rooms[room].max(len);
                room_of[output] = Some(room);
                // The room's number plus 1; its size replaces it below.
                places[output].floats = room + 1;
            }
            for ended in &ends[index] {
                free.extend(room_of[ended.0].take());
            }
        }
        for place in places.iter_mut().filter(|place| place.floats > 0) {
            place.floats = rooms[place.floats - 1];
        }
        Rooms(places)
    }

    pub(super) fn place(&self, value: Value) -> Place {
        self.0[value.0]
    }

    /// A buffer of a value's `len` floats, contents unspecified.
    pub(super) fn buffer(&self, value: Value, len: usize) -> Buffer {
        Buffer::with_room(len, self.place(value).floats.max(len))
    }
}

/// A free room: the smallest that is large enough, or else the largest, which will grow, or else a new one.
fn take(free: &mut Vec<usize>, rooms: &mut Vec<usize>, len: usize) -> usize {
    let fits = |at: &usize| rooms[free[*at]] >= len;
    let smallest = (0..free.len()).filter(fits).min_by_key(|at| rooms[free[*at]]);
    match smallest.or_else(|| (0..free.len()).max_by_key(|at| rooms[free[*at]])) {
        Some(at) => free.swap_remove(at),
        None => {
            rooms.push(0);
            rooms.len() - 1
        }
    }
}

/// The residual that a convolution's output may overwrite; `None` if the convolution also reads it as its
/// input.
fn replaced(step: &Step, source: &[Option<Value>]) -> Option<Value> {
    let (Op::Conv(_), [x, residual]) = (&step.op, &step.inputs[..]) else { return None };
    let mut read = Some(*x);
    while let Some(value) = read {
        if value == *residual {
            return None;
        }
        read = source[value.0];
    }
    Some(*residual)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Result};
    use candle_nn::VarBuilder;

    use super::*;
    use crate::executor::Keep;
    use crate::layers::{Conv2d, ConvConfig, Layer};
    use crate::plan::{Graph, Shape};

    fn conv(inputs: usize, outputs: usize, kernel: usize) -> Result<Conv2d> {
        Conv2d::new(inputs, outputs, ConvConfig::same(kernel), VarBuilder::zeros(DType::F32, &Device::Cpu))
    }

    /// The rooms of a network of one input, and how many sums take their residual's place.
    fn rooms(trace: impl FnOnce(&mut Graph, Value) -> Result<Value>) -> Result<(Vec<usize>, usize)> {
        let mut graph = Graph::new();
        let x = graph.input(Shape::Map { images: 1, channels: 8, height: 4, width: 4 });
        let output = trace(&mut graph, x)?;
        let plan = graph.finish(output)?;
        let Rooms(places) = Rooms::of(&plan, &Lives::of(&plan, Keep::Nothing));
        let floats = places.iter().map(|place| place.floats).collect();
        Ok((floats, places.iter().filter(|place| place.replaces_residual).count()))
    }

    /// The units need one room of 128 floats, where each sum overwrites `x`, and rooms of 64 for the branch.
    #[test]
    fn a_bottleneck_needs_its_signal_and_two_of_its_branch() -> Result<()> {
        let (narrow, middle, wide) = (conv(8, 4, 1)?, conv(4, 4, 3)?, conv(4, 8, 1)?);
        let (floats, replaced) = rooms(|graph, x| {
            (0..3).try_fold(x, |x, _| {
                let y = narrow.trace(graph, x)?;
                let y = middle.trace(graph, y)?;
                let y = wide.trace(graph, y)?;
                graph.add(x, y)
            })
        })?;
        assert_eq!((floats.iter().max(), replaced), (Some(&128), 3));
        assert!(floats.iter().all(|floats| [0, 64, 128].contains(floats)), "{floats:?}");
        Ok(())
    }

    #[test]
    fn a_convolution_does_not_overwrite_what_it_reads() -> Result<()> {
        let same = conv(8, 8, 3)?;
        let (_, replaced) = rooms(|graph, x| {
            let y = same.trace(graph, x)?;
            graph.add(x, y)
        })?;
        assert_eq!(replaced, 0);
        Ok(())
    }
}
