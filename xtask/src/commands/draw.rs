//! `draw`: a figure of the paper, a unit or a network as an SVG file.

use resnet_terminal::output;

use crate::args::DrawArgs;
use crate::hints;

pub(crate) fn run(args: &DrawArgs) -> anyhow::Result<()> {
    let subject = resnet_draw::Subject::named(&args.what);
    let svg = subject.map_err(|error| hints::undrawn(&args.what, error))?.svg()?;
    resnet_report::write_chart(&args.out, &svg)?;
    output::line(&args.out.display().to_string())
}
