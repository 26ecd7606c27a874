//! An SVG picture that is being drawn: boxes, lines, arrows, text.

use std::fmt::Write as _;

use resnet_words::escaped;

/// A place on the picture, in its own pixels.
pub(crate) type Point = (f64, f64);

/// Height of a box.
pub(crate) const BOX_HEIGHT: f64 = 30.0;
/// Radius of a sign.
pub(crate) const RADIUS: f64 = 11.0;

/// The kind of a box, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Weight,
    Norm,
    Relu,
    Other,
}

/// What a circle does to what arrives at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Plus,
    Times,
}

/// Where an arrow points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Towards {
    Down,
    Left,
    Right,
}

/// Which path a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    Branch,
    Shortcut,
}

/// The picture so far.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    body: String,
}

impl Canvas {
    /// The file: `title` says what it shows, `description` says it in words, for those who don't see it.
    pub(crate) fn finish(self, (width, height): (f64, f64), title: &str, description: &str) -> String {
        format!(
            "<svg class=\"diagram\" xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n<title>{}</title><desc>{}</desc>\n<style>{}</style>\n\
             <rect class=\"paper\" width=\"{width:.0}\" height=\"{height:.0}\" rx=\"8\"/>\n{}</svg>\n",
            escaped(title),
            escaped(description),
            include_str!("style.css").trim_end(),
            self.body
        )
    }

    /// Begins a group whose parts take their colours from `class`.
    pub(crate) fn begin(&mut self, class: &str) {
        let _ = writeln!(self.body, "<g class=\"{class}\">");
    }

    /// Ends the group.
    pub(crate) fn end(&mut self) {
        self.body.push_str("</g>\n");
    }

    /// Text in the middle of `at`, or from it on where `class` is `left`.
    pub(crate) fn text(&mut self, class: &str, (x, y): Point, text: &str) {
        let _ =
            writeln!(self.body, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text));
    }

    /// A letter with an index below.
    pub(crate) fn indexed(&mut self, (x, y): Point, letter: &str, index: &str) {
        let _ = writeln!(
            self.body,
            "<text class=\"math\" x=\"{x:.1}\" y=\"{y:.1}\">{letter}<tspan class=\"sub\" dy=\"4\">{index}</tspan></text>"
        );
    }

    /// A box with text, its middle at `at`.
    pub(crate) fn boxed(&mut self, kind: Kind, (x, y): Point, width: f64, text: &str) {
        let class = match kind {
            Kind::Weight => "weight",
            Kind::Norm => "norm",
            Kind::Relu => "relu",
            Kind::Other => "other",
        };
        let _ = writeln!(
            self.body,
            "<rect class=\"box {class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{BOX_HEIGHT}\" rx=\"5\"/>",
            x - width / 2.0,
            y - BOX_HEIGHT / 2.0
        );
        self.text("in", (x, y + 4.5), text);
    }

    /// A rectangle from its upper left corner.
    pub(crate) fn rectangle(&mut self, class: &str, (x, y): Point, (width, height): (f64, f64)) {
        let _ = writeln!(
            self.body,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"3\"/>"
        );
    }

    /// A circle with a sign.
    pub(crate) fn sign(&mut self, sign: Sign, (x, y): Point) {
        let stroke = match sign {
            Sign::Plus => format!("M{:.1} {y:.1}h12M{x:.1} {:.1}v12", x - 6.0, y - 6.0),
            Sign::Times => {
                format!("M{:.1} {:.1}l8 8M{:.1} {:.1}l8 -8", x - 4.0, y - 4.0, x - 4.0, y + 4.0)
            }
        };
        let _ = writeln!(
            self.body,
            "<circle class=\"sign\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{RADIUS}\"/><path class=\"branch\" d=\"{stroke}\"/>"
        );
    }

    /// Where a line leaves another.
    pub(crate) fn dot(&mut self, (x, y): Point) {
        let _ = writeln!(self.body, "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"/>");
    }

    /// A line through `points`, with round corners.
    pub(crate) fn line(&mut self, path: Path, points: &[Point]) {
        let class = match path {
            Path::Branch => "branch",
            Path::Shortcut => "shortcut",
        };
        let _ = writeln!(self.body, "<path class=\"{class}\" d=\"{}\"/>", rounded(points));
    }

    /// A line through `points` that ends in an arrow.
    pub(crate) fn arrow(&mut self, path: Path, points: &[Point], towards: Towards) {
        let (Some((x, y)), size) = (points.last().copied(), if path == Path::Branch { 7.0 } else { 12.0 })
        else {
            return;
        };
        let (back, half) = (size, size / 2.0);
        let (end, head) = match towards {
            Towards::Down => ((x, y - back), format!("M{x:.1} {y:.1}l-{half} -{back}h{size}z")),
            Towards::Left => ((x + back, y), format!("M{x:.1} {y:.1}l{back} -{half}v{size}z")),
            Towards::Right => ((x - back, y), format!("M{x:.1} {y:.1}l-{back} -{half}v{size}z")),
        };
        let mut points = points.to_vec();
        points.pop();
        points.push(end);
        self.line(path, &points);
        let class = if path == Path::Branch { "head" } else { "shortcut-head" };
        let _ = writeln!(self.body, "<path class=\"{class}\" d=\"{head}\"/>");
    }
}

/// The path through `points`, which are joined by horizontals and verticals; corners are round.
fn rounded(points: &[Point]) -> String {
    const CORNER: f64 = 8.0;
    let mut path = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = match (index, points.get(index + 1)) {
            (0, _) => write!(path, "M{x:.1} {y:.1}"),
            (_, None) => write!(path, "L{x:.1} {y:.1}"),
            (_, Some(next)) => {
                let (from, to) = (towards((*x, *y), points[index - 1]), towards((*x, *y), *next));
                let (before, after) =
                    ((x + CORNER * from.0, y + CORNER * from.1), (x + CORNER * to.0, y + CORNER * to.1));
                write!(path, "L{:.1} {:.1}Q{x:.1} {y:.1} {:.1} {:.1}", before.0, before.1, after.0, after.1)
            }
        };
    }
    path
}

/// The direction from one point to another, 1 long.
fn towards((x, y): Point, (to_x, to_y): Point) -> Point {
    let (dx, dy) = (to_x - x, to_y - y);
    let length = dx.hypot(dy);
    if length > 0.0 { (dx / length, dy / length) } else { (0.0, 0.0) }
}
