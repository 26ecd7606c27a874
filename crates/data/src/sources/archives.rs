//! ImageNet's tar files as they are downloaded, which are archives of images and not shards.
//!
//! Three forms are known: a tar of tars, one for each class and called by it (`ILSVRC2012_img_train.tar`);
//! the class tars themselves, side by side; and images alone (`ILSVRC2012_img_val.tar`), whose labels are in
//! a list beside them. A tar is not compressed, so what lies in one of the inner tars has a place in the
//! outer file; nothing is unpacked, and each image is read by itself, in the same way as a shard's.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use resnet_formats::image_tars::{Form, Piece, inner, look, scan};
use resnet_formats::label_list::is_synset;
use resnet_formats::names::name_of;
use resnet_formats::tar_headers::{Cut, Member};
use resnet_formats::webdataset::describe_odd_ends;

use super::cache::{self, IndexCache};
use super::index::Entry;
use super::labels::{Given, Lists};
use super::{Broken, Index, Layout, Split, scanners};
use crate::Error;
use crate::prefetch::Prefetch;

/// Whether the tar files `names` in `root` are archives rather than shards; one of them stands for all.
pub(crate) fn are_archives(root: &Path, names: &[String]) -> Result<bool, Error> {
    let first = names.iter().find(|name| name.to_ascii_lowercase().ends_with(".tar"));
    first.map_or(Ok(false), |name| Ok(look(&root.join(name_of(name)))? != Form::Samples))
}

/// Opens the split that is in these files of `root`, in this order.
pub(crate) fn open(
    root: &Path,
    split: Split,
    files: &[String],
    (given, cache): (Given<'_>, &IndexCache),
) -> Result<Index, Error> {
    let forms = files.iter().map(|file| Ok((file.clone(), look(&root.join(name_of(file)))?)));
    let forms = forms.collect::<Result<Vec<(String, Form)>, Error>>()?;
    let flat = forms.iter().find(|(file, form)| *form != Form::Tars && class_of(file).is_none());
    let lists = flat.map(|(file, _)| Lists::find(root, file, split, given)).transpose()?;
    let is_fresh = |index: &Index| {
        cache::is_fresh(index, Layout::Archives, files)
            && index.others.iter().eq(lists.iter().flat_map(|lists| &lists.stamps))
    };
    cache::load_or_build(cache, root, split.name(), is_fresh, || build(root, &forms, lists.as_ref()))
}

/// The class of a tar that is called by ImageNet's name for it.
fn class_of(file: &str) -> Option<&str> {
    file.strip_suffix(".tar").filter(|stem| is_synset(stem))
}

fn build(root: &Path, forms: &[(String, Form)], lists: Option<&Lists>) -> Result<Index, Error> {
    let stamps = cache::stamps(root, forms.iter().map(|(path, _)| path))?;
    let mut index = Index::new(Layout::Archives, root, stamps);
    index.others = lists.map(|lists| lists.stamps.clone()).unwrap_or_default();
    let (mut all, mut cuts, mut odd_ends) = (Vec::new(), Vec::new(), Vec::new());
    for (file, (name, form)) in (0..).zip(forms) {
        let length = index.files[file as usize].bytes;
        if *form == Form::Tars {
            let (pieces, outer) = inner(&root.join(name_of(name)), file, length)?;
            all.extend(pieces);
            index.left_out.merge(&outer.left_out);
            odd_ends.extend(outer.odd_end.map(|odd| (name.as_str(), odd)));
            cuts.extend(outer.cut.map(|cut| (file, cut, length)));
        } else {
            all.push(Piece { file, start: 0, length, class: class_of(name).map(str::to_owned) });
        }
    }
    let mut classes = BTreeSet::new();
    if let Some(twice) =
        all.iter().filter_map(|piece| piece.class.clone()).find(|it| !classes.insert(it.clone()))
    {
        let cause = format!("it holds {twice}.tar twice");
        return Err(Error::bad_file(root.display().to_string(), cause, "remove one of them"));
    }
    let paths: Vec<PathBuf> = forms.iter().map(|(name, _)| root.join(name_of(name))).collect();
    let (pieces, threads) = (all.clone(), scanners());
    let scanned = Prefetch::new(0..all.len(), threads, 4 * threads, move |piece: usize| {
        let piece: &Piece = &pieces[piece];
        scan(&paths[piece.file as usize], piece)
    });
    let mut found: Vec<(u32, Option<String>, Member)> = Vec::new();
    for (piece, scanned) in all.into_iter().zip(scanned) {
        let scanned = scanned?;
        index.left_out.merge(&scanned.left_out);
        cuts.extend(scanned.cut.map(|cut| (piece.file, cut, piece.start + piece.length)));
        // An odd end counts only for a tar that is a file: inside another tar it does not mean that bytes are
        // missing.
        let odd_end = scanned.odd_end.filter(|_| piece.start == 0);
        odd_ends.extend(odd_end.map(|odd| (forms[piece.file as usize].0.as_str(), odd)));
        found.extend(scanned.images.into_iter().map(|member| (piece.file, piece.class.clone(), member)));
    }
    label(&mut index, root, found, classes, lists)?;
    for (file, Cut { offset, cause }, length) in cuts {
        let (known, lost) =
            (index.file.iter().filter(|&&other| other == file).count(), length.saturating_sub(offset));
        let records = resnet_formats::estimate_lost(lost, known as u64, offset);
        let place = format!("{} at byte {offset}", index.files[file as usize].path);
        index.faults.push(Broken {
            place,
            cause: format!("the tar is damaged or cut off: {cause}"),
            records,
        });
    }
    index.warnings.extend(describe_odd_ends(&odd_ends));
    index.cut_blocks(&[]);
    Ok(index)
}

/// Adds the images that were found to `index`, with their tar's class or the label that a list gives them.
fn label(
    index: &mut Index,
    root: &Path,
    found: Vec<(u32, Option<String>, Member)>,
    classes: BTreeSet<String>,
    lists: Option<&Lists>,
) -> Result<(), Error> {
    let flat: Vec<&str> = found
        .iter()
        .filter(|(_, class, _)| class.is_none())
        .map(|(_, _, member)| member.name.as_str())
        .collect();
    let mut labels = Vec::new();
    if let Some(lists) = lists {
        if !classes.is_empty() {
            let cause = "it holds class tars beside images without a class";
            return Err(Error::bad_file(root.display().to_string(), cause, "give one of them"));
        }
        let labelled = lists.label(root, &flat)?;
        (index.classes, labels) = (labelled.classes, labelled.labels);
        index.warnings.extend(labelled.warnings);
    } else {
        index.classes = classes.into_iter().collect();
    }
    let mut labels = labels.into_iter();
    let names = Arc::clone(&index.classes);
    for (file, class, member) in found {
        let (name, label) = match class {
            // The name that the image would have if its tar were unpacked into a folder of its class.
            Some(class) => {
                let base = member.name.rsplit('/').next().unwrap_or_default();
                (
                    format!("{class}/{base}"),
                    names.binary_search(&class).map(|label| label as u32).map_err(|_| ""),
                )
            }
            None => (member.name, labels.next().unwrap_or(Err(""))),
        };
        let cause = match label {
            Ok(_) if member.bytes == 0 => "its image is empty",
            Ok(label) => {
                let bytes = u32::try_from(member.bytes).unwrap_or(u32::MAX);
                index.push(&Entry { file, offset: member.header, bytes, label, name: &name });
                continue;
            }
            Err(cause) => cause,
        };
        let place = format!("{}: {name} at byte {}", index.files[file as usize].path, member.header);
        index.faults.push(Broken::new(place, cause));
    }
    Ok(())
}
