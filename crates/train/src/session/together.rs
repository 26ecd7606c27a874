//! What the processes of a training tell each other: that they train the same thing, where it begins, how
//! many images each has of a batch, and whether one of them is to stop.

use resnet_data::Rank;
use resnet_record::{Digest, Recipe, Run, RunRecord, Tools};
use ring::digest::{SHA256, digest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::engine::{Arrays, Engine, SnapshotContents};
use crate::processes::{Processes, decode, encode};
use crate::snapshot::{EngineState, Snapshot};
use crate::state::State;
use crate::{AllReduce as _, DataIdentity, Error, trajectory};

/// What a process is about to do.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Intent {
    version: String,
    /// A digest of the program's file; `None` where the file cannot be read.
    program: Option<String>,
    recipe: String,
    data: DataIdentity,
}

/// The header of what the first process sends when the others join it; the arrays' numbers follow.
#[derive(Debug, Serialize, Deserialize)]
struct Start {
    state: State,
    engine: EngineState,
    record: RunRecord,
    arrays: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// `None` for a variable itself.
    slot: Option<String>,
    name: String,
    len: usize,
}

/// How processes share one batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    /// The place of this process's first image in the batch.
    pub(super) first: usize,
    /// The images of the process that has the fewest.
    pub(super) fewest: usize,
    /// Whether a process is to stop.
    pub(super) stops: bool,
}

/// Checks that all processes run the same program, recipe and data.
///
/// # Errors
/// [`Error::Apart`], the same in every process, which names the first process that differs and how.
pub(super) fn agree(
    processes: &Processes,
    recipe: &Recipe,
    data: impl FnOnce() -> DataIdentity,
) -> Result<(), Error> {
    if !processes.are_several() {
        return Ok(());
    }
    let tools = Tools::here();
    let program = std::env::current_exe().and_then(std::fs::read).ok().map(|bytes| {
        let digest = digest(&SHA256, &bytes);
        digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    });
    let version = format!("{}, rustc {}", env!("CARGO_PKG_VERSION"), tools.rustc);
    let own = Intent { version, program, recipe: recipe.to_toml()?, data: data() };
    let all: Vec<Intent> = exchange(processes, &own)?;
    match (1..all.len()).find_map(|index| difference(&all[0], &all[index]).map(|what| (index, what))) {
        Some((index, what)) => Err(Error::Apart(format!("process {index} {what}"))),
        None => Ok(()),
    }
}

/// How `other` differs from the first process, in words that follow its number; `None` if it does not.
fn difference(first: &Intent, other: &Intent) -> Option<String> {
    if first.version != other.version || first.program != other.program {
        let word = |intent: &Intent| {
            format!("{}, {}", intent.version, intent.program.as_deref().unwrap_or("not readable"))
        };
        return Some(format!(
            "runs another build of this program ({}) than process 0 ({}); start the same file everywhere",
            word(other),
            word(first)
        ));
    }
    if first.recipe != other.recipe {
        let parsed = |text: &str| Recipe::of_checkpoint(text);
        let differences = match (parsed(&first.recipe), parsed(&other.recipe)) {
            (Some(first), Some(other)) => first.differences(&other),
            _ => vec![],
        };
        let keys = differences.iter().take(3).map(|difference| {
            let [of_first, of_other] = difference.values();
            format!("{} is {of_other}, not {of_first}", difference.key)
        });
        return Some(format!(
            "trains by another recipe than process 0: {}; start all of them with the same options",
            keys.collect::<Vec<_>>().join(", ")
        ));
    }
    let what = match (first.data, other.data) {
        (first, other) if first.classes != other.classes => "classes, or classes in another order,",
        (first, other) if first.images != other.images => "training images",
        _ => return None,
    };
    Some(format!("has other {what} than process 0; give all of them the same data"))
}

/// Gives every process the state, the record and the arrays of the first.
pub(super) fn follow_first(
    processes: &Processes,
    engine: &mut dyn Engine,
    contents: SnapshotContents,
    (state, run): (&mut State, &mut Run),
) -> Result<(), Error> {
    if !processes.are_several() {
        return Ok(());
    }
    let mut bytes = vec![];
    if processes.is_first() {
        bytes = packed(&engine.snapshot(contents), state, run.record())?;
    }
    processes.broadcast(&mut bytes)?;
    if !processes.is_first() {
        let (start, arrays) = unpacked(&bytes)?;
        engine.restore(start.engine, arrays)?;
        *state = start.state;
        run.update(|record| *record = start.record)?;
    }
    Ok(())
}

fn packed(snapshot: &Snapshot<'_>, state: &State, record: &RunRecord) -> Result<Vec<u8>, Error> {
    let (mut arrays, mut numbers) = (vec![], vec![]);
    for (name, slot) in snapshot.slots_by_name() {
        let values = snapshot.values(name)?;
        let (slot, bare) = match slot {
            Some((slot, bare)) => (Some(slot.to_owned()), bare),
            None => (None, name),
        };
        arrays.push(Entry { slot, name: bare.to_owned(), len: values.len() });
        numbers.extend(values.into_iter().flat_map(f32::to_le_bytes));
    }
    // The gradients of a step that is half done stay with the first process: they must count once.
    let engine = EngineState { accumulated: None, ..snapshot.state() };
    let start = Start { state: state.clone(), engine, record: record.clone(), arrays };
    let header = encode(&start)?;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(numbers);
    Ok(bytes)
}

fn unpacked(bytes: &[u8]) -> Result<(Start, Arrays), Error> {
    let damaged = || Error::Apart("what process 0 sent cannot be understood".to_owned());
    let (len, rest) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
    let (header, rest) = rest.split_at_checked(u64::from_le_bytes(*len) as usize).ok_or_else(damaged)?;
    let start: Start = decode(header)?;
    let (mut arrays, mut numbers) = (Arrays::default(), numbers(rest));
    for Entry { slot, name, len } in &start.arrays {
        let values: Vec<f32> = numbers.by_ref().take(*len).collect();
        if values.len() != *len {
            return Err(damaged());
        }
        match slot {
            Some(slot) => arrays.slots.entry(slot.clone()).or_default().insert(name.clone(), values),
            None => arrays.weights.insert(name.clone(), values),
        };
    }
    Ok((start, arrays))
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

/// The digest of a whole batch, from those of its parts; all processes must have the same weights after it.
///
/// # Errors
/// [`Error::Apart`] with the first process whose weights are others.
pub(super) fn certified(
    processes: &Processes,
    batch: Digest,
    weights: Digest,
    step: u64,
) -> Result<Digest, Error> {
    if !processes.are_several() {
        return Ok(batch);
    }
    let all: Vec<(Digest, Digest)> = exchange(processes, &(batch, weights))?;
    if let Some(index) = all.iter().position(|(_, weights)| *weights != all[0].1) {
        return Err(Error::Apart(format!(
            "after step {step} process {index} has other weights than process 0: their machines round differently, or one of \
             them is faulty; resume from the last checkpoint on machines of one kind"
        )));
    }
    let first = all[0].0;
    Ok(all[1..].iter().fold(first, |before, (next, _)| trajectory::joined(Some(before), *next)))
}

impl Shares {
    /// How a batch is shared of which this process has `own` images; `stops` says whether it wants to stop.
    pub(super) fn of(processes: &Processes, own: usize, stops: bool) -> Result<Shares, Error> {
        let Rank { index, world_size } = processes.rank();
        if world_size == 1 {
            return Ok(Shares { first: 0, fewest: own, stops });
        }
        let mut all = vec![0.0; world_size + 1];
        (all[index], all[world_size]) = (own as f64, f64::from(u8::from(stops)));
        processes.sum_f64(&mut all)?;
        let (images, stops) = (&all[..world_size], all[world_size] > 0.0);
        let fewest = images.iter().fold(f64::INFINITY, |fewest, &images| images.min(fewest));
        Ok(Shares { first: images[..index].iter().sum::<f64>() as usize, fewest: fewest as usize, stops })
    }
}

/// The values that all processes pass in as `own`, in the order of the processes.
pub(super) fn exchange<T: Serialize + DeserializeOwned>(
    processes: &Processes,
    own: &T,
) -> Result<Vec<T>, Error> {
    processes.gather(&encode(own)?)?.iter().map(|bytes| decode(bytes)).collect()
}
