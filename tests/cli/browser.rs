//! Pages in a browser: Chromium without a window opens them as wide as a phone and as a screen, in the light
//! and in the dark.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use resnet_testing::{Need, skip};
use serde_json::Value;

use crate::common::{root, small_cifar, trained, xtask_in};
use crate::reproduce::study;

/// Debian's, and the names that other systems give it.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
const WIDTHS: [u64; 2] = [390, 1440];
/// Bytes that a page may have.
const LARGEST: u64 = 2_000_000;

/// What a browser shows of a page.
struct Page {
    name: &'static str,
    file: PathBuf,
    images: u64,
    charts: u64,
}

#[test]
fn pages_fit_phones_and_screens_in_the_light_and_in_the_dark() {
    let runs = |browser: &&&str| Command::new(browser).arg("--version").output().is_ok();
    let Some(browser) = BROWSERS.iter().find(runs) else {
        return skip(Need::Chromium, "no chromium can be started; `apt-get install chromium` brings one");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let pages = pages(here);
    for page in &pages {
        let bytes = fs::metadata(&page.file).expect("a page").len();
        assert!(bytes < LARGEST, "{} has {bytes} bytes", page.name);
    }
    for scheme in ["dark", "light"] {
        let looks = opened(here, browser, &pages, scheme);
        assert_eq!(looks.len(), pages.len() * WIDTHS.len(), "{looks:?}");
        for look in looks {
            let page = pages.iter().find(|page| look["page"] == page.name).expect("a page of ours");
            check(&look, page, scheme);
        }
    }
}

fn check(look: &Value, page: &Page, scheme: &str) {
    assert_eq!(look["dark"], scheme == "dark", "{look}");
    let paper = if scheme == "dark" { "rgb(21, 23, 26)" } else { "rgb(255, 255, 255)" };
    assert_eq!(look["background"], paper, "{look}");
    assert!(look["scroll"].as_u64() <= look["width"].as_u64(), "it scrolls sideways: {look}");
    assert_eq!(look["wide"], Value::Array(vec![]), "{look}");
    assert_eq!((&look["images"], &look["broken"]), (&page.images.into(), &0.into()), "{look}");
    assert_eq!(look["charts"], page.charts, "{look}");
    // A page loads nothing.
    let loaded: Vec<&Value> = look["loaded"].as_array().expect("a list").iter().collect();
    assert!(loaded.iter().all(|name| name.as_str().is_some_and(|name| name.starts_with("data:"))), "{look}");
    let headings: Vec<u64> =
        look["headings"].as_array().expect("a list").iter().filter_map(Value::as_u64).collect();
    assert!(headings[0] == 1 && headings.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{look}");
}

/// A run of the quick start, one on images of CIFAR's form, three runs side by side, a row of table 2, and
/// the claims.
fn pages(here: &Path) -> [Page; 5] {
    let run = |args: &[&str]| xtask_in(here, &[&["train"], args].concat()).succeeds().to_owned();
    let few = ["--set", "data.generated={train=1140,test=200}", "--set", "train.log_every_steps=1"];
    run(&[&["--out", "quick", "--epochs", "2"], &few[..]].concat());
    small_cifar(here);
    let small = ["--recipe", "cifar10-resnet20-v2", "--data", ".", "--epochs", "2"];
    let sets = ["train.batch_size=10", "model.name=resnet8-v2", "train.log_every_steps=1"];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    run(&[&["--out", "cifar"], &small[..], &sets].concat());
    run(&[&["--out", "seed", "--seed", "7"], crate::common::TINY].concat());
    let other = ["--out", "other", "--set", "augmentation.label_smoothing=0.1"];
    run(&[&other, crate::common::TINY].concat());
    xtask_in(here, &["report", trained(), "seed", "other"]).succeeds();
    let runs = study().out.to_str().expect("a path in UTF-8");
    let table =
        ["reproduce", "table2", "--only", "resnet110-v1", "--scale", "smoke", "--runs", runs, "--plan"];
    xtask_in(here, &table).succeeds();
    let page = |name, file: &str, images, charts| Page { name, file: here.join(file), images, charts };
    // Mistakes and unsure answers are as many as there are images for: 24 and 16 at most, and 20 samples.
    let shown = |run: &str| {
        let text = fs::read_to_string(here.join(run).join("predictions.json")).expect("predictions");
        let predictions: Value = serde_json::from_str(&text).expect("JSON");
        let count = |key: &str| predictions[key].as_array().expect("a list").len() as u64;
        let text = fs::read_to_string(here.join(run).join("samples.json")).expect("samples");
        let samples: Value = serde_json::from_str(&text).expect("JSON");
        count("worst") + count("unsure") + samples["images"].as_array().expect("a list").len() as u64
    };
    [
        page("quick start", "quick/report.html", shown("quick"), CHARTS),
        page("cifar", "cifar/report.html", shown("cifar"), CHARTS),
        page("comparison", "comparison.html", 0, 2),
        // Published beside measured; errors and losses of ResNet-110. Of the claims 5, 6 and 11 need no
        // training, and 4 has two runs.
        page("table", "runs/reproduce/smoke/table2.html", 0, 3),
        page("claims", &format!("{runs}/claims.html"), 0, 4),
    ]
}

/// Errors, loss with its rate; errors by class, who is taken for whom; norms of gradients and weights.
const CHARTS: u64 = 6;

/// What the browser makes of the pages at each width.
fn opened(here: &Path, browser: &str, pages: &[Page], scheme: &str) -> Vec<Value> {
    let quoted = |text: &str| text.replace('&', "&amp;").replace('"', "&quot;");
    let mut frames = String::new();
    for page in pages {
        let text = quoted(&fs::read_to_string(&page.file).expect("a page"));
        for width in WIDTHS {
            frames += &format!(
                "<iframe title=\"{}\" width=\"{width}\" height=\"900\" style=\"border:0\" srcdoc=\"{text}\"></iframe>",
                page.name
            );
        }
    }
    let script = fs::read_to_string(root().join("tests/browser_check.js")).expect("a script");
    let outer = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\"><title></title>{frames}\
         <script>{script}</script>"
    );
    let file = here.join("frames.html");
    fs::write(&file, outer).expect("a page");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"])
        .args(["--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--blink-settings=preferredColorScheme={}", u8::from(scheme == "light")))
        .arg(format!("--user-data-dir={}", here.join(format!("profile-{scheme}")).display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("the browser starts");
    let (dom, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let console: Vec<&str> = told.lines().filter(|line| line.contains("CONSOLE")).collect();
    let [own] = console[..] else { panic!("the console has, beside the test's own line: {console:#?}") };
    assert!(own.contains("this line is the test's own"), "{own}");
    let title = dom.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    let (title, _) = title.unwrap_or_else(|| panic!("no title in {dom}"));
    let title = title.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    serde_json::from_str(&title).unwrap_or_else(|error| panic!("{error}: {title}\n{told}"))
}
