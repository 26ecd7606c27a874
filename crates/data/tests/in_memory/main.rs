//! Images in memory: sets, generated shapes, and their division into training and validation images.

mod dataset;
mod generated;
mod image_set;
mod stratified;
