//! Who measures when. A shared machine drifts by tens of per cent within minutes, so ours and a peer's turns
//! alternate, and what counts is the ratio within a pair of turns.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use resnet_kernels::{Isa, probe};
use resnet_ops::with_threads;

use crate::peer::{Peer, Setting};
use crate::statistics::Spread;
use crate::subject::Subject;
use crate::worker::{Crew, Hello, Worker};

/// The least length of a turn, in seconds.
const TURN: f64 = 1.0;
/// Steps before the first that counts: caches, pools of buffers and primitives fill.
const WARM_UP_STEPS: usize = 3;
/// Turns by which a peer's settings are compared before the pairs.
const TRIAL_TURNS: usize = 3;
/// A pause before each turn: threads of the worker that measured before may still spin before they sleep.
const REST: Duration = Duration::from_millis(50);
/// How long multiply-adds are counted before a turn.
const PROBE: Duration = Duration::from_millis(50);

/// A turn before which multiply-adds ran at less than this part of their best was disturbed.
const UNDISTURBED: f64 = 0.75;

/// What was measured of one side.
#[derive(Debug)]
pub struct Side {
    /// Its name for scripts, such as `pytorch`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Images per second of each turn.
    pub images_per_second: Vec<f64>,
    /// GFLOP/s of multiply-adds on as many threads before each turn.
    pub fma_gflops: Vec<f64>,
    /// Threads that compute.
    pub threads: usize,
    /// The most memory its process has had, where the system tells.
    pub peak_memory_bytes: Option<u64>,
}

/// Who takes turns with us: a peer in its fastest setting, or ourselves on one thread.
#[derive(Debug)]
pub struct Rival {
    /// Its name: "PyTorch", "one thread".
    pub title: &'static str,
    /// What was measured.
    pub side: Side,
    /// The setting, in words.
    pub setting: String,
    /// All settings that were compared; none where there is no choice.
    pub trials: Vec<Trial>,
}

/// What a peer did in one setting, before the pairs.
#[derive(Debug)]
pub struct Trial {
    /// The setting, in words.
    pub setting: String,
    /// Images per second of its fastest turn.
    pub images_per_second: f64,
    /// The most memory its process has had, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// GFLOP/s of multiply-adds on as many threads before each turn.
    pub fma_gflops: Vec<f64>,
}

/// The measurements of our side and, if there is one, of its rival.
#[derive(Debug)]
pub struct Comparison {
    /// Our side.
    pub ours: Side,
    /// The other, if there is one.
    pub rival: Option<Rival>,
}

/// Turns that should not be trusted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Disturbed {
    /// How many turns were disturbed.
    pub turns: usize,
    /// How many turns there were in all.
    pub of: usize,
    /// The most GFLOP/s of multiply-adds per thread before any turn on as many threads as ours.
    pub best_gflops: f64,
    /// A turn counts if it had less than this percentage of the best on as many threads.
    pub percent: f64,
}

/// What happens during a comparison, for whoever waits.
#[derive(Debug)]
pub enum Event<'a> {
    /// A peer is started in a setting.
    Starting {
        /// The peer.
        title: &'a str,
        /// The setting, in words.
        setting: &'a str,
    },
    /// All sides are warm; the turns that count begin.
    Ready,
    /// So many turns or pairs of turns are measured; the images per second of the last.
    Measured {
        /// How many.
        done: u64,
        /// Our images per second.
        ours: f64,
        /// The rival's name and images per second.
        theirs: Option<(&'a str, f64)>,
    },
}

impl Comparison {
    /// How many times as fast as the rival we were, in each pair.
    pub fn ratios(&self) -> Vec<f64> {
        let theirs = self.rival.iter().flat_map(|rival| &rival.side.images_per_second);
        self.ours.images_per_second.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect()
    }

    /// The turns before which the machine gave less than at its best, if there are any: others computed, or
    /// the host had put two threads on one core.
    pub fn disturbed(&self) -> Option<Disturbed> {
        // One thread alone may well have more than each of several: each number of threads has its best.
        let mut probes: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        let mut add = |threads: usize, gflops: &[f64]| {
            let per_thread = gflops.iter().map(|probe| probe / threads as f64);
            probes.entry(threads).or_default().extend(per_thread);
        };
        add(self.ours.threads, &self.ours.fma_gflops);
        if let Some(Rival { side, trials, .. }) = &self.rival {
            add(side.threads, &side.fma_gflops);
            trials.iter().for_each(|trial| add(side.threads, &trial.fma_gflops));
        }
        let best = |probes: &[f64]| Spread::of(probes.iter().copied()).highest;
        let turns: usize = probes.values().map(|probes| disturbed(probes, best(probes))).sum();
        let of: usize = probes.values().map(Vec::len).sum();
        let best_gflops = probes.get(&self.ours.threads).map_or(f64::NAN, |probes| best(probes));
        let percent = 100.0 * UNDISTURBED;
        (turns > 0).then_some(Disturbed { turns, of, best_gflops, percent })
    }
}

fn disturbed(probes: &[f64], best: f64) -> usize {
    probes.iter().filter(|probe| **probe < UNDISTURBED * best).count()
}

/// A comparison that is about to be made.
pub struct Bench<'a> {
    /// All processes that measure; whoever holds it can stop them.
    pub crew: &'a Crew,
    /// What is measured.
    pub subject: &'a Subject,
    /// The command of our worker for a subject: a program that calls [`serve`](crate::serve).
    pub worker: &'a dyn Fn(&Subject) -> Command,
}

impl<'a> Bench<'a> {
    /// Measures ours `turns` times.
    ///
    /// # Errors
    /// If a worker cannot be started, or fails.
    pub fn alone(&self, turns: usize, on_event: &mut dyn FnMut(Event<'_>)) -> anyhow::Result<Comparison> {
        let mut ours = self.ours(self.subject)?;
        ours.warm_up(self.subject)?;
        on_event(Event::Ready);
        for done in 1..=turns as u64 {
            ours.measure(self.subject)?;
            on_event(Event::Measured { done, ours: ours.last(), theirs: None });
        }
        Ok(Comparison { ours: ours.side, rival: None })
    }

    /// Measures ours and the fastest setting of `peer` in `pairs` pairs of turns.
    ///
    /// # Errors
    /// If a worker cannot be started, lacks a module, or fails.
    pub fn against(
        &self,
        peer: &Peer,
        pairs: usize,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> anyhow::Result<Comparison> {
        let (setting, trials) = self.fastest_setting(peer, on_event)?;
        let (theirs, title) = (self.theirs(peer, &setting, on_event)?, peer.title());
        let (ours, side) = self.alternate((theirs, title), pairs, on_event)?;
        Ok(Comparison { ours, rival: Some(Rival { title, side, setting: setting.name, trials }) })
    }

    /// Measures ours on the subject's threads and on one, in `pairs` pairs of turns.
    ///
    /// # Errors
    /// If a worker cannot be started, or fails.
    pub fn against_one_thread(
        &self,
        pairs: usize,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> anyhow::Result<Comparison> {
        let (theirs, title) = (self.ours(&self.subject.on_one_thread())?, "one thread");
        let (ours, side) = self.alternate((theirs, title), pairs, on_event)?;
        let rival = Rival { title, side, setting: "the same network".to_owned(), trials: vec![] };
        Ok(Comparison { ours, rival: Some(rival) })
    }

    /// Pairs of turns, after a warm-up: ours and theirs.
    fn alternate(
        &self,
        (mut theirs, title): (Player<'a>, &str),
        pairs: usize,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> anyhow::Result<(Side, Side)> {
        let mut ours = self.ours(self.subject)?;
        theirs.warm_up(self.subject)?;
        ours.warm_up(self.subject)?;
        on_event(Event::Ready);
        for done in 1..=pairs as u64 {
            // Who goes first alternates, so that a steady drift favours nobody.
            let order = if done % 2 == 1 { [&mut ours, &mut theirs] } else { [&mut theirs, &mut ours] };
            for player in order {
                player.measure(self.subject)?;
            }
            on_event(Event::Measured { done, ours: ours.last(), theirs: Some((title, theirs.last())) });
        }
        Ok((ours.side, theirs.side))
    }

    /// The peer's fastest setting. One process after the other: all at once might not fit into memory.
    fn fastest_setting(
        &self,
        peer: &Peer,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> anyhow::Result<(Setting, Vec<Trial>)> {
        let mut settings = peer.settings();
        if settings.len() == 1 {
            return Ok((settings.remove(0), vec![]));
        }
        let mut trials = vec![];
        for setting in &settings {
            let mut player = self.theirs(peer, setting, on_event)?;
            player.warm_up(self.subject)?;
            for _ in 0..TRIAL_TURNS {
                player.measure(self.subject)?;
            }
            trials.push(Trial {
                setting: setting.name.clone(),
                // The fastest turn: a machine that is disturbed for some seconds must not decide.
                images_per_second: Spread::of(player.side.images_per_second.iter().copied()).highest,
                peak_memory_bytes: player.side.peak_memory_bytes,
                fma_gflops: player.side.fma_gflops,
            });
        }
        let rate = |index: &usize| trials[*index].images_per_second;
        let fastest = (0..trials.len()).max_by(|a, b| rate(a).total_cmp(&rate(b)));
        Ok((settings.swap_remove(fastest.context("a peer has a setting")?), trials))
    }

    fn ours(&self, subject: &Subject) -> anyhow::Result<Player<'a>> {
        let worker = Worker::start(self.crew, "our worker", (self.worker)(subject));
        let worker = worker.context("cannot start our worker")?;
        let mut player = Player::new(worker, subject.threads, String::new(), String::new());
        match player.worker.hello()? {
            Hello::Ready { name, version } => (player.side.name, player.side.version) = (name, version),
            Hello::Missing(modules) => bail!("our worker misses {}", modules.join(", ")),
        }
        Ok(player)
    }

    fn theirs(
        &self,
        peer: &Peer,
        setting: &Setting,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> anyhow::Result<Player<'a>> {
        on_event(Event::Starting { title: peer.title(), setting: &setting.name });
        let (worker, name, version) = peer.start(self.crew, self.subject, setting)?;
        Ok(Player::new(worker, self.subject.threads, name, version))
    }
}

/// A worker and what it has measured.
struct Player<'a> {
    worker: Worker<'a>,
    side: Side,
}

impl<'a> Player<'a> {
    fn new(worker: Worker<'a>, threads: usize, name: String, version: String) -> Player<'a> {
        let (images_per_second, fma_gflops) = (vec![], vec![]);
        let side = Side { name, version, images_per_second, fma_gflops, threads, peak_memory_bytes: None };
        Player { worker, side }
    }

    /// Turns that don't count.
    fn warm_up(&mut self, subject: &Subject) -> anyhow::Result<()> {
        let mut steps = 0;
        while steps < WARM_UP_STEPS {
            let turn = self.worker.turn(TURN)?;
            steps += turn.seconds.len();
            tracing::debug!(
                "{} warms up: {:.1} images/s",
                self.side.name,
                turn.images_per_second(subject.batch)
            );
        }
        Ok(())
    }

    /// A turn that counts.
    fn measure(&mut self, subject: &Subject) -> anyhow::Result<()> {
        std::thread::sleep(REST);
        let probe = || probe::fma_gflops(Isa::best(), PROBE);
        let here = resnet_ops::threads() == self.side.threads;
        self.side.fma_gflops.push(if here { probe() } else { with_threads(self.side.threads, probe) });
        let turn = self.worker.turn(TURN)?;
        self.side.images_per_second.push(turn.images_per_second(subject.batch));
        self.side.peak_memory_bytes = turn.peak_memory_bytes;
        Ok(())
    }

    /// The images per second of the last turn.
    fn last(&self) -> f64 {
        self.side.images_per_second.last().copied().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(rates: &[f64]) -> Side {
        Side {
            name: String::new(),
            version: String::new(),
            images_per_second: rates.to_vec(),
            fma_gflops: vec![],
            threads: 1,
            peak_memory_bytes: None,
        }
    }

    #[test]
    fn ratios_are_of_pairs() {
        let rival = Rival { title: "", side: side(&[2.0, 10.0]), setting: String::new(), trials: vec![] };
        let outcome = Comparison { ours: side(&[4.0, 30.0]), rival: Some(rival) };
        assert_eq!(outcome.ratios(), [2.0, 3.0]);
        assert!(Comparison { ours: side(&[4.0]), rival: None }.ratios().is_empty());
    }

    #[test]
    fn half_speed_is_a_disturbed_turn() {
        assert_eq!(disturbed(&[200.0, 190.0, 100.0, 151.0], 200.0), 1);
        assert_eq!(disturbed(&[100.0, 100.0], 200.0), 2);
        assert_eq!(disturbed(&[], f64::NAN), 0);
        let comparison = |probes: &[f64]| {
            let ours = Side { fma_gflops: probes.to_vec(), threads: 2, ..side(&[]) };
            Comparison { ours, rival: None }.disturbed()
        };
        assert_eq!(comparison(&[200.0, 190.0]), None);
        let found = Disturbed { turns: 1, of: 2, best_gflops: 100.0, percent: 75.0 };
        assert_eq!(comparison(&[200.0, 100.0]), Some(found));
    }

    #[test]
    fn one_thread_alone_is_no_measure_of_each_of_several() {
        // Two threads share what one alone has: 100 GFLOP/s, or 60 each.
        let comparison = |one: &[f64]| {
            let ours = Side { fma_gflops: vec![120.0, 118.0], threads: 2, ..side(&[]) };
            let one = Side { fma_gflops: one.to_vec(), ..side(&[]) };
            let rival = Rival { title: "", side: one, setting: String::new(), trials: vec![] };
            Comparison { ours, rival: Some(rival) }.disturbed()
        };
        assert_eq!(comparison(&[100.0, 98.0]), None);
        let found = Disturbed { turns: 1, of: 4, best_gflops: 60.0, percent: 75.0 };
        assert_eq!(comparison(&[100.0, 50.0]), Some(found));
    }
}
