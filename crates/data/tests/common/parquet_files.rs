//! Writes small parquet files in the layout of the hub's CIFAR, for tests.

use std::io::Cursor;
use std::sync::Arc;

use image::{ImageFormat, RgbImage};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// One row; `None` is null.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) png: Option<Vec<u8>>,
    pub(crate) label: Option<i64>,
}

impl Row {
    /// An image of 32 x 32 whose first pixel is (`value`, 1, 2) and whose others are (3, 4, 5).
    pub(crate) fn of(value: u8, label: i64) -> Self {
        Self { png: Some(png(32, 32, value)), label: Some(label) }
    }
}

/// A PNG whose first pixel is (`value`, 1, 2) and whose others are (3, 4, 5).
pub(crate) fn png(width: u32, height: u32, value: u8) -> Vec<u8> {
    let mut image = RgbImage::from_pixel(width, height, image::Rgb([3, 4, 5]));
    image.put_pixel(0, 0, image::Rgb([value, 1, 2]));
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
    bytes
}

/// A file with `img.bytes`, `img.path` and `label`, seven rows a row group; CIFAR-100's has `coarse_label`
/// too.
pub(crate) fn write(label: &str, rows: &[Row]) -> Vec<u8> {
    write_named(label, rows, None)
}

/// The same with these names of classes, a JSON list, as the `datasets` library leaves them.
pub(crate) fn write_named(label: &str, rows: &[Row], names: Option<&str>) -> Vec<u8> {
    let names = names.map(|names| {
        let text = format!(r#"{{"info": {{"features": {{"{label}": {{"names": {names}}}}}}}}}"#);
        vec![KeyValue::new("huggingface".to_owned(), text)]
    });
    let coarse = if label == "fine_label" { "optional int64 coarse_label;" } else { "" };
    let schema = format!(
        "message schema {{
            optional group img {{ optional binary bytes; optional binary path (UTF8); }}
            optional int64 {label};
            {coarse}
        }}"
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(names)
        .build();
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties)).unwrap();
    for rows in rows.chunks(7) {
        let mut group = writer.next_row_group().unwrap();

        // Level 2: the group and the value are there; 1: the value is null.
        let levels: Vec<i16> = rows.iter().map(|row| if row.png.is_some() { 2 } else { 1 }).collect();
        let images: Vec<ByteArray> =
            rows.iter().filter_map(|row| row.png.clone().map(ByteArray::from)).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&images, Some(&levels), None).unwrap();
        column.close().unwrap();

        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&[], Some(&vec![1; rows.len()]), None).unwrap();
        column.close().unwrap();

        while let Some(mut column) = group.next_column().unwrap() {
            let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.label.is_some())).collect();
            let labels: Vec<i64> = rows.iter().filter_map(|row| row.label).collect();
            column.typed::<Int64Type>().write_batch(&labels, Some(&levels), None).unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
    file
}
