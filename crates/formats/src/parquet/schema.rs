//! Which columns a parquet file has, and which of them hold images and labels.

use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};
use resnet_words::is_unprintable;

use crate::{Columns, Error};

const IMAGES: [&str; 2] = ["image", "img"];
const LABELS: [&str; 3] = ["label", "fine_label", "labels"];

/// Columns that are named in a message.
const SHOWN: usize = 12;

/// The places of the columns of images and of labels in the file that messages call `file`.
pub(crate) fn find(
    metadata: &ParquetMetaData,
    columns: &Columns,
    file: &str,
) -> Result<(usize, usize), Error> {
    let schema = metadata.file_metadata().schema_descr();
    let column = |what: &'static str, given: &Option<String>, usual: &[&str], fits: Fits| {
        let names = given.as_deref().map_or(usual.to_vec(), |given| vec![given]);
        names.iter().find_map(|name| place(schema, name, fits)).ok_or_else(|| Error::NoColumn {
            file: file.to_owned(),
            what,
            wanted: names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or "),
            columns: described(schema),
        })
    };
    let images = column("images", &columns.image, &IMAGES, holds_bytes)?;
    let labels = column("labels", &columns.label, &LABELS, holds_labels)?;
    Ok((images, labels))
}

type Fits = fn(&ColumnDescriptor) -> bool;

/// The index of the leaf column `name`, or else `name.bytes`, if it `fits`.
fn place(schema: &SchemaDescriptor, name: &str, fits: Fits) -> Option<usize> {
    let inner = format!("{name}.bytes");
    let is = |path: &str| (0..schema.num_columns()).find(|&i| schema.column(i).path().string() == path);
    [name, &inner].into_iter().filter_map(is).find(|&i| fits(&schema.column(i)))
}

fn is_text(column: &ColumnDescriptor) -> bool {
    column.converted_type() == ConvertedType::UTF8
        || matches!(column.logical_type_ref(), Some(LogicalType::String))
}

fn holds_bytes(column: &ColumnDescriptor) -> bool {
    column.physical_type() == Type::BYTE_ARRAY && !is_text(column) && column.max_rep_level() == 0
}

fn holds_labels(column: &ColumnDescriptor) -> bool {
    let is_label = match column.physical_type() {
        Type::BOOLEAN | Type::INT32 | Type::INT64 => true,
        Type::BYTE_ARRAY => is_text(column),
        _ => false,
    };
    is_label && column.max_rep_level() == 0
}

/// The columns with what they hold: "image (bytes), kind (text), and 3 others".
fn described(schema: &SchemaDescriptor) -> String {
    let count = schema.num_columns();
    let mut shown: Vec<String> = (0..count.min(SHOWN))
        .map(|i| {
            let column = schema.column(i);
            let kind = match column.physical_type() {
                _ if column.max_rep_level() > 0 => "lists",
                Type::BYTE_ARRAY if is_text(&column) => "text",
                Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY => "bytes",
                Type::BOOLEAN => "yes or no",
                Type::INT32 | Type::INT64 => "whole numbers",
                Type::INT96 | Type::FLOAT | Type::DOUBLE => "numbers",
            };
            let path = column.path().string();
            let name: String = path.chars().filter(|&c| !is_unprintable(c)).take(60).collect();
            format!("{name} ({kind})")
        })
        .collect();
    if count > SHOWN {
        shown.push(format!("and {} others", count - SHOWN));
    }
    if shown.is_empty() { "no column at all".to_owned() } else { shown.join(", ") }
}
