//! Why a checkpoint's accuracy is not what it should be: how images are prepared, with one thing changed at a
//! time, and the points that each is worth.
//!
//! [`investigate`] scores the checkpoint as it would be evaluated, then with every change of
//! [`Preparation::changes`]. The change that helps most is kept if luck does not explain it, and the search
//! goes on from there. What was kept in the end is credited with its share of the points gained: the mean
//! over all orders in which the changes could have been made (Shapley 1953), so that no order is preferred.

mod images;
mod preparation;
mod search;
mod shrink;

pub use self::images::TestSample;
pub use self::preparation::{Antialiasing, Axis, Change, Channels, Crop, Preparation, Statistics};
pub use self::search::{Attribution, Diagnosis, Trial, investigate};
