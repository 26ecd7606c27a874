//! `Index`: which records a split has, where they lie, and what is known to be wrong with it.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Broken, Layout, LeftOut};
use crate::Fingerprint;
use resnet_formats::names::name_of;

/// A block of consecutive records ends when it has at least so many bytes.
const BLOCK_BYTES: u64 = 1 << 21;

/// A file or folder as it was when the index was made; if it differs now, the index is of other data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Relative to the split's root, with `/`, as [text](crate::names).
    pub(crate) path: String,
    /// 0 for a folder.
    pub(crate) bytes: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub(crate) modified: i64,
}

/// What is known of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// The number of its file (for folders: of its folder) in the index's list.
    pub(crate) file: u32,
    /// Where in the file: a tar header's or packed record's byte, a table's row; 0 for a file of its own.
    pub(crate) offset: u64,
    /// The size of the encoded image; for a row of a table, the mean of its row group.
    pub(crate) bytes: u32,
    pub(crate) label: u32,
    /// Its name within its file or folder; empty for a table's row.
    pub(crate) name: &'a str,
}

/// The records of one split: places, labels, names, and what is already known to be broken.
///
/// 40 to 60 bytes per record; ImageNet's training split takes about 70 MB.
#[derive(Clone, PartialEq)]
pub struct Index {
    pub(crate) layout: Layout,
    pub(crate) root: PathBuf,
    /// Where `root` lies in the data set: nothing, or `train/`. It is not written to the index file.
    pub(crate) within: String,
    /// What records lie in.
    pub(crate) files: Vec<Stamp>,
    /// What else the index depends on: a class map, a list of labels.
    pub(crate) others: Vec<Stamp>,
    pub(crate) classes: Arc<[String]>,
    pub(crate) file: Vec<u32>,
    pub(crate) offset: Vec<u64>,
    pub(crate) bytes: Vec<u32>,
    pub(crate) label: Vec<u32>,
    pub(crate) names: String,
    /// Where each record's name ends in `names`.
    pub(crate) name_ends: Vec<u64>,
    /// Where each block begins.
    pub(crate) blocks: Vec<u32>,
    /// Their places are relative to the root until [`open`](Self::open) has seen them.
    pub(crate) faults: Vec<Broken>,
    pub(crate) left_out: LeftOut,
    /// Warnings that cost no record, one sentence each.
    pub(crate) warnings: Vec<String>,
    /// Records that are not to be used, ascending.
    pub(crate) skipped: Vec<u32>,
}

impl Index {
    /// An index of nothing yet.
    pub(crate) fn new(layout: Layout, root: &Path, files: Vec<Stamp>) -> Self {
        Self {
            layout,
            root: root.to_owned(),
            within: String::new(),
            files,
            others: Vec::new(),
            classes: Arc::new([]),
            file: Vec::new(),
            offset: Vec::new(),
            bytes: Vec::new(),
            label: Vec::new(),
            names: String::new(),
            name_ends: Vec::new(),
            blocks: Vec::new(),
            faults: Vec::new(),
            left_out: LeftOut::default(),
            warnings: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// Appends a record; [`cut_blocks`](Self::cut_blocks) comes after the last.
    pub(crate) fn push(&mut self, entry: &Entry<'_>) {
        self.file.push(entry.file);
        self.offset.push(entry.offset);
        self.bytes.push(entry.bytes);
        self.label.push(entry.label);
        self.names.push_str(entry.name);
        self.name_ends.push(self.names.len() as u64);
    }

    /// Cuts the records into blocks. A record that is read singly is a block; else a block is about two
    /// megabytes of one file, and never goes across one of `borders`, record numbers in ascending order.
    pub(crate) fn cut_blocks(&mut self, borders: &[u32]) {
        self.blocks.clear();
        let mut borders = borders.iter().copied().peekable();
        let mut begun = 0;
        for record in 0..self.len() {
            let border = borders.next_if(|&border| border as usize <= record).is_some();
            let same = record > 0 && self.file[record - 1] == self.file[record] && !border;
            if !same || self.layout.is_read_singly() || begun >= BLOCK_BYTES {
                self.blocks.push(record as u32);
                begun = 0;
            }
            begun += u64::from(self.bytes[record]);
        }
    }

    pub(crate) fn entry(&self, record: usize) -> Entry<'_> {
        Entry {
            file: self.file[record],
            offset: self.offset[record],
            bytes: self.bytes[record],
            label: self.label[record],
            name: self.own_name(record),
        }
    }

    fn own_name(&self, record: usize) -> &str {
        let start = if record == 0 { 0 } else { self.name_ends[record - 1] };
        &self.names[start as usize..self.name_ends[record] as usize]
    }

    /// How the split lies on disk.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The folder that the split lies in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How many records there are, those to be skipped included.
    pub fn len(&self) -> usize {
        self.label.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.label.is_empty()
    }

    /// The classes' names; a label is a place in this list. Where the data don't name them: "0", "1", ...
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The classes' names, shared.
    pub fn shared_classes(&self) -> Arc<[String]> {
        Arc::clone(&self.classes)
    }

    /// One label per record, each below `classes().len()`.
    pub fn labels(&self) -> &[u32] {
        &self.label
    }

    /// The size of a record's encoded image; for a table's rows the mean of its row group.
    ///
    /// # Panics
    /// If there is no such record.
    pub fn bytes(&self, record: usize) -> u64 {
        u64::from(self.bytes[record])
    }

    /// What a list of records calls this one, wherever the data set lies: "train/n01440764/a.jpg",
    /// "train-0003.tar:0017.jpg", "train-0.parquet:17", "train-00000.pack:n01440764/a.jpg".
    ///
    /// # Panics
    /// If there is no such record.
    pub fn name(&self, record: usize) -> String {
        format!("{}{}", self.within, self.name_in_split(record))
    }

    /// The [`name`](Self::name) without the folder of the split.
    ///
    /// # Panics
    /// If there is no such record.
    pub fn name_in_split(&self, record: usize) -> String {
        let file = &self.files[self.file[record] as usize].path;
        match self.layout {
            // An image in the split's own folder.
            Layout::Listed if file.is_empty() => self.own_name(record).to_owned(),
            Layout::Folders | Layout::Listed => format!("{file}/{}", self.own_name(record)),
            Layout::Shards | Layout::Archives | Layout::Packed => format!("{file}:{}", self.own_name(record)),
            Layout::Tables => format!("{file}:{}", self.offset[record]),
        }
    }

    /// Where a record lies, for messages: its file with the path, and where in the file.
    ///
    /// # Panics
    /// If there is no such record.
    pub fn place(&self, record: usize) -> String {
        // As text, not as the file is opened: what is shown has no control characters.
        let file = self.root.join(&self.files[self.file[record] as usize].path);
        let shown = file.display();
        match self.layout {
            Layout::Folders | Layout::Listed => file.join(self.own_name(record)).display().to_string(),
            Layout::Shards | Layout::Archives | Layout::Packed => {
                format!("{shown}: {} at byte {}", self.own_name(record), self.offset[record])
            }
            Layout::Tables => format!("{shown}: row {}", self.offset[record]),
        }
    }

    /// The path of a file (for folders: of a folder) of the index's list.
    pub(crate) fn path(&self, file: u32) -> PathBuf {
        self.root.join(name_of(&self.files[file as usize].path))
    }

    /// The path of a record that is a file of its own.
    pub(crate) fn path_of_record(&self, record: usize) -> PathBuf {
        self.path(self.file[record]).join(name_of(self.own_name(record)))
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The records of a block.
    ///
    /// # Panics
    /// If there is no such block.
    pub fn block(&self, block: usize) -> Range<usize> {
        let end = self.blocks.get(block + 1).map_or(self.len(), |&start| start as usize);
        self.blocks[block] as usize..end
    }

    /// What was found broken when the index was made: a sample without a label, a shard that is cut off or
    /// missing.
    pub fn faults(&self) -> &[Broken] {
        &self.faults
    }

    /// What a list of records calls a fault of this index, as [`name`](Self::name) does a record.
    pub fn fault_name(&self, fault: &Broken) -> String {
        let root = self.root.join("").display().to_string();
        format!("{}{}", self.within, fault.place.strip_prefix(&root).unwrap_or(&fault.place))
    }

    /// The files or members that are no images by their names.
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// Warnings that cost no record, one sentence each: a shard without an end mark, classes that others
    /// number in another way.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Adds what decides an epoch's order and labels: which records there are, how they lie together, which
    /// are left out. Not the classes' names, and not where the data set lies.
    pub fn add_to(&self, fingerprint: &mut Fingerprint) {
        fingerprint.add(self.layout.name().as_bytes());
        self.files.iter().for_each(|file| fingerprint.add(file.path.as_bytes()));
        fingerprint.add(self.names.as_bytes());
        for column in [&self.file, &self.label, &self.blocks, &self.skipped] {
            fingerprint.word(column.len() as u64);
            column.iter().for_each(|value| fingerprint.word(u64::from(*value)));
        }
        for column in [&self.offset, &self.name_ends] {
            column.iter().for_each(|value| fingerprint.word(*value));
        }
    }

    /// How many records each class has; skipped ones are not counted.
    pub fn class_counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.classes.len()];
        for (record, &label) in self.label.iter().enumerate() {
            counts[label as usize] += u64::from(!self.is_skipped(record));
        }
        counts
    }

    /// The names of the classes that have no record.
    pub fn empty_classes(&self) -> Vec<&str> {
        let counts = self.class_counts();
        self.classes.iter().zip(counts).filter(|(_, n)| *n == 0).map(|(name, _)| name.as_str()).collect()
    }

    /// Whether a record is not to be used, because [`OpenFiles::skip`](super::OpenFiles::skip) names it.
    pub fn is_skipped(&self, record: usize) -> bool {
        self.skipped.binary_search(&(record as u32)).is_ok()
    }

    /// The records that are to be used, ascending.
    pub fn usable(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|record| !self.is_skipped(*record))
    }

    /// How many records are not to be used.
    pub fn skipped(&self) -> usize {
        self.skipped.len()
    }

    /// Sets where the split lies in the data set, marks the records that `skip` names as skipped, and removes
    /// the faults that it names. The places of the other faults become full paths. Returns the names in
    /// `skip` that are neither a record's nor a fault's.
    pub(crate) fn open(&mut self, within: &str, skip: &[String]) -> Vec<String> {
        self.within = within.to_owned();
        let wanted: HashSet<&str> = skip.iter().map(String::as_str).collect();
        let mut found = HashSet::new();
        let mut is_wanted = |name: String| {
            let is_wanted = wanted.contains(name.as_str());
            if is_wanted {
                found.insert(name);
            }
            is_wanted
        };
        let faults = std::mem::take(&mut self.faults);
        for mut fault in faults {
            if !is_wanted(format!("{within}{}", fault.place)) {
                fault.place = self.root.join(fault.place).display().to_string();
                self.faults.push(fault);
            }
        }
        // Naming every record takes longer than all else of a start with a kept index.
        let records = if wanted.is_empty() { 0..0 } else { 0..self.len() };
        self.skipped =
            records.filter(|&record| is_wanted(self.name(record))).map(|record| record as u32).collect();
        skip.iter().filter(|name| !found.contains(*name)).cloned().collect()
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("layout", &self.layout)
            .field("root", &self.root)
            .field("len", &self.len())
            .field("classes", &self.classes.len())
            .field("faults", &self.faults.len())
            .finish_non_exhaustive()
    }
}
