//! What each random stream of this crate decides. The numbers must differ from those of `resnet-vision`
//! and `resnet-sampling`.

use resnet_vision::random::Purpose;

/// Which samples are set aside for validation.
pub(crate) const SPLIT: Purpose = Purpose::new(3);
/// One generated image.
pub(crate) const DRAW: Purpose = Purpose::new(4);
