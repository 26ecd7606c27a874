//! `record.json`: who ran what on which data, how often the test labels were read, and what came out.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::recipe::defaults::{is_one, one};
use crate::{Difference, FileOptions, Machine, Recipe, Resumption, Scores, Tools, time};

/// The form of `record.json` that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// What is known of a run besides its recipe and its metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// The version of this file's form.
    pub format: u32,
    /// The run's name, which is its folder's.
    pub run: String,
    /// The network's name in the registry.
    pub model: String,
    /// The recipe's name.
    pub recipe: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The version of the program.
    pub version: String,
    /// What the program is built with; none in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_with: Option<Tools>,
    /// The machine that began the run; none in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// The training's seed.
    pub seed: u64,
    /// How many threads of each process compute; the result does not depend on it.
    pub threads: usize,
    /// Processes that began it together. Each batch norm saw its process's part of a batch, unless the recipe
    /// says otherwise.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub processes: usize,
    /// Parameters of the network, frozen ones included; running statistics are not counted.
    pub parameters: u64,
    /// Where the images came from.
    pub data: String,
    /// Whose weights it began with: a file, a run or a model of the hub; none for fresh weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The revision of these weights in the hub, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The word that says which of that file's weights were taken, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// The prefix of its tensors' names, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// How its samples in files are read.
    #[serde(flatten)]
    pub files: FileOptions,
    /// When the run began: UTC, RFC 3339.
    pub started: String,
    /// When it was finished; none while it runs or is interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// How often the test labels have been read; counted before each reading, so that a crash hides none.
    pub test_reads: u64,
    /// How the reported weights were chosen.
    pub selection: Selection,
    /// Samples that could not be used, no more than the quota allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What came out; none until the run is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Results>,
    /// How it differs from the published training that it reproduces, in phrases; none where it reproduces
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<String>,
    /// The times that the run went on after it had been stopped, the first one first; older programs noted
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumptions: Vec<Resumption>,
    /// Changes of the recipe while the run went on, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<RecipeChange>,
    /// The results that the run had each time it was lengthened after its end, the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_results: Vec<Results>,
}

/// The words of this process's command; what is not UTF-8 is replaced.
pub fn command_line() -> Vec<String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect()
}

impl RunRecord {
    /// The record of a run that begins now; the caller fills in what it knows of `threads`, `processes`,
    /// `parameters`, `data` and `from`.
    pub fn begin(run: &str, recipe: &Recipe) -> RunRecord {
        RunRecord {
            format: FORMAT,
            run: run.to_owned(),
            model: recipe.model.name.clone(),
            recipe: recipe.name.clone(),
            command: command_line(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            built_with: Some(Tools::here()),
            machine: Some(Machine::here()),
            seed: recipe.train.seed,
            threads: 1,
            processes: 1,
            parameters: 0,
            data: String::new(),
            from: None,
            revision: None,
            weights: None,
            prefix: None,
            files: FileOptions::default(),
            started: time::rfc3339(SystemTime::now()),
            ended: None,
            test_reads: 0,
            selection: Selection::of(recipe),
            left_out: Vec::new(),
            results: None,
            deviations: Vec::new(),
            resumptions: Vec::new(),
            changes: Vec::new(),
            earlier_results: Vec::new(),
        }
    }

    /// Notes that the run goes on now after `step` steps, in this program on this machine.
    ///
    /// ```
    /// # let text = include_str!("../../record/recipes/cifar10-resnet20-v2.toml");
    /// use resnet_record::{Recipe, RunRecord};
    /// let mut record = RunRecord::begin("run", &Recipe::parse(text, "cifar10-resnet20-v2.toml")?);
    /// record.resume(400, 2, 1);
    /// let resumption = &record.resumptions[0];
    /// assert_eq!((resumption.step, resumption.threads), (400, Some(2)));
    /// assert_eq!(resumption.machine, None);    // as at its beginning
    /// # Ok::<(), resnet_record::Error>(())
    /// ```
    pub fn resume(&mut self, step: u64, threads: usize, processes: usize) {
        fn changed<T: PartialEq>(now: T, before: Option<&T>) -> Option<T> {
            (before != Some(&now)).then_some(now)
        }
        // What the system counts as memory may differ from start to start.
        let same_machine = |before: &Machine| Machine { memory: before.memory, ..Machine::here() } == *before;
        let is_same_machine = self.machine.as_ref().is_some_and(same_machine);
        let resumption = Resumption {
            step,
            at: time::rfc3339(SystemTime::now()),
            threads: changed(threads, Some(&self.threads)),
            processes: changed(processes, Some(&self.processes)),
            machine: (!is_same_machine).then(Machine::here),
            version: changed(env!("CARGO_PKG_VERSION").to_owned(), Some(&self.version)),
            built_with: changed(Tools::here(), self.built_with.as_ref()),
        };
        self.resumptions.push(resumption);
    }

    /// Marks the run as finished now.
    pub fn finish(&mut self, results: Results) {
        self.ended = Some(time::rfc3339(SystemTime::now()));
        self.results = Some(results);
    }

    /// What in its results cannot be, if anything cannot.
    pub(crate) fn contradiction(&self) -> Option<String> {
        self.results.iter().chain(&self.earlier_results).find_map(|results| {
            let scores = [("validation", results.validation), ("test", results.test)];
            scores.into_iter().find_map(|(key, scores)| Some(format!("{key}: {}", scores?.contradiction()?)))
        })
    }

    /// The warning that goes beside this run's test scores on its page, in a terminal and in exported
    /// weights, if one is due.
    ///
    /// ```
    /// # let text = include_str!("../../record/recipes/cifar10-resnet20-v2.toml");
    /// use resnet_record::{Recipe, RunRecord, Selection};
    /// let mut record = RunRecord::begin("run", &Recipe::parse(text, "cifar10-resnet20-v2.toml")?);
    /// assert_eq!(record.mark(), None);
    /// record.selection = Selection::ChosenOnTest;
    /// assert!(record.mark().unwrap().contains("chosen on the test"));
    /// # Ok::<(), resnet_record::Error>(())
    /// ```
    pub fn mark(&self) -> Option<String> {
        match (self.selection, self.test_reads) {
            (Selection::ChosenOnTest, reads) => {
                Some(format!("chosen on the test labels, which were read {reads} times: not a fair estimate"))
            }
            (_, 0 | 1) => None,
            (_, reads) => Some(format!(
                "the test labels were read {reads} times: if anything was chosen by them, the error looks lower than it is"
            )),
        }
    }
}

/// A change of a run's recipe while the run went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeChange {
    /// Steps done before it.
    pub step: u64,
    /// When: UTC, RFC 3339.
    pub at: String,
    /// The keys.
    pub keys: Vec<Difference>,
}

/// A sample, or several at one place, that a run could not use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The file, and where in it.
    pub place: String,
    /// What is wrong with it.
    pub cause: String,
    /// How many samples are lost with it; an estimate where a shard is cut off.
    #[serde(default = "one")]
    pub records: u64,
}

/// How the reported weights were chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// The weights after the last step: nothing was chosen (the paper's protocol).
    Last,
    /// The epoch with the best score on images held out of the training set; `train.best_by` says which
    /// score.
    BestOnValidation,
    /// By a look at test scores. The trainer never does this; it is for results that a person picked, or that
    /// are quoted from work that did, and is marked wherever they are shown.
    ChosenOnTest,
}

impl Selection {
    /// What the trainer does for this recipe.
    pub fn of(recipe: &Recipe) -> Selection {
        if recipe.data.validation > 0 { Selection::BestOnValidation } else { Selection::Last }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Selection::Last => "last epoch",
            Selection::BestOnValidation => "best epoch on the validation images",
            Selection::ChosenOnTest => "CHOSEN ON THE TEST IMAGES",
        })
    }
}

/// Which of a run's checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checkpoint {
    /// `checkpoints/last.safetensors`: where the run stands, with all that resuming needs.
    Last,
    /// `checkpoints/best.safetensors`: the weights of the best epoch on the validation images.
    Best,
    /// `checkpoints/final.safetensors`: the weights at the end, where they are not those that training goes
    /// on with: their moving average, or with running statistics that were estimated anew.
    Final,
}

impl Checkpoint {
    /// The name of its file.
    pub fn file_name(self) -> &'static str {
        match self {
            Checkpoint::Last => "last.safetensors",
            Checkpoint::Best => "best.safetensors",
            Checkpoint::Final => "final.safetensors",
        }
    }
}

/// How the names of kept checkpoints begin and end.
const KEPT: &str = "step-";
const EXTENSION: &str = ".safetensors";

/// The name of the checkpoint that was kept after that many steps.
pub(crate) fn kept_name(step: u64) -> String {
    format!("{KEPT}{step}{EXTENSION}")
}

/// The steps after which the checkpoint of that name was kept; `None` if it is no kept checkpoint's name.
pub(crate) fn kept_step(name: &str) -> Option<u64> {
    name.strip_prefix(KEPT)?.strip_suffix(EXTENSION)?.parse().ok()
}

/// What came out of a finished run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// The checkpoint with the reported weights.
    pub checkpoint: Checkpoint,
    /// The epoch they are from, from 1.
    pub checkpoint_epoch: u64,
    /// Epochs trained; the last may be a part of one.
    pub epochs: u64,
    /// Steps trained.
    pub steps: u64,
    /// Mean training loss of the last epoch, in nats.
    pub train_loss: f64,
    /// The reported weights on the validation images, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Scores>,
    /// The reported weights on the test images, unless the recipe never scores them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Scores>,
    /// Training speed, evaluation and checkpoints left out.
    pub images_per_second: f64,
    /// Time spent, evaluation and checkpoints included, interruptions left out.
    pub seconds: f64,
}
