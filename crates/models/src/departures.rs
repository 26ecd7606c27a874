//! How a network differs from the one that the papers describe.

use resnet_blocks::{
    Branch, Filters, NormKind, Placement, ShapeChange, Shortcut, ShortcutInput, StridePlace,
};

use crate::spec::{Family, Spec, StemLayers, StemPool};

/// The smallest side of images for an ImageNet stem, which divides it by four before the four stages.
const SMALL: usize = 64;

impl Spec {
    /// The differences from the network of its kind and size in the papers: stem, stride, shortcut, norm.
    /// Empty if there are none.
    ///
    /// ```
    /// use resnet_models::registry;
    /// assert!(registry::find("resnet110-v2", 10)?.departures().is_empty());
    /// assert!(registry::find("resnet50-v1-imagenet", 1000)?.departures().is_empty());
    /// let departures = registry::find("resnet50d", 1000)?.departures();
    /// assert!(departures[0].starts_with("stride on the 3x3"));
    /// # Ok::<(), registry::Error>(())
    /// ```
    pub fn departures(&self) -> Vec<&'static str> {
        let imagenet = self.stem.layers != StemLayers::Conv3x3;
        let wide_inside =
            self.stages.iter().any(|stage| stage.out_channels != stage.width * self.branch.expansion());
        let narrow = if imagenet { 64 } else { 16 };
        let wide =
            self.stages.first().is_some_and(|stage| stage.out_channels > narrow * self.branch.expansion());
        let stage = |index: usize| self.stages.get(index).map_or(0, |stage| stage.units);
        let depths = [[2, 2, 2, 2], [3, 4, 6, 3], [3, 4, 23, 3], [3, 8, 36, 3], [3, 24, 36, 3]];
        let published = depths.contains(&[0, 1, 2, 3].map(stage));
        let of_26 = matches!(self.branch, Branch::Bottleneck(_)) && stage(0) == 2;
        let strides = match self.family() {
            Family::V1 => "stride on the 3x3 (v1.5)",
            Family::V2 => "stride on the 3x3",
        };
        let basic = !matches!(self.branch, Branch::Bottleneck(_));
        let projects = self.shape_change == ShapeChange::Projection;
        let first_unit_matters = self.family() == Family::V2
            && self.first_unit == ShortcutInput::Raw
            && self.units().first().is_some_and(|(_, unit)| !unit.changes_shape());
        let all = [
            (self.branch == Branch::Bottleneck(StridePlace::Middle3x3), strides),
            (matches!(self.stem.layers, StemLayers::Deep(_)), "stem of three 3x3"),
            (self.stem.pool == StemPool::ZeroPaddedMax, "zeros around the stem's pooling count"),
            (self.shape_change == ShapeChange::PooledProjection, "average-pooled projections"),
            (!imagenet && basic && projects && !wide, "projections (option B) instead of option A"),
            (
                !basic && self.shape_change == ShapeChange::ZeroPadding,
                "zero padding (option A) instead of option B",
            ),
            (first_unit_matters, "first shortcut parts before the activation"),
            (
                self.shortcut != Shortcut::Identity && self.placement != Placement::Original,
                "figure 2's shortcut around another branch than the original",
            ),
            (matches!(self.norm, NormKind::Group(_)), "group norm"),
            (self.filters == Filters::Standardised, "standardised filters"),
            (wide_inside, "wider 3x3 convolutions"),
            (wide, "wider everywhere"),
            (imagenet && (!published || of_26), "no depth of the papers'"),
        ];
        all.into_iter().filter_map(|(differs, how)| differs.then_some(how)).collect()
    }

    /// Whether the stem is ImageNet's, which leaves a quarter of height and width.
    pub fn has_imagenet_stem(&self) -> bool {
        self.stem.layers != StemLayers::Conv3x3 && self.stem.pool != StemPool::None
    }

    /// A warning, if images of `[height, width]` are too small for this network's stem.
    pub fn stem_warning(&self, [height, width]: [usize; 2]) -> Option<String> {
        let side = height.min(width);
        if !self.has_imagenet_stem() || side >= SMALL {
            return None;
        }
        Some(format!(
            "{} has ImageNet's stem, which leaves {}x{} of {height}x{width} pixels before the first unit; networks for small \
             images have names like resnet20-v2",
            self.name,
            height.div_ceil(4),
            width.div_ceil(4)
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::registry;

    #[test]
    fn departures_of_some_names() {
        let rows: [(&str, &[&str]); 13] = [
            ("resnet20-v1", &[]),
            ("resnet164-v2", &[]),
            ("resnet20-v2-b", &["option B) instead"]),
            ("resnet164-v2-a", &["option A) instead"]),
            ("resnet14-v2-wide-by-4", &["wider everywhere"]),
            ("resnet152-v2-imagenet", &[]),
            ("resnet18", &[]),
            ("resnet50", &["v1.5"]),
            ("resnet26t", &["stride on the 3x3", "three 3x3", "average", "depth"]),
            ("resnetv2_18", &["before the activation"]),
            ("resnetv2_50", &["stride on the 3x3"]),
            ("wide_resnet50_2", &["v1.5", "wider 3x3"]),
            (
                "resnetv2_50x3_bit",
                &["stride on the 3x3", "zeros around", "group norm", "standardised", "wider everywhere"],
            ),
        ];
        resnet_testing::table::run(&rows, |(name, expected)| {
            let found = registry::find(name, 10).map_err(|error| error.to_string())?.departures();
            let fits = found.len() == expected.len()
                && found.iter().zip(*expected).all(|(found, expected)| found.contains(expected));
            if fits { Ok(()) } else { Err(format!("{found:?}")) }
        });
    }

    #[test]
    fn small_images_are_warned_about() {
        let of = |name, size| registry::find(name, 10).unwrap().stem_warning(size);
        assert!(of("resnet18", [32, 32]).unwrap().contains("leaves 8x8 of 32x32"));
        assert_eq!(of("resnet18", [64, 64]), None);
        assert_eq!(of("resnet20-v1", [32, 32]), None);
    }
}
