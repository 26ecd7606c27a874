//! A table or figure as rows: what was published, what trains it, and what it is compared with.

use std::fmt;

use resnet_record::paper::{CifarRow, Reported};
use resnet_record::{DataSet, Recipe};

use crate::{ImageKind, Scale, Target};

/// A table or figure as data.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Which table or figure.
    pub target: Target,
    /// What it is about, in half a sentence.
    pub about: &'static str,
    /// Its rows in the paper's order.
    pub rows: Vec<Row>,
    /// Which rows' curves share a picture; empty where no curves are drawn.
    pub panels: Vec<Panel>,
}

/// Curves that share a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// What the picture is of: a variant of the paper's figure, or the group that its rows share.
    pub title: String,
    /// The rows, as indices into [`Grid::rows`].
    pub rows: Vec<usize>,
}

/// What the paper reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Published {
    /// Test error in percent.
    Error(f64),
    /// The median of the paper's runs, with their mean and standard deviation, in percent.
    #[allow(missing_docs)] // their names say it
    Median { error: f64, mean: f64, deviation: f64 },
    /// Top-1 and top-5 error in percent.
    Errors(f64, f64),
    /// It could not be trained.
    Fails,
    /// Nothing: the training is not the paper's.
    Nothing,
}

impl Published {
    /// The (top-1) error in percent; `None` where the training fails or nothing is published.
    pub fn error(self) -> Option<f64> {
        match self {
            Published::Error(error) | Published::Median { error, .. } | Published::Errors(error, _) => {
                Some(error)
            }
            Published::Fails | Published::Nothing => None,
        }
    }
}

/// `6.61`, `4.92 (4.89 ± 0.14)`, `21.3 / 5.5`, `fails`.
impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Published::Error(error) => write!(f, "{error:.2}"),
            Published::Median { error, mean, deviation } => {
                write!(f, "{error:.2} ({mean:.2} ± {deviation:.2})")
            }
            Published::Errors(top1, top5) => write!(f, "{top1:.1} / {top5:.1}"),
            Published::Fails => f.write_str("fails"),
            Published::Nothing => Ok(()),
        }
    }
}

/// A row of a table, or a line of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The name of the paper's built-in recipe; in a row of another method, the method's name.
    pub name: String,
    /// What it shares with its neighbours, such as `ResNet-110 on CIFAR-10`.
    pub group: String,
    /// What sets it apart from them, such as `(a) original`.
    pub label: String,
    /// What the paper reports.
    pub published: Published,
    /// The paper's training; `None` for another method, whose number is only quoted.
    pub recipe: Option<Recipe>,
    /// The baseline as an index into [`Grid::rows`], if the row is compared with one.
    pub against: Option<usize>,
}

impl Row {
    pub(crate) fn of(cifar: &CifarRow, (group, label): (String, String)) -> Row {
        let published = match cifar.reported {
            Reported::Error(error) => Published::Error(error),
            Reported::Fails => Published::Fails,
        };
        let (name, recipe) = (cifar.recipe.to_owned(), Recipe::built_in(cifar.recipe));
        Row { name, group, label, published, recipe, against: None }
    }

    /// The name of the paper's network; empty where the row is only quoted.
    pub(crate) fn model(&self) -> &str {
        self.recipe.as_ref().map_or("", |recipe| &recipe.model.name)
    }

    pub(crate) fn quoted(name: &str, group: &str, published: Published) -> Row {
        let (name, group) = (name.to_owned(), group.to_owned());
        Row { label: name.clone(), name, group, published, recipe: None, against: None }
    }

    /// The training on images of this kind that stands for it at `scale`; `None` for another method.
    pub fn recipe_at(&self, scale: Scale, images: ImageKind) -> Option<Recipe> {
        Some(scale.recipe(self.recipe.as_ref()?, images))
    }

    /// Whether `name`, as `--only` takes it, means this row: its recipe, its network or its label.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let model = self.recipe.as_ref().map(|recipe| recipe.model.name.as_str());
        self.recipe.is_some() && (self.name == name || model == Some(name) || self.label == name)
    }
}

/// The data set in words.
pub(crate) fn data_words(set: DataSet) -> &'static str {
    match set {
        DataSet::Cifar10 => "CIFAR-10",
        DataSet::Cifar100 => "CIFAR-100",
        DataSet::Generated => "ten generated shapes",
        DataSet::Images => "ImageNet",
    }
}

pub(crate) fn cifar_words(data: &str) -> &'static str {
    data_words(if data == "cifar100" { DataSet::Cifar100 } else { DataSet::Cifar10 })
}
