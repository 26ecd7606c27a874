//! What a network takes an image for: its guesses, with their probabilities.

use resnet::Guess;
use resnet::data::names::printable;
use resnet_terminal::{numbers, text};

/// One guess per line. Names that are too long for the terminal wrap; the class follows them.
pub fn guesses(top: &[Guess<'_>], logits: Option<&[f32]>, width: Option<usize>) -> Vec<String> {
    let names = top.iter().map(|guess| text::width(&printable(guess.name))).max().unwrap_or(0);
    let line = |Guess { class, name, probability }: &Guess<'_>| {
        let name = printable(name);
        let logit = logits.map_or(String::new(), |logits| format!("  {:>9.4}", logits[*class]));
        let before = format!(" {:>9}{logit}  ", numbers::percent(*probability, 2));
        let aligned = format!("{before}{}  (class {class})", text::padded(&name, names));
        match width.is_some_and(|width| text::width(&aligned) > width) {
            true => text::wrap(&format!("{before}{name}  (class {class})"), width, before.len()),
            false => aligned,
        }
    };
    top.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_almost_sure_is_not_shown_as_sure() {
        let of = |class, probability| Guess { class, name: "cat", probability };
        assert_eq!(
            guesses(&[of(0, 0.99997), of(1, 0.00003), of(2, 1.0)], None, None),
            [" > 99.99 %  cat  (class 0)", "  < 0.01 %  cat  (class 1)", "     100 %  cat  (class 2)"]
        );
    }

    #[test]
    fn letters_that_take_two_columns_are_counted_as_two() {
        let of = |class, name| Guess { class, name, probability: 0.5 };
        let top = [of(0, "三毛猫"), of(1, "cat")];
        let whole = ["   50.00 %  三毛猫  (class 0)", "   50.00 %  cat     (class 1)"];
        assert_eq!(guesses(&top, None, Some(29)), whole);
        assert!(guesses(&top, None, Some(28))[0].contains("\n            0)"));
    }

    #[test]
    fn long_names_wrap_under_themselves() {
        let top = [
            Guess { class: 0, name: "toilet tissue, toilet paper, bathroom tissue", probability: 0.8808 },
            Guess { class: 1, name: "cat", probability: 0.1192 },
        ];
        let whole = [
            "   88.08 %     3.0000  toilet tissue, toilet paper, bathroom tissue  (class 0)",
            "   11.92 %     1.0000  cat                                           (class 1)",
        ];
        for width in [Some(80), Some(200), None] {
            assert_eq!(guesses(&top, Some(&[3.0, 1.0]), width), whole);
        }
        let narrow = [
            "   88.08 %  toilet tissue, toilet paper,\n           bathroom tissue  (class 0)",
            "   11.92 %  cat  (class 1)",
        ];
        assert_eq!(
            guesses(&top, None, Some(40)),
            narrow.map(|line| line.replace("\n           ", "\n            "))
        );
    }
}
