//! `data convert`: a data set in files as class folders, tar shards or packed files.

use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use resnet_data::names::shown;
use resnet_data::sources::tell_oddities;
use resnet_data::{CopyFormat, Error, Resizing};
use resnet_terminal::numbers;
use resnet_terminal::output::{self, Format};
use resnet_terminal::progress::{self, Meter, Show, Unit};
use serde_json::json;

use crate::args::{ConvertArgs, ConvertTo, InterpolationArg, OrientationArg};
use crate::failure::Ended;
use crate::interrupt;

pub(super) fn run(args: &ConvertArgs) -> anyhow::Result<()> {
    let format = copy_format(args)?;
    if args.out.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: args.out.clone() }.into());
    }
    let set = super::open(&args.dir, &args.classes, &args.labels)?;
    tell_oddities(set.splits().map(|(_, source)| source.index()));
    let mut meter = Meter::new(Unit::Images, 0, set.samples(), Show::IfSlow);
    let stop = Arc::new(AtomicBool::new(false));
    interrupt::on_first_press({
        let stop = Arc::clone(&stop);
        move || {
            progress::line("stopping after this block, then removing the copy");
            stop.store(true, Ordering::Relaxed);
        }
    })?;
    let converted = resnet_data::convert(&set, format, &args.out, |done| {
        meter.update(done, str::to_owned);
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    drop(meter);
    let images = converted.ok_or(Ended::Interrupted)?;
    if args.format.get() == Format::Json {
        return output::json(&json!({ "images": images, "folder": shown(&args.out) }));
    }
    output::line(&format!("{} in {}", numbers::counted(images, "image"), args.out.display()))
}

fn copy_format(args: &ConvertArgs) -> anyhow::Result<CopyFormat> {
    let has_view = args.interpolation.is_some() || args.orientation.is_some();
    let max_bytes = args.shard_megabytes.map_or(256, NonZeroU64::get).saturating_mul(1_000_000);
    match (args.to, args.side) {
        (ConvertTo::Packed, Some(side)) => {
            let interpolation = args.interpolation.unwrap_or(InterpolationArg::Bilinear).into();
            let orientation = args.orientation.unwrap_or(OrientationArg::Apply).into();
            let resizing = Resizing { side: side as usize, interpolation, orientation };
            Ok(CopyFormat::Packed { max_bytes, resizing })
        }
        (ConvertTo::Packed, None) => Ended::usage(
            "--to packed needs --side N, the new length of the shorter side in pixels, such as 256",
        ),
        (ConvertTo::Folders, _) if args.shard_megabytes.is_some() => Ended::usage(
            "--shard-megabytes applies to the files of --to shards and --to packed; leave it out",
        ),
        (ConvertTo::Folders, None) if !has_view => Ok(CopyFormat::Folders),
        (ConvertTo::Shards, None) if !has_view => Ok(CopyFormat::Shards { max_bytes }),
        _ => Ended::usage(
            "--side, --interpolation and --orientation apply to decoded images, which only --to packed writes; \
             leave them out",
        ),
    }
}
