//! Labels at the ends of lines, moved apart where they would overlap and shortened to the room that there is.

/// The distance between two labels' lines of text, in pixels, where there is room for it.
const APART: f64 = 20.0;
/// The size of letters on a phone, in pixels of the picture; elsewhere they are smaller.
const SIZE: f64 = 20.0;

/// The places of labels that belong at `wanted`, moved apart, and kept between `low` and `high`. Where they
/// are too many, they are closer together.
pub(super) fn apart(wanted: &[f64], low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let gaps = wanted.len().saturating_sub(1).max(1);
    let apart = APART.min((high - low) / gaps as f64);
    let mut places = wanted.to_vec();
    let mut least = low;
    for index in &order {
        places[*index] = places[*index].max(least);
        least = places[*index] + apart;
    }
    let mut most = high;
    for index in order.iter().rev() {
        places[*index] = places[*index].min(most);
        most = places[*index] - apart;
    }
    places
}

/// About how wide `text` is on a phone, in pixels of the picture.
pub(super) fn width(text: &str) -> f64 {
    SIZE * text.chars().map(share).sum::<f64>()
}

/// A letter's width as a share of its size, in a usual sans-serif.
fn share(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '|' | '.' | ',' | ':' | ';' | '!' | '\'' | ' ' | '\u{a0}' => 0.3,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '/' | '-' => 0.35,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.9,
        'A'..='Z' => 0.7,
        // From here on letters are as wide as they are high.
        '\u{1100}'.. => 1.0,
        _ => 0.62,
    }
}

/// `names` as they fit into `room`. Of those that are too long the words are left out that all names begin
/// with, and then their middle, so that what tells them apart stays.
pub(super) fn fitted(names: &[&str], room: f64) -> Vec<String> {
    let shared = shared(names);
    let fit = |name: &&str| match width(name) <= room {
        true => (*name).to_owned(),
        false if shared == 0 => without_middle(name, room),
        false => without_middle(&format!("…{}", &name[shared..]), room),
    };
    names.iter().map(fit).collect()
}

/// How many bytes all names begin with, up to the end of a word; none if that were all of a name.
fn shared(names: &[&str]) -> usize {
    let [first, _, ..] = names else { return 0 };
    let is_end = |(_, letter): &(usize, char)| !letter.is_alphanumeric() && *letter != '.';
    let ends = first.char_indices().filter(is_end).map(|(at, letter)| at + letter.len_utf8());
    let is_shared =
        |end: &usize| names.iter().all(|name| name.len() > *end && name.starts_with(&first[..*end]));
    ends.take_while(is_shared).last().unwrap_or(0)
}

/// `text` as it fits into `room`: with an ellipsis for its middle if it is too long.
fn without_middle(text: &str, room: f64) -> String {
    let letters: Vec<char> = text.chars().collect();
    shortened(text, room, |kept| [&letters[..kept.div_ceil(2)], &letters[letters.len() - kept / 2..]])
}

/// `text` as it fits into `room`: with an ellipsis for its end if it is too long.
pub(super) fn beginning(text: &str, room: f64) -> String {
    let letters: Vec<char> = text.chars().collect();
    shortened(text, room, |kept| [&letters[..kept], &[]])
}

/// `text` if it fits into `room`, else as many of its letters as do; `keep` gives those that stay before and
/// after the ellipsis.
fn shortened<'a>(text: &str, room: f64, keep: impl Fn(usize) -> [&'a [char]; 2]) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let cut = |kept: usize| {
        let [before, after] = keep(kept).map(|letters| letters.iter().collect::<String>());
        format!("{}…{}", before.trim_end(), after.trim_start())
    };
    let mut cuts = (0..text.chars().count()).rev().map(cut);
    cuts.find(|cut| width(cut) <= room).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_order_and_do_not_overlap() {
        let places = apart(&[100.0, 98.0, 101.0, 20.0], 10.0, 110.0);
        assert!(places[3] < places[1] && places[1] < places[0] && places[0] < places[2]);
        let mut sorted = places.clone();
        sorted.sort_by(f64::total_cmp);
        assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= APART - 1e-9), "{places:?}");
        assert!(places.iter().all(|place| (10.0..=110.0).contains(place)));
        assert_eq!(apart(&[50.0], 0.0, 100.0), [50.0]);
    }

    #[test]
    fn many_labels_stay_in_the_picture() {
        let places = apart(&[30.0; 14], 50.0, 250.0);
        assert!(places.iter().all(|place| (50.0 - 1e-9..=250.0 + 1e-9).contains(place)), "{places:?}");
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] > 10.0), "{places:?}");
    }

    #[test]
    fn shortened_names_still_tell_lines_apart() {
        let names = ["train.batch_size = 128", "train.batch_size = 64"];
        assert_eq!(fitted(&names, 1000.0), names);
        assert_eq!(fitted(&names, 100.0), ["…128", "…64"]);
        // One that fits stays; of one alone the middle goes.
        assert_eq!(fitted(&["a-b", "a-c of a very long name"], 100.0)[0], "a-b");
        let alone = &fitted(&["constant-scaling @64000"], 160.0)[0];
        assert!(alone.starts_with("const") && alone.ends_with("64000") && alone.contains('…'), "{alone}");
        assert!(width(alone) <= 160.0);
        // Equal names, and no room at all.
        assert_eq!(fitted(&["a b (c)", "a b (c)"], 50.0), ["…c)", "…c)"]);
        assert_eq!(fitted(&["abc"], 1.0), [""]);
        assert_eq!(beginning("toilet tissue, toilet paper", 150.0), "toilet tissue,…");
        assert_eq!(beginning("猫猫猫猫", 60.0), "猫猫…");
    }
}
