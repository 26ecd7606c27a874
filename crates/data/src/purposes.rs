//! What each random stream of this crate decides. The numbers must differ from those of `resnet-vision`.

use resnet_vision::random::Purpose;

/// The order of samples in an epoch.
pub(crate) const ORDER: Purpose = Purpose::new(1);
/// Which samples are set aside for validation.
pub(crate) const SPLIT: Purpose = Purpose::new(3);
/// One generated image.
pub(crate) const DRAW: Purpose = Purpose::new(4);
