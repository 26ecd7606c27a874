//! Pages that another crate composes: headings, sentences, tables and pictures in their order, as one file.

use minijinja::context;
use serde::Serialize;

use crate::Error;
use crate::figure::Figure;
use crate::page::render;

/// A page: what it is about, what came out, then its parts, then the commands that make it again.
#[derive(Clone, Debug, Default)]
pub struct Article {
    /// What kind of page it is, small above the title.
    pub kicker: String,
    /// The title: the answer in one line.
    pub title: String,
    /// The paragraphs below it.
    pub lead: Vec<String>,
    /// What follows: headings, paragraphs, tables and pictures.
    pub parts: Vec<Part>,
    /// Commands that make the page again.
    pub commands: Vec<String>,
}

/// A part of a page.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", content = "content", rename_all = "lowercase")]
pub enum Part {
    /// The heading of what follows.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A list of phrases.
    List(Vec<String>),
    /// Rows under a head.
    Table(Table),
    /// Pictures side by side where there is room.
    Figures(Vec<Figure>),
    /// A picture over all of the page's width.
    Wide(Figure),
    /// A statement with its verdict, what was measured, and a picture.
    Statement(Statement),
}

/// A table on a page.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Table {
    /// Titles of the columns, units included.
    pub head: Vec<Head>,
    /// Rows, with a cell for each column.
    pub rows: Vec<TableRow>,
}

/// The title of a column.
#[derive(Clone, Debug, Serialize)]
pub struct Head {
    text: String,
    set: Set,
}

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Set {
    /// Aligned to the left.
    Text,
    /// Aligned to the right.
    Number,
}

impl Head {
    /// The title of a column of text.
    pub fn text(text: impl Into<String>) -> Self {
        Head { text: text.into(), set: Set::Text }
    }

    /// The title of a column of numbers.
    pub fn number(text: impl Into<String>) -> Self {
        Head { text: text.into(), set: Set::Number }
    }
}

/// A row of a table.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum TableRow {
    /// One cell for each column.
    Cells {
        /// The cells.
        cells: Vec<Cell>,
    },
    /// The heading of the rows that follow.
    Group {
        /// Its text.
        group: String,
    },
}

/// A cell.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    text: String,
    weight: Weight,
}

/// How much a cell matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Weight {
    Plain,
    Strong,
    Quiet,
}

impl Cell {
    /// An ordinary cell.
    pub fn plain(text: impl Into<String>) -> Self {
        Cell { text: text.into(), weight: Weight::Plain }
    }

    /// A cell in bold.
    pub fn strong(text: impl Into<String>) -> Self {
        Cell { text: text.into(), weight: Weight::Strong }
    }

    /// A cell in a paler colour.
    pub fn quiet(text: impl Into<String>) -> Self {
        Cell { text: text.into(), weight: Weight::Quiet }
    }
}

/// A statement that was put to the test.
#[derive(Clone, Debug, Serialize)]
pub struct Statement {
    /// Its number.
    pub number: u8,
    /// What is stated.
    pub says: String,
    /// Where it is stated.
    pub place: String,
    /// The verdict, in a word or three.
    pub verdict: String,
    /// What the verdict means, for its colour.
    pub tone: Tone,
    /// What was measured, in sentences.
    pub measured: Vec<String>,
    /// What the verdict rests on, as a phrase after "Rests on"; may be empty.
    pub rests_on: String,
    /// The picture, if there is something to be seen.
    pub figure: Option<Figure>,
}

/// What a verdict means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// The statement holds.
    Yes,
    /// It does not.
    No,
    /// It is not decided yet.
    Open,
}

/// The page as one HTML file that loads nothing.
///
/// ```
/// use resnet_report::{Article, Part, article_page};
/// let article = Article {
///     title: "Two errors".to_owned(),
///     parts: vec![Part::Heading("Results".to_owned()), Part::Text("6.61 < 6.97".to_owned())],
///     ..Article::default()
/// };
/// assert!(article_page(&article)?.contains("6.61 &lt; 6.97"));
/// # Ok::<(), resnet_report::Error>(())
/// ```
///
/// # Errors
/// If a template of this crate is at fault.
pub fn article_page(article: &Article) -> Result<String, Error> {
    let Article { kicker, title, lead, parts, commands } = article;
    render("article.html", context! { kicker, title, lead, parts, commands })
}
