//! The paper's tables and figures, row by row, joined to the published numbers.

use resnet_record::paper::{self, CifarRow, ImageNetRow};
use resnet_record::{DataSet, Recipe, ScheduleRecipe};

use crate::Target;
use crate::grid::{Grid, Panel, Published, Row, cifar_words, data_words};

/// The table or figure as rows, with the paper's numbers and the recipes that train them.
pub fn grid(target: Target) -> Grid {
    let about = match target {
        Target::Table1 => "what the shortcut does to the signal (figure 2)",
        Target::Table2 => "placements of norm and ReLU (figure 4)",
        Target::Table3 => "the original unit beside full pre-activation",
        Target::Table4 => "the paper's networks beside other methods",
        Target::Table5 => "ImageNet",
        Target::Figure1 => "1001 layers, original and pre-activation",
        Target::Figure3 => "the shortcuts of figure 2 while they train",
        Target::Figure6 => "the placements of figure 4 while they train",
        Target::Claims => "what the paper claims, put to the test",
    };
    let (rows, panels) = match target {
        Target::Table1 => with_shared(beside(&paper::TABLE_1)),
        Target::Table2 => with_shared(beside(&paper::TABLE_2)),
        Target::Table3 => with_shared(beside(&paper::TABLE_3)),
        Target::Table4 => with_shared(table_4()),
        Target::Table5 => with_shared(table_5()),
        Target::Figure1 => figure(&FIGURE_1),
        Target::Figure3 => figure(&FIGURE_3),
        Target::Figure6 => figure(&FIGURE_6),
        Target::Claims => (claims(), vec![]),
    };
    Grid { target, about, rows, panels }
}

const FIGURE_1: [(&str, &[&str]); 1] = [("1001 layers", &["cifar10-resnet1001-v1", "cifar10-resnet1001-v2"])];

const FIGURE_3: [(&str, &[&str]); 4] = [
    ("Constant scaling by 0.5 and 0.5", &["cifar10-resnet110-v1", "cifar10-resnet110-constant-scaling"]),
    (
        "Exclusive gating, initial bias -6",
        &["cifar10-resnet110-v1", "cifar10-resnet110-exclusive-gating-bias-6"],
    ),
    (
        "Shortcut-only gating, initial bias 0",
        &["cifar10-resnet110-v1", "cifar10-resnet110-shortcut-only-gating-bias-0"],
    ),
    ("1x1 convolution shortcut", &["cifar10-resnet110-v1", "cifar10-resnet110-conv-shortcut"]),
];

const FIGURE_6: [(&str, &[&str]); 2] = [
    ("BN after addition", &["cifar10-resnet110-v1", "cifar10-resnet110-bn-after-addition"]),
    ("Full pre-activation", &["cifar10-resnet164-v1", "cifar10-resnet164-v2"]),
];

/// A row in the group of its network.
fn as_row(row: &CifarRow) -> Row {
    Row::of(row, (format!("{} on {}", row.network, cifar_words(row.data)), row.unit.to_owned()))
}

/// The rows of a table, network by network.
fn beside(rows: &[CifarRow]) -> Vec<Row> {
    against_first(rows.iter().map(as_row).collect())
}

/// Each group's rows are compared with its first.
fn against_first(mut rows: Vec<Row>) -> Vec<Row> {
    for index in 1..rows.len() {
        let first = rows.iter().position(|row| row.group == rows[index].group);
        rows[index].against = first.filter(|first| *first != index);
    }
    rows
}

/// Data set by data set: other methods, then the predecessor's networks, then the paper's.
fn table_4() -> Vec<Row> {
    let mut rows = vec![];
    for data in ["cifar10", "cifar100"] {
        let group = cifar_words(data);
        let others = paper::OTHERS.iter().filter(|other| other.data == data);
        rows.extend(others.map(|other| Row::quoted(other.method, group, Published::Error(other.error))));
        let begin = rows.len();
        let originals = paper::TABLE_3.iter().filter(|row| {
            let wanted: &[&str] =
                if data == "cifar10" { &["ResNet-110"] } else { &["ResNet-164", "ResNet-1001"] };
            row.unit == "original" && wanted.contains(&row.network)
        });
        let deepest = paper::ORIGINAL.iter().filter(|row| row.network == "ResNet-1202");
        let proposed = paper::TABLE_3.iter().filter(|row| {
            row.unit == "pre-activation" && ["ResNet-164", "ResNet-1001"].contains(&row.network)
        });
        let ours = originals.chain(deepest).chain(proposed).chain(&paper::TABLE_4);
        for row in ours.filter(|row| row.data == data) {
            let mut row = Row::of(row, (group.to_owned(), format!("{}, {}", row.network, row.unit)));
            if let Some((error, paper::Mean { mean, deviation, .. })) =
                row.published.error().zip(paper::MEANS.iter().find(|means| means.recipe == row.name))
            {
                row.published = Published::Median { error, mean: *mean, deviation: *deviation };
            }
            rows.push(row);
        }
        // The paper's own networks are compared with the first of the predecessor's.
        for row in rows[begin..].iter_mut().filter(|row| row.label.contains("pre-activation")) {
            row.against = Some(begin);
        }
    }
    rows
}

/// The trainings on CIFAR that claims are judged by: those of tables 1 to 3 that some claim speaks of, and
/// two without warm-up.
fn claims() -> Vec<Row> {
    let is_spoken_of = |row: &&CifarRow| {
        let of_table = match row.table {
            1 => row.model != "resnet110-plain",
            2 => row.network == "ResNet-110" && row.unit == "(b) BN after addition",
            table => table == 3,
        };
        of_table && (row.data == "cifar10" || row.network == "ResNet-164")
    };
    let mut rows: Vec<Row> = vec![];
    for row in paper::cifar().filter(is_spoken_of) {
        if !rows.iter().any(|known| known.name == row.recipe) {
            rows.push(as_row(row));
        }
    }
    for name in ["cifar10-resnet110-v2", "cifar10-resnet110-v1"] {
        let with = rows.iter().find(|row| row.name == name).cloned();
        rows.extend(with.map(without_warmup));
    }
    rows
}

/// The same training at its full rate from the first step on.
fn without_warmup(with: Row) -> Row {
    let recipe = with.recipe.map(|mut recipe| {
        recipe.name += "-no-warmup";
        if let ScheduleRecipe::MultiStep { warmup, .. } = &mut recipe.schedule {
            *warmup = None;
        }
        (recipe.paper, recipe.expected_error) = (None, None);
        recipe
    });
    Row {
        name: format!("{}-no-warmup", with.name),
        label: format!("{}, no warm-up", with.label),
        published: Published::Nothing,
        recipe,
        ..with
    }
}

fn table_5() -> Vec<Row> {
    let group = data_words(DataSet::Images);
    // Pre-activation is compared with the original of its depth.
    let original_of = |row: &ImageNetRow| {
        paper::TABLE_5.iter().position(|other| other.unit == "original" && other.network == row.network)
    };
    let mut rows: Vec<Row> = paper::TABLE_5
        .iter()
        .map(|row| Row {
            name: row.recipe.to_owned(),
            group: group.to_owned(),
            label: format!("{}, {}, {} augmentation", row.network, row.unit, row.augmentation),
            published: Published::Errors(row.top1_error, row.top5_error),
            recipe: Recipe::built_in(row.recipe),
            against: if row.unit == "original" { None } else { original_of(row) },
        })
        .collect();
    rows.extend(paper::IMAGENET_OTHERS.iter().map(|other| {
        let name = format!("{}, {} augmentation", other.network, other.augmentation);
        Row::quoted(&name, group, Published::Errors(other.top1_error, other.top5_error))
    }));
    rows
}

/// The rows of a figure's panels, each once, and the panels.
fn figure(panels: &[(&str, &[&str])]) -> (Vec<Row>, Vec<Panel>) {
    let mut rows: Vec<Row> = vec![];
    let mut drawn = vec![];
    for (title, recipes) in panels {
        let mut indices = vec![];
        for recipe in *recipes {
            let known = rows.iter().position(|row| row.name == *recipe);
            indices.push(known.unwrap_or_else(|| {
                rows.extend(paper::cifar().find(|row| row.recipe == *recipe).map(as_row));
                rows.len() - 1
            }));
        }
        drawn.push(Panel { title: (*title).to_owned(), rows: indices });
    }
    (against_first(rows), drawn)
}

/// Lines that a picture has room for, names at their ends.
const LINES: usize = 6;

/// A table's rows, and a panel for the trained ones of each group, where they are few enough to be told
/// apart.
fn with_shared(rows: Vec<Row>) -> (Vec<Row>, Vec<Panel>) {
    let mut panels: Vec<Panel> = vec![];
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.recipe.is_some()) {
        match panels.iter_mut().find(|panel| panel.title == row.group) {
            Some(panel) => panel.rows.push(index),
            None => panels.push(Panel { title: row.group.clone(), rows: vec![index] }),
        }
    }
    panels.retain(|panel| panel.rows.len() <= LINES);
    (rows, panels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ImageKind, Scale};

    #[test]
    fn every_row_that_can_be_trained_has_its_recipe() {
        for target in Target::TABLES_AND_FIGURES.into_iter().chain([Target::Claims]) {
            let grid = grid(target);
            assert!(!grid.rows.is_empty(), "{target}");
            let quoted = grid.rows.iter().filter(|row| row.recipe.is_none()).count();
            let expected = match target {
                Target::Table4 => paper::OTHERS.len(),
                Target::Table5 => paper::IMAGENET_OTHERS.len(),
                _ => 0,
            };
            assert_eq!(quoted, expected, "{target}");
            for (index, row) in grid.rows.iter().enumerate() {
                assert_ne!(row.against, Some(index), "{target} {}", row.name);
            }
            assert!(grid.panels.iter().flat_map(|panel| &panel.rows).all(|row| *row < grid.rows.len()));
        }
    }

    #[test]
    fn no_published_error_counts_as_a_failure() {
        for row in Target::TABLES_AND_FIGURES.into_iter().flat_map(|target| grid(target).rows) {
            let recipe = row.recipe_at(Scale::Full, ImageKind::Real);
            let Some((error, recipe)) = row.published.error().zip(recipe) else { continue };
            assert!(error <= Scale::Full.fails_above(&recipe), "{}", row.name);
        }
        let above = |scale: Scale, name: &str| scale.fails_above(&Recipe::built_in(name).unwrap());
        let names = ["cifar10-resnet110-v2", "cifar100-resnet164-v2", "imagenet-resnet152-v2"];
        assert_eq!(names.map(|name| above(Scale::Small, name)), [80.0, 98.0, 99.8]);
        assert_eq!(names.map(|name| above(Scale::Full, name)), [20.0, 98.0, 99.8]);
        let mut ten_kinds = Recipe::built_in("imagenet-resnet152-v2").unwrap();
        ten_kinds.model.classes = Some(10);
        assert_eq!(Scale::Full.fails_above(&ten_kinds), 80.0, "the paper's 20 % is of CIFAR-10");
    }

    #[test]
    fn the_papers_numbers_stand_in_their_rows() {
        let table = grid(Target::Table1);
        assert_eq!((table.rows.len(), table.rows[1].name.as_str()), (11, "cifar10-resnet110-plain"));
        assert_eq!(table.rows[1].published.to_string(), "fails");
        let table = grid(Target::Table4);
        let of = |name: &str| table.rows.iter().find(|row| row.is_called(name)).expect("a row");
        assert_eq!(of("cifar10-resnet1001-v2-batch64").published.to_string(), "4.62 (4.69 ± 0.20)");
        assert_eq!(of("cifar100-resnet1001-v2").published.error(), Some(22.71));
        assert_eq!(of("cifar100-resnet1001-v2").against, Some(19), "{:#?}", names(&table));
        assert_eq!(table.rows.len(), 14 + 5 + 4);
        let imagenet: Vec<Option<usize>> = grid(Target::Table5).rows.iter().map(|row| row.against).collect();
        assert_eq!(imagenet, [None, Some(0), None, Some(2), Some(2), None, None]);
        let figure = grid(Target::Figure3);
        assert_eq!((figure.rows.len(), figure.panels.len()), (5, 4));
        assert!(figure.rows[1..].iter().all(|row| row.against == Some(0)));
        assert!(!table.rows[0].is_called("NIN"), "nothing trains it");
        assert_eq!([Target::Table2, Target::Claims].map(|target| target.to_string()), ["table 2", "claims"]);
        let claims = grid(Target::Claims);
        // Table 1 without its plain network, BN after addition, what table 3 adds, two without warm-up.
        assert_eq!(claims.rows.len(), 10 + 1 + 9 + 2, "{:#?}", names(&claims));
        let last = claims.rows[21].recipe.as_ref().unwrap();
        assert!(last.schedule.warmup().is_none() && claims.rows[21].published.error().is_none());
    }

    fn names(grid: &Grid) -> Vec<String> {
        grid.rows.iter().map(|row| row.label.clone()).collect()
    }
}
