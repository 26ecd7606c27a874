//! The curves of a run as an SVG file, drawn from its metrics alone: the picture in README.md.
//!
//!     cargo xtask train --out runs/readme
//!     cargo run -p resnet-record --example curve -- runs/readme docs/quick-start.svg

use std::fmt::Write as _;
use std::path::PathBuf;

use resnet_record::{Metric, RunFolder};

/// The plot's place on the picture, in pixels: left, top, width, height.
const PLOT: [f64; 4] = [60.0, 54.0, 560.0, 226.0];
const PICTURE: [f64; 2] = [790.0, 330.0];
/// Losses from 10^-2 to 10^1 nats.
const DECADES: [f64; 2] = [-2.0, 1.0];

/// Colours that the colour-blind tell apart, on light and on dark.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#333}.title{font-size:15px;font-weight:600}\
    .grid{stroke:#8884;stroke-width:1}path{fill:none;stroke-width:1.6}.loss{stroke:#d55e00;stroke-dasharray:4 2}\
    .loss-label{fill:#b34700}.error{stroke:#0072b2;stroke-width:2.2}.error-label{fill:#0072b2}\
    @media(prefers-color-scheme:dark){text{fill:#ddd}.loss-label{fill:#ff9a57}.error{stroke:#56b4e9}\
    .error-label{fill:#56b4e9}}";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(run), Some(out)) = (args.next(), args.next()) else {
        return Err("name a run and an SVG file".into());
    };
    let folder = RunFolder::open(&run)?;
    let (recipe, record) = (folder.recipe()?, folder.record()?);
    let (mut losses, mut errors) = (vec![], vec![]);
    for metric in folder.metrics()? {
        match metric {
            Metric::Step(step) => losses.push((step.step as f64, step.loss)),
            Metric::Epoch(epoch) => {
                errors.extend(epoch.validation.map(|scores| (epoch.step as f64, 100.0 - scores.top1())));
            }
            Metric::Final(_) => {}
        }
    }
    let steps = losses.iter().chain(&errors).map(|(step, _)| *step as u64).max().unwrap_or(1).max(1) as f64;
    let test = record.results.and_then(|results| results.test).map(|scores| scores.top1());
    let (Some(last_loss), Some(last_error)) = (losses.last(), errors.last()) else {
        return Err("the run has no metrics with validation images".into());
    };

    let [left, top, width, height] = PLOT;
    let x = |step: f64| left + width * step / steps;
    let loss_y = |loss: f64| {
        let share = (loss.max(1e-9).log10() - DECADES[0]) / (DECADES[1] - DECADES[0]);
        top + height * (1.0 - share.clamp(0.0, 1.0))
    };
    let error_y = |error: f64| top + height * (1.0 - error / 100.0);

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"t d\">\
         <title id=\"t\">{} on {}</title><desc id=\"d\">Training loss falls from {:.2} to {:.3} nats, validation error \
         ends at {:.1} %.</desc><style>{STYLE}</style>\n",
        PICTURE[0], PICTURE[1], record.model, recipe.name, losses[0].1, last_loss.1, last_error.1
    );
    let told = test.map_or(String::new(), |top1| format!(": {top1:.1} % of the test images are right"));
    writeln!(
        svg,
        "<text class=\"title\" x=\"{left}\" y=\"22\">{}, recipe {}{told}</text>",
        record.model, recipe.name
    )?;
    writeln!(
        svg,
        "<text class=\"loss-label\" x=\"{left}\" y=\"42\" text-anchor=\"middle\">loss, nats (log)</text>"
    )?;
    writeln!(
        svg,
        "<text class=\"error-label\" x=\"{}\" y=\"42\" text-anchor=\"middle\">error, %</text>",
        left + width
    )?;
    for (power, label) in [(-2, "0.01"), (-1, "0.1"), (0, "1"), (1, "10")] {
        let y = loss_y(10f64.powi(power));
        writeln!(svg, "<path class=\"grid\" d=\"M{left} {y:.1}h{width}\"/>")?;
        writeln!(
            svg,
            "<text class=\"loss-label\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            left - 8.0,
            y + 4.0
        )?;
    }
    for error in [0, 25, 50, 75, 100] {
        let (x, y) = (left + width + 8.0, error_y(f64::from(error)) + 4.0);
        writeln!(svg, "<text class=\"error-label\" x=\"{x}\" y=\"{y:.1}\">{error}</text>")?;
    }
    for quarter in 0..=4 {
        let step = (steps * f64::from(quarter) / 4.0).round();
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{step}</text>",
            x(step),
            top + height + 20.0
        )?;
    }
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">optimizer steps</text>",
        left + width / 2.0,
        top + height + 40.0
    )?;
    let losses = losses.iter().map(|(step, loss)| (x(*step), loss_y(*loss)));
    writeln!(svg, "<path class=\"loss\" d=\"{}\"/>", path(losses))?;
    let errors: Vec<(f64, f64)> = errors.iter().map(|(step, error)| (x(*step), error_y(*error))).collect();
    writeln!(svg, "<path class=\"error\" d=\"{}\"/>", path(errors.iter().copied()))?;
    for (x, y) in errors {
        writeln!(svg, "<circle class=\"error\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"none\"/>")?;
    }
    writeln!(
        svg,
        "<text class=\"loss-label\" x=\"{}\" y=\"{:.1}\">training loss</text>",
        left + width + 40.0,
        loss_y(last_loss.1) + 4.0
    )?;
    writeln!(
        svg,
        "<text class=\"error-label\" x=\"{}\" y=\"{:.1}\">validation error</text>",
        left + width + 40.0,
        error_y(last_error.1) - 8.0
    )?;
    svg.push_str("</svg>\n");
    Ok(std::fs::write(out, svg)?)
}

fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut told = String::new();
    for (x, y) in points {
        let letter = if told.is_empty() { 'M' } else { 'L' };
        let _ = write!(told, "{letter}{x:.1} {y:.1}");
    }
    told
}
