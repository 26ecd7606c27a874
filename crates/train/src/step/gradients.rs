//! The gradients of all variables, named, in one flat buffer, where the batches of a step add up.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::backprop::GradStore;
use candle_core::{DType, Result, Tensor, TensorId, Var, bail};
use resnet_ops::{BatchPart, GradientTaken};
use serde::{Deserialize, Serialize};

use super::buckets::Buckets;
use crate::layout::{Layout, Place, read};
use crate::{AllReduce, Error};

/// Gradients by variable. The buffer lives as long as the training: each step writes over the last one's.
///
/// A step can have several batches. Each adds its gradient g with a weight n, usually its number of images,
/// so that what remains is the gradient of the mean over all of them: `sum(n g) / sum(n)`. A step of one
/// batch has g itself, to the bit, and costs one copy.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::Arc;
/// use candle_core::{Device, Var};
/// use resnet_train::{Alone, Gradients, Layout};
///
/// let w = Var::new(&[1.0f32], &Device::Cpu)?;
/// let variables = BTreeMap::from([("w".to_owned(), w.clone())]);
/// let mut gradients = Gradients::new(Arc::new(Layout::of(&variables)));
/// for (slope, images) in [(2.0, 30), (6.0, 10)] {
///     let loss = (w.as_tensor() * slope)?.sum_all()?;
///     gradients.add(&variables, &loss.backward()?, f64::from(images))?;
/// }
/// gradients.complete(&Alone)?;
/// assert_eq!(gradients.get("w"), Some(&[3.0][..])); // (30 * 2 + 10 * 6) / 40
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Gradients {
    layout: Arc<Layout>,
    values: Vec<f32>,
    /// Whether each variable has a gradient, by its place in the layout.
    present: Vec<bool>,
    weighed: Weighed,
}

/// The weights of the batches that have been added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Weighed {
    /// The weight of the first batch. The buffer holds sums in units of it, so that one batch, or several of
    /// one size, are added without rounding.
    pub(crate) first: f64,
    /// The sum of all batches' weights.
    pub(crate) total: f64,
}

impl Gradients {
    /// A buffer without gradients.
    pub fn new(layout: Arc<Layout>) -> Gradients {
        let (values, present) = (vec![0.0; layout.len()], vec![false; layout.places().len()]);
        Gradients { layout, values, present, weighed: Weighed::default() }
    }

    /// Adds a batch's gradients with a weight above 0, and returns how many variables had one.
    ///
    /// # Errors
    /// If a variable is not f32 or not on the CPU, or a gradient's shape is not its variable's.
    pub fn add(
        &mut self,
        variables: &BTreeMap<String, Var>,
        gradients: &GradStore,
        weight: f64,
    ) -> Result<usize> {
        self.add_rest(variables, gradients, weight, &vec![false; self.present.len()])
    }

    /// Adds the gradients of `loss`, computed here, with a weight above 0, and returns how many variables had
    /// one. A plan's gradients are written to the buffer when each is finished: candle's store would hold all
    /// of them at once, each added to zeros. `part.on_gradient` is called with each of these as well.
    ///
    /// # Errors
    /// If the backward pass fails, and as [`Gradients::add`].
    pub fn add_backward(
        &mut self,
        variables: &BTreeMap<String, Var>,
        loss: &Tensor,
        weight: f64,
        part: BatchPart,
    ) -> Result<usize> {
        let places = variables.values().enumerate().map(|(index, variable)| (variable.id(), index));
        let places: HashMap<TensorId, usize> = places.collect();
        let receiver = Arc::new(Mutex::new(Receiver {
            layout: Arc::clone(&self.layout),
            values: std::mem::take(&mut self.values),
            has_arrived: vec![false; self.present.len()],
            is_first: self.is_empty(),
            factor: self.factor(weight),
        }));
        let (receiving, told) = (Arc::clone(&receiver), part.on_gradient.clone());
        let on_gradient = move |variable: TensorId, gradient: &[f32]| {
            if let Some(told) = &told {
                told(variable, gradient)?;
            }
            let Some(place) = places.get(&variable) else { return Ok(GradientTaken::No) };
            receiving.lock().unwrap_or_else(PoisonError::into_inner).receive(*place, gradient);
            Ok(GradientTaken::Yes)
        };
        let part = BatchPart { on_gradient: Some(Arc::new(on_gradient)), ..part };
        let others = part.during(|| loss.backward());
        let mut receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
        self.values = std::mem::take(&mut receiver.values);
        self.add_rest(variables, &others?, weight, &receiver.has_arrived)
    }

    /// What a batch of this weight counts, in units of the first.
    fn factor(&self, weight: f64) -> f32 {
        if self.is_empty() { 1.0 } else { (weight / self.weighed.first) as f32 }
    }

    /// Adds what is in candle's store to what `has_arrived` of the same batch.
    fn add_rest(
        &mut self,
        variables: &BTreeMap<String, Var>,
        gradients: &GradStore,
        weight: f64,
        has_arrived: &[bool],
    ) -> Result<usize> {
        let (is_first, factor) = (self.is_empty(), self.factor(weight));
        if is_first {
            self.weighed.first = weight;
        }
        self.weighed.total += weight;
        let mut found = 0;
        let places = self.layout.places().iter().zip(&mut self.present);
        for (((place, present), w), &has_arrived) in places.zip(variables.values()).zip(has_arrived) {
            let sum = &mut self.values[place.range.clone()];
            let Some(g) = gradients.get(w) else {
                if has_arrived {
                    *present = true;
                    found += 1;
                } else if is_first {
                    (*present, _) = (false, sum.fill(0.0));
                }
                continue;
            };
            if w.dtype() != DType::F32 || g.dims() != place.shape {
                let (name, dtype, shape) = (&place.name, w.dtype(), w.shape());
                bail!("{name}: the variable is {dtype:?} {shape:?}, its gradient {:?}", g.shape());
            }
            *present = true;
            found += 1;
            read(g, |g| match is_first && !has_arrived {
                true => sum.copy_from_slice(g),
                false => sum.iter_mut().zip(g).for_each(|(sum, &g)| *sum += factor * g),
            })?;
        }
        Ok(found)
    }

    /// Forgets the gradient of the variable called `name`.
    pub fn forget(&mut self, name: &str) {
        for (place, present) in self.layout.places().iter().zip(&mut self.present) {
            if place.name == name {
                (*present, _) = (false, self.values[place.range.clone()].fill(0.0));
            }
        }
    }

    /// Whether nothing has been added since the last [`Gradients::clear`].
    pub fn is_empty(&self) -> bool {
        self.weighed == Weighed::default()
    }

    /// Turns the sum into the mean over the images of all processes. Every process calls it, also one that
    /// has added nothing. Returns `false` if none of them has added anything, and there is no mean.
    ///
    /// # Errors
    /// If the processes cannot exchange their sums.
    pub fn complete(&mut self, processes: &dyn AllReduce) -> std::result::Result<bool, Error> {
        self.complete_with(processes, Buckets::default())
    }

    /// As [`Gradients::complete`], where the sums of some gradients have `begun` already.
    pub(crate) fn complete_with(
        &mut self,
        processes: &dyn AllReduce,
        mut begun: Buckets,
    ) -> std::result::Result<bool, Error> {
        let Weighed { first, total } = self.weighed;
        let mut divisor = if self.is_empty() { 0.0 } else { total / first };
        if processes.are_several() {
            match self.is_empty() {
                true => self.values.fill(0.0),
                // Each process has a unit of its own.
                false => self.scale(first as f32),
            }
            let all = processes.begin_sum_f64(vec![total])?;
            begun.put_rest(&self.layout, &self.values, processes)?;
            begun.wait(&self.layout, &mut self.values)?;
            divisor = all.wait()?[0];
        }
        if divisor == 0.0 {
            return Ok(false);
        }
        if divisor != 1.0 {
            self.scale((1.0 / divisor) as f32);
        }
        Ok(true)
    }

    /// Multiplies all gradients by `factor`.
    pub fn scale(&mut self, factor: f32) {
        self.values.iter_mut().for_each(|value| *value *= factor);
    }

    /// Begins a new step. The first batch that is added replaces the numbers of the last step, which can be
    /// read until then.
    pub fn clear(&mut self) {
        self.weighed = Weighed::default();
    }

    /// All numbers, those of variables without a gradient being 0.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All numbers, to change.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The gradient of the variable called `name`, if it has one.
    pub fn get(&self, name: &str) -> Option<&[f32]> {
        self.iter().find(|(place, _)| place.name == name).map(|(_, gradient)| gradient)
    }

    /// The variables that have a gradient: place in the layout, and gradient in row-major order.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, &[f32])> {
        let places = self.layout.places().iter().zip(&self.present).filter(|(_, present)| **present);
        places.map(|(place, _)| (place, &self.values[place.range.clone()]))
    }

    /// The Euclidean norm of all gradients as one vector, summed in f64.
    pub fn norm(&self) -> f64 {
        self.values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
    }

    /// The batch weights that have been added, for a checkpoint; `None` if nothing was added.
    pub(crate) fn weighed(&self) -> Option<Weighed> {
        (!self.is_empty()).then_some(self.weighed)
    }

    /// Goes on with the sums of a checkpoint, by the variables' names.
    pub(crate) fn restore(&mut self, weighed: Weighed, sums: &BTreeMap<String, Vec<f32>>) {
        self.weighed = weighed;
        for (place, present) in self.layout.places().iter().zip(&mut self.present) {
            let sum = &mut self.values[place.range.clone()];
            match sums.get(&place.name) {
                Some(values) => sum.copy_from_slice(values),
                None => sum.fill(0.0),
            }
            *present = sums.contains_key(&place.name);
        }
    }
}

/// Where a backward pass writes what it has finished.
struct Receiver {
    layout: Arc<Layout>,
    values: Vec<f32>,
    /// Which variables have had a gradient in this pass. One that several plans use has several.
    has_arrived: Vec<bool>,
    /// Whether the batch is the step's first, and how much it counts.
    is_first: bool,
    factor: f32,
}

impl Receiver {
    fn receive(&mut self, place: usize, gradient: &[f32]) {
        let sum = &mut self.values[self.layout.places()[place].range.clone()];
        match self.is_first && !self.has_arrived[place] {
            true => sum.copy_from_slice(gradient),
            false => sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += self.factor * g),
        }
        self.has_arrived[place] = true;
    }
}
