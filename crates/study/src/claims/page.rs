//! The page of the claims: each with its verdict, what was measured, and a small picture.

use resnet_report::{Article, Cell, Head, Part, Set, Statement, Table, TableRow, Tone};

use super::{Finding, Verdict};
use crate::words::{counted, listed};
use crate::{Request, Target};

/// The page of all claims, each with its verdict, at the scale of `request`.
pub fn claims_page(findings: &[Finding], request: &Request) -> Article {
    let of = |verdict: Verdict| findings.iter().filter(move |finding| finding.verdict == verdict);
    let told =
        [Verdict::Supported, Verdict::Contradicted, Verdict::Undecided, Verdict::NotTested].map(|verdict| {
            let numbers: Vec<String> = of(verdict).map(|finding| finding.number.to_string()).collect();
            (!numbers.is_empty())
                .then(|| format!("{} {} ({})", numbers.len(), verdict.words(), numbers.join(", ")))
        });
    let told: Vec<String> = told.into_iter().flatten().collect();
    let statement = |finding: &Finding| {
        Part::Statement(Statement {
            number: finding.number,
            says: finding.says.to_owned(),
            place: format!("The paper's {}", finding.place),
            verdict: finding.verdict.words().to_owned(),
            tone: match finding.verdict {
                Verdict::Supported => Tone::Yes,
                Verdict::Contradicted => Tone::No,
                Verdict::Undecided | Verdict::NotTested => Tone::Open,
            },
            measured: finding.measured.clone(),
            rests_on: finding.rests_on.clone(),
            figure: finding.figure.clone(),
        })
    };
    let mut parts = vec![Part::Heading("Claim by claim".to_owned())];
    parts.extend(findings.iter().map(statement));
    parts.push(Part::Heading("All verdicts".to_owned()));
    parts.push(Part::Table(table(findings)));
    parts.push(Part::Text(
        "Claims on trainings are judged by Welch's test over seeds: a difference counts where chance makes one as large \
         less than once in twenty times. The others are judged by what is measured of networks themselves (5, 6, 8) and by \
         the time of their steps (11). Not tested means that nothing has been measured that speaks to a claim, not that it \
         fails."
            .to_owned(),
    ));
    Article {
        kicker: format!("Claims, at the scale {}", request.scale),
        title: "What the paper claims, put to the test".to_owned(),
        lead: vec![
            format!("Of {}: {}.", counted(findings.len(), "claim"), listed(&told)),
            format!("{}.", crate::words::capital(crate::tell::scale_words(request.scale))),
        ],
        parts,
        commands: vec![crate::tell::command(request, Target::Claims, request.seeds)],
    }
}

fn table(findings: &[Finding]) -> Table {
    let head = [("claim", Set::Text), ("verdict", Set::Text), ("rests on", Set::Text)];
    let row = |finding: &Finding| TableRow::Cells {
        cells: vec![
            Cell::plain(format!("{}. {}", finding.number, finding.says)),
            Cell::strong(finding.verdict.words()),
            Cell::quiet(&finding.rests_on),
        ],
    };
    Table {
        head: head.map(|(text, set)| Head { text: text.to_owned(), set }).into(),
        rows: findings.iter().map(row).collect(),
    }
}
