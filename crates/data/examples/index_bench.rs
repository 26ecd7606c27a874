//! How long the first and the second start take on data in files: the first lists every record, the second
//! finds the list, but for class folders, which are listed at each start.
//!
//!     cargo run -p resnet-data --example index_bench -- DIR [IMAGES]
//!
//! Makes `DIR/folders`, `DIR/shards` and `DIR/tables`, unless they exist, with IMAGES tiny images each
//! (100,000 by default) of 1000 classes: as single files, in shards of 10,000 and in parquet files of 10,000.
//! Then it opens each of them twice. The files are in the operating system's page cache, if they fit into it.

use std::fs::{self, File};
use std::io::{BufWriter, Cursor};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use resnet_data::sources::{IndexCache, OpenFiles, open_files};

const CLASSES: usize = 1000;
/// Images of a shard or a table.
const TOGETHER: usize = 10_000;
const PASSES: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().ok_or("give a folder")?;
    let images = args.next().map_or(Ok(100_000), |text| text.parse())?;
    let mut png = Vec::new();
    image::RgbImage::new(4, 4).write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png)?;
    type Make = fn(&Path, &[u8], usize) -> Result<(), Box<dyn std::error::Error>>;
    let kinds: [(&str, Make); 3] = [("folders", folders), ("shards", shards), ("tables", tables)];
    for (name, make) in kinds {
        let (data, caches) = (Path::new(&dir).join(name), Path::new(&dir).join(format!("{name}-index")));
        if !data.exists() {
            make(&data, &png, images)?;
            age(&data)?;
        }
        let options = OpenFiles { cache: IndexCache::Folder(caches.clone()), ..OpenFiles::default() };
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for _ in 0..PASSES {
            if caches.exists() {
                fs::remove_dir_all(&caches)?;
            }
            for times in [&mut first, &mut second] {
                let start = Instant::now();
                let set = open_files(&data, &options)?;
                times.push(start.elapsed());
                assert_eq!(set.train.index().len(), images);
            }
        }
        let [first, second] = [first, second].map(|mut times| {
            times.sort();
            format!("{:.3} s (best {:.3})", times[PASSES / 2].as_secs_f64(), times[0].as_secs_f64())
        });
        println!("{name}: {images} images, first start {first}, second {second}; medians of {PASSES}");
    }
    Ok(())
}

fn folders(data: &Path, png: &[u8], images: usize) -> Result<(), Box<dyn std::error::Error>> {
    for class in 0..CLASSES {
        let folder = data.join(format!("n{class:08}"));
        fs::create_dir_all(&folder)?;
        for image in (class..images).step_by(CLASSES) {
            fs::write(folder.join(format!("n{class:08}_{image}.png")), png)?;
        }
    }
    Ok(())
}

fn shards(data: &Path, png: &[u8], images: usize) -> Result<(), Box<dyn std::error::Error>> {
    fs::create_dir_all(data)?;
    for first in (0..images).step_by(TOGETHER) {
        let file = File::create(data.join(format!("train-{:05}.tar", first / TOGETHER)))?;
        let mut archive = tar::Builder::new(BufWriter::new(file));
        for image in first..images.min(first + TOGETHER) {
            for (end, bytes) in [("png", png), ("cls", (image % CLASSES).to_string().as_bytes())] {
                let mut header = tar::Header::new_gnu();
                header.set_size(bytes.len() as u64);
                archive.append_data(&mut header, format!("{image:08}.{end}"), bytes)?;
            }
        }
        archive.into_inner()?.into_inner()?.sync_all()?;
    }
    Ok(())
}

fn tables(data: &Path, png: &[u8], images: usize) -> Result<(), Box<dyn std::error::Error>> {
    fs::create_dir_all(data)?;
    let schema = "message schema { optional group image { optional binary bytes; } optional int64 label; }";
    let schema = Arc::new(parse_message_type(schema)?);
    for first in (0..images).step_by(TOGETHER) {
        let file = File::create(data.join(format!("train-{:05}.parquet", first / TOGETHER)))?;
        let mut writer = SerializedFileWriter::new(file, Arc::clone(&schema), Arc::default())?;
        // The `datasets` library writes a hundred images a row group.
        for start in (first..images.min(first + TOGETHER)).step_by(100) {
            let rows = start..images.min(start + 100);
            let mut group = writer.next_row_group()?;
            let images = vec![ByteArray::from(png.to_vec()); rows.len()];
            let mut column = group.next_column()?.ok_or("no column of images")?;
            column.typed::<ByteArrayType>().write_batch(&images, Some(&vec![2; rows.len()]), None)?;
            column.close()?;
            let labels: Vec<i64> = rows.clone().map(|row| (row % CLASSES) as i64).collect();
            let mut column = group.next_column()?.ok_or("no column of labels")?;
            column.typed::<Int64Type>().write_batch(&labels, Some(&vec![1; rows.len()]), None)?;
            column.close()?;
            group.close()?;
        }
        writer.close()?;
    }
    Ok(())
}

/// Sets modification times back by a minute, because no index is kept of files that were written just now.
fn age(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            age(&entry?.path())?;
        }
    }
    File::open(path)?.set_modified(SystemTime::now() - Duration::from_secs(60))
}
