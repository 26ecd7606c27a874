//! What each random stream of this crate decides. Every step has a stream of its own, so that one step more
//! or less changes no other step's draws.

use crate::random::Purpose;

/// The crop and the flip of one image of CIFAR.
pub(super) const PADDED_CROP: Purpose = Purpose::new(2);
/// Where an image is cropped.
pub(super) const CROP: Purpose = Purpose::new(16);
/// Whether an image is mirrored.
pub(super) const FLIP: Purpose = Purpose::new(17);
/// The operations of a policy.
pub(super) const POLICY: Purpose = Purpose::new(18);
/// The changes of an image's colours.
pub(super) const JITTER: Purpose = Purpose::new(19);
/// The change of an image's light.
pub(super) const LIGHTING: Purpose = Purpose::new(20);
/// The rectangle that is erased.
pub(super) const ERASE: Purpose = Purpose::new(21);
/// How a batch is mixed.
pub(super) const MIX: Purpose = Purpose::new(22);
/// The filter that a crop is resized with.
pub(super) const INTERPOLATION: Purpose = Purpose::new(23);
