//! The page of the claims: each with its verdict, what was measured, and a small picture.

use resnet_report::{Article, Cell, Head, Part, Statement, Table, TableRow, Tone};

use super::{Finding, Verdict};
use crate::Target;
use crate::results::Results;
use crate::tell::{command, deviation_lines, failure_words, scale_words};
use crate::words::{capital, counted, listed};

/// The page of all claims, each with its verdict; `results` are those of [`Target::Claims`].
pub(crate) fn claims_page(findings: &[Finding], results: &Results) -> Article {
    let request = &results.request;
    let told = verdicts(findings);
    let statement = |finding: &Finding| {
        Part::Statement(Statement {
            number: finding.number,
            says: finding.says.to_owned(),
            place: format!("The paper's {}", finding.place),
            verdict: finding.verdict_words().to_owned(),
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
        "Claims on trainings are judged by Welch's test over seeds: a difference counts if chance alone would produce one \
         as large less than one time in twenty. The others are judged by what is measured of networks themselves (5, 6, 8) and by \
         the time of their steps (11). A claim on several differences is supported if all of them are decided as it says. \
         It is contradicted if more decided differences go against it than with it (1, 2); where it says several things at \
         once (7, 9, 12), one that goes against it is enough. Since any of them could do so by chance, a difference against a \
         claim counts only where p, times the number of the claim's differences, is below 0.05. Not tested means that nothing has been measured that speaks \
         to a claim, not that it fails."
            .to_owned(),
    ));
    parts.push(Part::Text(failure_words(results)));
    let differences = deviation_lines(results);
    if !differences.is_empty() {
        parts.push(Part::Heading("How these trainings differ from the paper's".to_owned()));
        parts.push(Part::List(differences));
    }
    Article {
        kicker: format!("Claims, at the scale {}", request.scale),
        title: "What the paper claims, put to the test".to_owned(),
        lead: vec![
            format!("Of {}: {}.", counted(findings.len(), "claim"), listed(&told)),
            format!("{}.", capital(scale_words(request.scale, Target::Claims))),
        ],
        parts,
        commands: vec![command(request, Target::Claims, request.seeds)],
    }
}

/// How many claims have which verdict, and which: `2 supported (5, 6)`.
fn verdicts(findings: &[Finding]) -> Vec<String> {
    let mut all: Vec<(&str, Vec<String>)> = vec![];
    for verdict in [Verdict::Supported, Verdict::Contradicted, Verdict::Undecided, Verdict::NotTested] {
        for finding in findings.iter().filter(|finding| finding.verdict == verdict) {
            let (words, number) = (finding.verdict_words(), finding.number.to_string());
            match all.iter_mut().find(|(known, _)| *known == words) {
                Some((_, numbers)) => numbers.push(number),
                None => all.push((words, vec![number])),
            }
        }
    }
    all.iter().map(|(words, numbers)| format!("{} {words} ({})", numbers.len(), numbers.join(", "))).collect()
}

fn table(findings: &[Finding]) -> Table {
    let head = ["claim", "verdict", "rests on"].map(Head::text);
    let row = |finding: &Finding| TableRow::Cells {
        cells: vec![
            Cell::plain(format!("{}. {}", finding.number, finding.says)),
            Cell::strong(finding.verdict_words()),
            Cell::quiet(&finding.rests_on),
        ],
    };
    Table { head: head.into(), rows: findings.iter().map(row).collect() }
}
