//! Renaming by patterns, in either direction.
//!
//! A pattern stands for the beginning of a dotted name. `{s}` in it is a number, and `{s+1}` the number after
//! it, so that `stages.{s}.layers.{u}.shortcut` and `layer{s+1}.{u}.downsample` are two spellings of one
//! place.

/// `name` with its beginning rewritten from the pattern `from` to the pattern `to`; `None` if it does not
/// match `from`.
pub(super) fn rename(name: &str, from: &str, to: &str) -> Option<String> {
    let mut bound: Vec<(&str, usize)> = vec![];
    let mut parts = name.split('.');
    for part in from.split('.').map(Part::of) {
        let text = parts.next()?;
        match part.number {
            None if text == part.text => {}
            None => return None,
            Some((letter, offset)) => {
                let digits = text.strip_prefix(part.text)?;
                let number: usize = digits.parse().ok()?;
                // A name with a sign or a leading zero in its number is another one.
                if number.to_string() != digits {
                    return None;
                }
                bound.push((letter, number.checked_sub(offset)?));
            }
        }
    }
    let spelled = to.split('.').map(Part::of).map(|part| match part.number {
        None => Some(part.text.to_owned()),
        Some((letter, offset)) => {
            let (_, number) = bound.iter().find(|(known, _)| *known == letter)?;
            Some(format!("{}{}", part.text, number.checked_add(offset)?))
        }
    });
    let renamed: Option<Vec<String>> = spelled.chain(parts.map(|part| Some(part.to_owned()))).collect();
    Some(renamed?.join("."))
}

/// What stands between two dots of a pattern.
struct Part<'a> {
    text: &'a str,
    /// The number's letter, and what is added to it.
    number: Option<(&'a str, usize)>,
}

impl<'a> Part<'a> {
    fn of(part: &'a str) -> Self {
        let Some((text, number)) = part.split_once('{') else { return Part { text: part, number: None } };
        let number = number.trim_end_matches('}');
        let number = match number.strip_suffix("+1") {
            Some(letter) => (letter, 1),
            None => (number, 0),
        };
        Part { text, number: Some(number) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let (theirs, ours) =
            ("encoder.stages.{s}.layers.{u}.layer.{k}.convolution", "layer{s+1}.{u}.conv{k+1}");
        let name = "encoder.stages.2.layers.10.layer.0.convolution.weight";
        assert_eq!(rename(name, theirs, ours).as_deref(), Some("layer3.10.conv1.weight"));
        assert_eq!(rename("layer3.10.conv1.weight", ours, theirs).as_deref(), Some(name));
    }

    #[test]
    fn what_is_spelled_otherwise_is_left() {
        let rows = [
            "layer.0.x",
            "layer0.0.x",
            "layer01.0.x",
            "layer+1.0.x",
            "layer1",
            "a.layer1.0",
            "layer99999999999999999999.0",
        ];
        for name in rows {
            assert_eq!(rename(name, "layer{s+1}.{u}", "stages.{s}.{u}"), None, "{name}");
        }
        assert_eq!(rename("layer1.0", "layer{s+1}.{u}", "stages.{s}.{u}").as_deref(), Some("stages.0.0"));
    }
}
