//! A residual unit as figures 1, 2 and 4 show it: the shortcut as a straight path, the residual branch beside
//! it, the addition where they meet.

use resnet_blocks::{NormKind, ShortcutInput, UnitOutline, UnitPart};

use crate::canvas::{BOX_HEIGHT, Canvas, Kind, Path, Point, RADIUS, Sign, Towards};

/// From one box of a path to the next.
const STEP: f64 = 46.0;
const BOX: f64 = 108.0;
const GATE_BOX: f64 = 84.0;
/// From the upper edge to where the signal enters, and on to the middle of the first box.
const ENTRY: f64 = 22.0;
const FIRST: f64 = 40.0;
/// From the middle of the last box to the addition, and from that to the box after it.
const TO_ADDITION: f64 = 38.0;
const BEHIND_ADDITION: f64 = 42.0;
/// Room that the parting takes where both paths share what stands before it.
const PARTING: f64 = 24.0;

/// Room for several units in one row: so that their additions stand side by side.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Room {
    /// From the first box to the addition.
    before: f64,
    /// How many boxes follow the addition.
    after: usize,
}

impl Room {
    /// As much as the largest of `units` needs.
    pub(crate) fn of<'a>(units: impl IntoIterator<Item = &'a UnitOutline>) -> Self {
        units.into_iter().fold(Room::default(), |room, unit| Room {
            before: room.before.max(before_addition(unit)),
            after: room.after.max(unit.after_addition.len()),
        })
    }

    /// Height of a unit in this room, with its labels.
    pub(crate) fn height(self) -> f64 {
        ENTRY + FIRST + self.before + self.after as f64 * STEP + 62.0
    }
}

/// How a unit is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) room: Room,
    /// The index of the signal that enters, where it has a name of its own, and of the one that leaves.
    pub(crate) entry: Option<&'a str>,
    pub(crate) exit: &'a str,
    pub(crate) colour: Accent,
}

/// The colour of a unit's shortcut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accent {
    Original,
    PreActivation,
}

impl Accent {
    /// The colour of the unit's kind: whether it is pre-activated.
    pub(crate) fn of(unit: &UnitOutline) -> Self {
        if unit.pre_activation.is_empty() { Accent::Original } else { Accent::PreActivation }
    }

    pub(crate) fn class(self) -> &'static str {
        match self {
            Accent::Original => "original",
            Accent::PreActivation => "proposed",
        }
    }
}

impl<'a> Look<'a> {
    /// A unit that stands alone.
    pub(crate) fn alone(unit: &UnitOutline, room: Room) -> Look<'a> {
        Look { room, entry: Some("l"), exit: "l+1", colour: Accent::of(unit) }
    }
}

/// Where parts of a drawn unit are, for what is drawn around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    /// Where the signal enters and leaves.
    pub(crate) entry: f64,
    pub(crate) exit: f64,
    /// The middle of the last box of a pre-activation that belongs to the branch alone.
    pub(crate) activated: Option<f64>,
}

/// What stands before the first weight layer on the branch alone, and what on both paths.
fn pre_activation(unit: &UnitOutline) -> (&[UnitPart], &[UnitPart]) {
    match unit.shortcut_input {
        ShortcutInput::Raw => (&unit.pre_activation, &[]),
        ShortcutInput::Activated => (&[], &unit.pre_activation),
    }
}

/// Pixels from the first box to the addition.
fn before_addition(unit: &UnitOutline) -> f64 {
    let (own, shared) = pre_activation(unit);
    let parting = if shared.is_empty() { 0.0 } else { PARTING };
    let rows = own.len() + shared.len() + unit.branch.len();
    rows.saturating_sub(1) as f64 * STEP + parting + TO_ADDITION
}

/// Where the paths of a unit stand.
struct Columns {
    shortcut: f64,
    gate: f64,
    branch: f64,
    width: f64,
}

fn columns(unit: &UnitOutline) -> Columns {
    let (_, shared) = pre_activation(unit);
    let has_boxes = unit.shortcut.iter().any(|part| *part != UnitPart::CarryGate)
        || !unit.after_addition.is_empty()
        || !shared.is_empty();
    let half = if has_boxes { BOX / 2.0 } else { RADIUS };
    let on_path = unit.shortcut.iter().any(|part| *part != UnitPart::CarryGate);
    let shortcut = 10.0 + half;
    // Boxes after the addition stand below the branch, and boxes before the parting above it, so the branch
    // need not keep clear of them; only boxes on the shortcut beside it move it to the right.
    let clear = if on_path { BOX / 2.0 } else { RADIUS + 6.0 };
    let gate = shortcut + clear + 16.0 + GATE_BOX / 2.0;
    let branch = match unit.gate {
        Some(_) => gate + GATE_BOX / 2.0 + 14.0 + BOX / 2.0,
        None => shortcut + clear + 22.0 + BOX / 2.0,
    };
    Columns { shortcut, gate, branch, width: branch + BOX / 2.0 + 10.0 }
}

/// Width of a unit's picture.
pub(crate) fn width(unit: &UnitOutline) -> f64 {
    columns(unit).width
}

/// What a box says, and its colour; `None` for a multiplication, which is a circle.
pub(crate) fn words(part: UnitPart) -> Option<(Kind, String)> {
    let strided = |stride: usize| if stride == 1 { String::new() } else { format!(", /{stride}") };
    Some(match part {
        UnitPart::Convolution { kernel, stride, .. } => {
            (Kind::Weight, format!("{kernel}×{kernel} conv{}", strided(stride)))
        }
        UnitPart::Norm(NormKind::Batch) => (Kind::Norm, "BN".to_owned()),
        UnitPart::Norm(NormKind::Group(_)) => (Kind::Norm, "GN".to_owned()),
        UnitPart::Relu => (Kind::Relu, "ReLU".to_owned()),
        UnitPart::Scale(factor) => (Kind::Other, format!("× {factor}")),
        UnitPart::Dropout(ratio) => (Kind::Other, format!("dropout {ratio}")),
        UnitPart::ZeroPadding { stride, .. } => (Kind::Other, format!("zero-pad{}", strided(stride))),
        UnitPart::AveragePool2x2 => (Kind::Other, "2×2 mean, /2".to_owned()),
        UnitPart::CarryGate | UnitPart::TransformGate => return None,
    })
}

/// Draws boxes down a column, the first with its middle at `top`; returns the middle of the last.
fn stack(canvas: &mut Canvas, parts: &[UnitPart], x: f64, top: f64) -> f64 {
    let mut y = top;
    for (index, part) in parts.iter().enumerate() {
        y = top + index as f64 * STEP;
        match words(*part) {
            Some((kind, text)) => canvas.boxed(kind, (x, y), BOX, &text),
            None => canvas.sign(Sign::Times, (x, y)),
        }
    }
    y
}

/// Half the height of what stands for `part`.
fn half(part: Option<&UnitPart>) -> f64 {
    match part.map(|part| words(*part)) {
        Some(None) => RADIUS,
        _ => BOX_HEIGHT / 2.0,
    }
}

/// Arrows between the boxes of the branch.
fn join(canvas: &mut Canvas, parts: &[UnitPart], x: f64, top: f64) {
    for index in 1..parts.len() {
        let y = top + index as f64 * STEP;
        let from = y - STEP + half(parts.get(index - 1));
        canvas.arrow(Path::Branch, &[(x, from), (x, y - half(parts.get(index)))], Towards::Down);
    }
}

/// From the upper edge of a unit to where its signal enters.
pub(crate) const ABOVE: f64 = ENTRY;

/// Draws `unit` with its upper left corner at a point.
pub(crate) fn draw(canvas: &mut Canvas, unit: &UnitOutline, (left, top): Point, look: Look<'_>) -> Marks {
    let room = look.room;
    let Columns { shortcut, gate, branch, .. } = columns(unit);
    let (shortcut, gate, branch) = (left + shortcut, left + gate, left + branch);
    canvas.begin(look.colour.class());
    let entry = top + ENTRY;
    let addition = entry + FIRST + room.before;
    let exit = addition + BEHIND_ADDITION + room.after as f64 * STEP - 12.0;
    if let Some(index) = look.entry {
        canvas.indexed((shortcut, top + 14.0), "x", index);
    }
    canvas.arrow(Path::Shortcut, &[(shortcut, entry), (shortcut, exit)], Towards::Down);
    canvas.indexed((shortcut, exit + 16.0), "x", look.exit);

    let (own, shared) = pre_activation(unit);
    stack(canvas, shared, shortcut, entry + FIRST);
    let parts: Vec<UnitPart> = own.iter().chain(&unit.branch).copied().collect();
    // A unit with fewer boxes than its neighbours has them in the middle.
    let spare = (room.before - before_addition(unit)) / 2.0;
    let shared_height = shared.len() as f64 * STEP + if shared.is_empty() { 0.0 } else { PARTING };
    let parting = entry + shared_height + 12.0;
    let first = entry + FIRST + shared_height + spare;
    canvas.arrow(
        Path::Branch,
        &[(shortcut, parting), (branch, parting), (branch, first - BOX_HEIGHT / 2.0)],
        Towards::Down,
    );
    join(canvas, &parts, branch, first);
    let last = stack(canvas, &parts, branch, first);
    canvas.arrow(
        Path::Branch,
        &[(branch, last + half(parts.last())), (branch, addition), (shortcut + RADIUS, addition)],
        Towards::Left,
    );
    if let Some(part) = unit.gate {
        draw_gate(canvas, unit, part, (shortcut, gate, branch), (parting, last));
    }
    let on_path: Vec<UnitPart> =
        unit.shortcut.iter().filter(|part| **part != UnitPart::CarryGate).copied().collect();
    let end = if unit.gate.is_some() { last - 30.0 } else { addition };
    let middle = (parting + end) / 2.0 - on_path.len().saturating_sub(1) as f64 * STEP / 2.0;
    stack(canvas, &on_path, shortcut, middle);
    canvas.sign(Sign::Plus, (shortcut, addition));
    stack(canvas, &unit.after_addition, shortcut, addition + BEHIND_ADDITION);
    canvas.end();
    let activated = (!own.is_empty()).then(|| first + (own.len() - 1) as f64 * STEP);
    Marks { entry, exit, activated }
}

/// The gates' own path: a convolution and a sigmoid, then to each multiplication.
fn draw_gate(
    canvas: &mut Canvas,
    unit: &UnitOutline,
    part: UnitPart,
    (shortcut, gate, branch): (f64, f64, f64),
    (parting, level): (f64, f64),
) {
    let sigmoid = level - STEP;
    let conv = sigmoid - STEP;
    canvas.dot((gate, parting));
    canvas.arrow(Path::Branch, &[(gate, parting), (gate, conv - BOX_HEIGHT / 2.0)], Towards::Down);
    if let Some((kind, text)) = words(part) {
        canvas.boxed(kind, (gate, conv), GATE_BOX, &text);
    }
    let from = conv + BOX_HEIGHT / 2.0;
    canvas.arrow(Path::Branch, &[(gate, from), (gate, sigmoid - BOX_HEIGHT / 2.0)], Towards::Down);
    canvas.boxed(Kind::Other, (gate, sigmoid), GATE_BOX, "sigmoid");
    let below = sigmoid + BOX_HEIGHT / 2.0;
    canvas.arrow(Path::Branch, &[(gate, below), (gate, level), (shortcut + RADIUS, level)], Towards::Left);
    canvas.sign(Sign::Times, (shortcut, level));
    canvas.text("quiet", ((shortcut + gate) / 2.0 - 2.0, level - 8.0), "1 − g");
    if unit.branch.contains(&UnitPart::TransformGate) {
        canvas.arrow(Path::Branch, &[(gate, below), (gate, level), (branch - RADIUS, level)], Towards::Right);
        canvas.text("quiet", ((gate + branch) / 2.0 + 4.0, level - 8.0), "g");
    }
}

/// The unit in words, for those who don't see it.
pub(crate) fn described(unit: &UnitOutline) -> String {
    let list = |parts: &[UnitPart]| -> String {
        let named = parts.iter().map(|part| match (part, words(*part)) {
            (_, Some((_, text))) => text,
            (UnitPart::CarryGate, None) => "× (1 − g)".to_owned(),
            (_, None) => "× g".to_owned(),
        });
        named.collect::<Vec<_>>().join(", ")
    };
    let or = |parts: &[UnitPart], none: &str| if parts.is_empty() { none.to_owned() } else { list(parts) };
    let (own, shared) = pre_activation(unit);
    let branch: Vec<UnitPart> = own.iter().chain(&unit.branch).copied().collect();
    let before =
        if shared.is_empty() { String::new() } else { format!("before both paths: {}; ", list(shared)) };
    format!(
        "{before}shortcut: {}; residual branch: {}; after the addition: {}",
        or(&unit.shortcut, "identity"),
        list(&branch),
        or(&unit.after_addition, "nothing")
    )
}
