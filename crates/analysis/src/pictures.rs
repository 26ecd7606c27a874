//! Pictures over depth and over a training, variants side by side, each with what is to be seen on it and the
//! equation that it shows.

use resnet_report::chart::{Axis, Chart, Colour, Scale, Series};
use resnet_words::significant;

use crate::courses::{Course, Point};
use crate::measure::{Measures, UnitMeasures};

/// A picture.
#[derive(Debug, Clone)]
pub struct Picture {
    /// A name for its file, such as `gradient`.
    pub name: &'static str,
    /// The picture.
    pub chart: Chart,
    /// What is to be seen, and which equation that is.
    pub caption: String,
}

/// Something measured at each unit.
struct Quantity {
    name: &'static str,
    title: &'static str,
    axis: &'static str,
    scale: Scale,
    /// Its value at a unit; `None` where there is none.
    of: fn(&UnitMeasures) -> Option<f64>,
    /// Its value after the last unit, where it has one.
    last: fn(&Measures) -> Option<f64>,
    /// What a reader should know.
    means: &'static str,
}

const QUANTITIES: [Quantity; 6] = [
    Quantity {
        name: "variance",
        title: "How the signal's variance grows with depth",
        axis: "variance of x_l (log scale)",
        scale: Scale::Log,
        of: |unit| Some(unit.variance),
        last: |measures| Some(measures.last[1]),
        means: "Equation (4): where shortcut and f are identities, the signal at any depth is an earlier one plus the sum of the \
                residual branches between them, so that its variance grows unit by unit.",
    },
    Quantity {
        name: "mean",
        title: "The signal's mean over depth",
        axis: "mean of x_l",
        scale: Scale::Linear,
        of: |unit| Some(unit.mean),
        last: |measures| Some(measures.last[0]),
        means: "Equation (4) again: branches that end in ReLU add nothing below zero, so that the signal only grows (section 4.1); \
                f = ReLU keeps it above zero (equation 2).",
    },
    Quantity {
        name: "gradient",
        title: "The gradient's length over depth",
        axis: "|dE/dx_l| (log scale)",
        scale: Scale::Log,
        of: |unit| Some(unit.gradient),
        last: |measures| Some(measures.last_gradient),
        means: "Equation (5): the whole gradient, as measured, with shortcuts, residual branches and f. With identities one of its \
                two terms passes no weight layer.",
    },
    Quantity {
        name: "product",
        title: "What the shortcuts alone leave of the gradient",
        axis: "product of h' (log scale)",
        scale: Scale::Log,
        of: |unit| Some(unit.product()),
        last: |_| Some(1.0),
        means: "Equations (6) to (8): the product of the shortcuts' derivatives from the last unit back to each, along the true \
                signals, branches and f cut out of the gradient. It is 1 through identities and the product of the factors through \
                scaled shortcuts; the steps between are units that change the shape, where zero padding or a projection takes part.",
    },
    Quantity {
        name: "cut",
        title: "What f = ReLU cuts",
        axis: "share of y_l made zero, %",
        scale: Scale::Linear,
        of: |unit| unit.cut,
        last: |_| None,
        means: "Equation (2): the share of y_l that f = ReLU makes zero, and with it the gradient there (section 4.2). Where f is the \
                identity nothing is cut, and there is no line.",
    },
    Quantity {
        name: "branch",
        title: "The residual branch's share of the signal",
        axis: "share of the energy, %",
        scale: Scale::Linear,
        of: |unit| Some(unit.branch_share),
        last: |_| None,
        means: "Equation (1): |F|² / (|h|² + |F|²), the branch's share of what is added at each unit.",
    },
];

/// All pictures that `courses` have something to show on.
pub fn pictures(courses: &[Course]) -> Vec<Picture> {
    let models: Vec<&str> = courses.iter().map(|course| course.model.as_str()).collect();
    let colours = Colour::of_networks(&models);
    let depths = QUANTITIES.iter().filter_map(|quantity| over_depth(quantity, courses, &colours));
    depths.chain(over_training(courses, &colours)).collect()
}

/// What a line is called: the network, and the moment where there are several.
fn called(course: &Course, point: &Point) -> String {
    match course.points.len() {
        1 => course.model.clone(),
        _ => format!("{}, {}", course.model, point.label),
    }
}

fn points_of(quantity: &Quantity, measures: &Measures) -> Vec<(f64, f64)> {
    let at = |unit: &UnitMeasures| Some((unit.unit as f64, (quantity.of)(unit)?));
    let behind = (quantity.last)(measures).map(|value| (measures.units.len() as f64 + 1.0, value));
    measures.units.iter().filter_map(at).chain(behind).collect()
}

fn over_depth(quantity: &Quantity, courses: &[Course], colours: &[Colour]) -> Option<Picture> {
    let deepest =
        courses.iter().flat_map(|course| &course.points).map(|point| point.measures.units.len()).max()?;
    let mut series = vec![];
    let mut seen = vec![];
    for (course, colour) in courses.iter().zip(colours) {
        for (index, point) in course.points.iter().enumerate() {
            let values = points_of(quantity, &point.measures);
            let (Some(first), Some(last)) = (values.first(), values.last()) else { continue };
            let (is_first, is_last) = (index == 0, index + 1 == course.points.len());
            if !is_first && !is_last {
                series.push(Series::new("", *colour, values).faint());
                continue;
            }
            seen.push(format!(
                "{} from {} to {}",
                called(course, point),
                significant(first.1),
                significant(last.1)
            ));
            let line = Series::new(short_name(courses, course, point), *colour, values);
            series.push(if is_last { line } else { line.dashed() });
        }
    }
    if series.is_empty() {
        return None;
    }
    // Some quantities have a value behind the last unit.
    let mut points = courses.iter().flat_map(|course| &course.points);
    let has_behind = points.any(|point| (quantity.last)(&point.measures).is_some());
    let depths = courses.iter().flat_map(|course| &course.points).map(|point| point.measures.units.len());
    let label = match has_behind {
        true if depths.clone().all(|depth| depth == deepest) => {
            format!("unit l ({}: the output of the last)", deepest + 1)
        }
        true => "unit l, then the output of the last".to_owned(),
        false => "unit l".to_owned(),
    };
    let x = Axis { label, scale: Scale::Linear, range: Some([1.0, deepest as f64 + 1.0]) };
    let y = Axis { label: quantity.axis.to_owned(), scale: quantity.scale, range: None };
    let chart = series.into_iter().fold(Chart::new(quantity.title, x, y), Chart::with);
    let dashes = match courses.iter().any(|course| course.points.len() > 1) {
        true => " Dashed: the first moment; solid: the last; pale: those between.",
        false => "",
    };
    let caption = format!("{}. {}{dashes}", sentence(&seen), quantity.means);
    Some(Picture { name: quantity.name, chart, caption })
}

/// A short name; it leaves the depth out if all networks have the same.
fn short_name(courses: &[Course], course: &Course, point: &Point) -> String {
    let split = |course: &Course| {
        let name = course.model.strip_prefix("resnet").unwrap_or(&course.model).to_owned();
        name.split_once('-')
            .map_or((String::new(), name.clone()), |(depth, unit)| (depth.to_owned(), unit.to_owned()))
    };
    let (depth, unit) = split(course);
    let is_shared = courses.len() > 1 && courses.iter().all(|other| split(other).0 == depth);
    let name = if is_shared || depth.is_empty() { unit } else { format!("{depth}-{unit}") };
    match point.step.filter(|_| course.points.len() > 1) {
        Some(step) => format!("{name} @{step}"),
        None => name,
    }
}

/// One number of a network, followed while it trains.
struct Followed {
    name: &'static str,
    title: &'static str,
    axis: &'static str,
    scale: Scale,
    value: fn(&Measures) -> Option<f64>,
    means: &'static str,
}

const FOLLOWED: [Followed; 2] = [
    Followed {
        name: "cut-by-step",
        title: "What f = ReLU cuts while the network trains",
        axis: "share of y_l made zero, %",
        scale: Scale::Linear,
        value: |measures| {
            let cuts: Vec<f64> = measures.units.iter().filter_map(|unit| unit.cut).collect();
            (!cuts.is_empty()).then(|| cuts.iter().sum::<f64>() / cuts.len() as f64)
        },
        means: "Equation (2): the share of y_l that f = ReLU makes zero, the mean over all units, at each kept \
                checkpoint; section 4.2 says that it is small once a network of 164 layers has trained a while.",
    },
    Followed {
        name: "gradient-by-step",
        title: "The gradient at the first unit beside the last one's",
        axis: "|dE/dx_1| / |dE/dx_L| (log scale)",
        scale: Scale::Log,
        value: |measures| Some(measures.units.first()?.gradient / measures.last_gradient),
        means: "Equation (5): how long the gradient is at the first unit's input, over its length at the last \
                unit's output, while the network trains.",
    },
];

/// What changes while a network trains.
fn over_training(courses: &[Course], colours: &[Colour]) -> Vec<Picture> {
    let along: Vec<_> = courses.iter().zip(colours).filter(|(course, _)| course.points.len() > 1).collect();
    let mut pictures = vec![];
    for Followed { name, title, axis, scale, value, means } in FOLLOWED {
        let (mut series, mut seen, mut most) = (vec![], vec![], 0.0);
        for (course, colour) in &along {
            let at = |point: &Point| Some((point.step? as f64, value(&point.measures)?));
            let points: Vec<(f64, f64)> = course.points.iter().filter_map(at).collect();
            let (Some(first), Some(last)) = (points.first(), points.last()) else { continue };
            most = f64::max(most, last.0);
            seen.push(format!("{} from {} to {}", course.model, significant(first.1), significant(last.1)));
            series.push(Series::new(&course.model, **colour, points).marked());
        }
        if series.is_empty() {
            continue;
        }
        let y = Axis { label: axis.to_owned(), scale, range: None };
        let empty = Chart::new(title, Axis::from_zero("steps", most), y);
        let chart = series.into_iter().fold(empty, Chart::with);
        pictures.push(Picture { name, chart, caption: format!("{}. {means}", sentence(&seen)) });
    }
    pictures
}

fn sentence(seen: &[String]) -> String {
    seen.join("; ")
}
