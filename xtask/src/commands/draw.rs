//! `draw`: a figure of the paper, a unit or a network as an SVG file.

use crate::args::DrawArgs;
use crate::output;

pub(crate) fn run(args: &DrawArgs) -> anyhow::Result<()> {
    let svg = resnet_draw::Subject::named(&args.what)?.svg()?;
    resnet_report::write_chart(&args.out, &svg)?;
    output::line(&args.out.display().to_string())
}
