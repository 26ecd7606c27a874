//! What processes exchange while each computes its backward pass: gradients as they are finished, and the
//! running statistics that the forward pass has left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::TensorId;
use resnet_ops::{GradientTaken, OnGradient};

use super::CandleEngine;
use crate::groups::Groups;
use crate::layout::{change, read};
use crate::processes::Begun;
use crate::step::buckets::Buckets;
use crate::{AllReduce as _, Classifier, Error};

/// Exchanges that have begun, until the step waits for them.
#[derive(Default)]
pub(super) struct Overlap {
    /// The index in the layout of each variable that trains; empty where gradients are known only when the
    /// backward pass has ended ([`Classifier::is_one_plan`]).
    places: Arc<HashMap<TensorId, usize>>,
    gradients: Arc<Mutex<Buckets>>,
    statistics: Option<Begun<f64>>,
}

impl Overlap {
    pub(super) fn of(model: &dyn Classifier, groups: &Groups) -> Overlap {
        let mut places = HashMap::new();
        if model.is_one_plan() {
            let variables = model.variables();
            places.extend(variables.values().enumerate().map(|(index, variable)| (variable.id(), index)));
            groups.frozen().filter_map(|name| variables.get(name)).for_each(|variable| {
                places.remove(&variable.id());
            });
        }
        Overlap { places: Arc::new(places), ..Overlap::default() }
    }
}

impl CandleEngine<'_> {
    /// Called before the backward pass of a step's only batch. It begins to average running statistics, and
    /// returns the function that sends gradients to the other processes while the pass goes on; `None` for a
    /// single process.
    pub(super) fn begin_sending(&mut self, weight: f64) -> Result<Option<Arc<OnGradient>>, Error> {
        if !self.processes.are_several() {
            return Ok(None);
        }
        self.overlap.statistics = self.begin_statistics()?;
        let (filling, places) = (Arc::clone(&self.overlap.gradients), Arc::clone(&self.overlap.places));
        let (processes, layout, weight) = (self.processes.clone(), Arc::clone(&self.layout), weight as f32);
        Ok(Some(Arc::new(move |variable: TensorId, gradient: &[f32]| {
            if let Some(place) = places.get(&variable) {
                let weighed = gradient.iter().map(|value| value * weight);
                let mut buckets = filling.lock().unwrap_or_else(PoisonError::into_inner);
                buckets.put((*place, &layout), weighed, &processes).map_err(candle_core::Error::wrap)?;
            }
            Ok(GradientTaken::No)
        })))
    }

    /// Completes the step's gradients over all processes; returns whether there are any.
    pub(super) fn complete_gradients(&mut self) -> Result<bool, Error> {
        let mut begun = self.overlap.gradients.lock().unwrap_or_else(PoisonError::into_inner);
        self.gradients.complete_with(&self.processes, std::mem::take(&mut begun))
    }

    /// Begins to average running statistics, weighted by the images that each process has had since the last
    /// step. `None` for a single process, and where all processes normalise by the statistics of the whole
    /// batch: theirs are the same already.
    fn begin_statistics(&mut self) -> Result<Option<Begun<f64>>, Error> {
        let images = std::mem::take(&mut self.images) as f64;
        if !self.processes.are_several() || self.statistics.is_some() {
            return Ok(None);
        }
        let mut sums = vec![images];
        for (name, variable) in self.variables().iter().filter(|(name, _)| self.groups.moves(name)) {
            let weighed = |values: &[f32]| sums.extend(values.iter().map(|&value| images * f64::from(value)));
            read(variable, weighed).map_err(Error::compute(format!("reading {name}")))?;
        }
        self.processes.begin_sum_f64(sums).map(Some)
    }

    /// Gives every process the mean of their running statistics, so that all hold the same network.
    pub(super) fn average_statistics(&mut self) -> Result<(), Error> {
        let begun = match self.overlap.statistics.take() {
            None => self.begin_statistics()?,
            begun => begun,
        };
        let Some(begun) = begun else { return Ok(()) };
        let sums = begun.wait()?;
        let mut means = sums[1..].iter().map(|sum| (sum / sums[0]) as f32);
        let running = self.variables().iter().filter(|(name, _)| self.groups.moves(name));
        for (name, variable) in running.filter(|_| sums[0] > 0.0) {
            let set = |values: &mut [f32]| {
                values.iter_mut().zip(&mut means).for_each(|(value, mean)| *value = mean)
            };
            change(variable, set).map_err(Error::compute(format!("averaging {name}")))?;
        }
        Ok(())
    }
}
