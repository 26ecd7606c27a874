//! How the classes of one split are numbered as those of another, or as a list has them.

use std::sync::Arc;

use resnet_formats::classes::{are_numbers, renumbering, renumbering_of_names};

use super::class_list::{ClassList, Origin};
use super::{Index, Layout};
use crate::{Error, imagenet};

impl Index {
    /// Numbers the classes as `classes` does, those of the training split.
    ///
    /// # Errors
    /// If the split has a class that is not among them.
    pub(crate) fn renumber(&mut self, classes: &Arc<[String]>) -> Result<(), Error> {
        if matches!(self.layout, Layout::Listed | Layout::Archives) {
            self.forget_unused_classes(classes);
        }
        self.number_as(classes, "the training data").map_err(|cause| {
            Error::bad_file(
                self.root.display().to_string(),
                cause,
                "the splits must have the same classes; bring them together",
            )
        })
    }

    /// Numbers the classes as `classes` does. `whose` says in the error, half a sentence, what that list is.
    pub(crate) fn number_as(&mut self, classes: &Arc<[String]>, whose: &str) -> Result<(), String> {
        let map = match self.layout {
            // A number in a list of labels is a label.
            Layout::Listed | Layout::Archives if are_numbers(&self.classes) => {
                renumbering(&self.classes, classes, whose)
            }
            Layout::Folders | Layout::Listed | Layout::Archives => {
                renumbering_of_names(&self.classes, classes, whose)
            }
            Layout::Shards | Layout::Tables | Layout::Packed => renumbering(&self.classes, classes, whose),
        }?;
        self.label.iter_mut().for_each(|label| *label = map[*label as usize]);
        self.classes = Arc::clone(classes);
        Ok(())
    }

    /// Numbers the classes as a list has them. One that lies beside the data and names none of them is about
    /// something else: a warning says so.
    ///
    /// # Errors
    /// If a list that was given, or that names some of the classes, lacks others.
    pub(crate) fn number_by(&mut self, list: &ClassList) -> Result<(), Error> {
        let file = list.file.display().to_string();
        let Err(cause) = self.number_as(&list.names, &file) else { return Ok(()) };
        let listed = list.labels();
        let is_about_these = self.classes.iter().any(|name| listed.contains_key(name.as_str()));
        if list.origin == Origin::Given || is_about_these {
            let mend = "list all of its classes in the order of their labels";
            return Err(Error::bad_file(self.root.display().to_string(), cause, mend));
        }
        self.warnings.push(format!("{file} does not fit the data, so their own labels count: {cause}"));
        Ok(())
    }

    /// Leaves out the classes that no record has, where they have names: a list of labels may have more than
    /// `theirs`.
    fn forget_unused_classes(&mut self, theirs: &[String]) {
        if *self.classes == *theirs || are_numbers(&self.classes) {
            return;
        }
        let count = theirs.len();
        let imagenets = || imagenet::classes().map(|(synset, _)| synset);
        let are_imagenets = || self.classes.iter().map(String::as_str).eq(imagenets());
        if are_numbers(theirs) && (count == self.classes.len() || are_imagenets()) {
            // The names stand for their numbers, whichever are used.
            if count < self.classes.len() && self.label.iter().all(|&label| (label as usize) < count) {
                self.classes = self.classes[..count].into();
            }
            return;
        }
        let mut used = vec![false; self.classes.len()];
        self.label.iter().for_each(|&label| used[label as usize] = true);
        let mut next = 0..;
        let labels: Vec<Option<u32>> = used.iter().map(|&used| used.then(|| next.next()).flatten()).collect();
        self.label.iter_mut().for_each(|label| *label = labels[*label as usize].unwrap_or_default());
        self.classes =
            self.classes.iter().zip(used).filter(|(_, used)| *used).map(|(name, _)| name.clone()).collect();
    }
}
