//! Who measures when. A shared machine drifts by tens of per cent within minutes, so ours and a peer's turns
//! alternate, and what counts is the ratio within a pair of turns.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use resnet_kernels::{Isa, probe};
use resnet_ops::with_threads;

use crate::numbers;
use crate::progress::{self, Meter, Show, Unit};

use super::peer::{Peer, Setting};
use super::statistics::Spread;
use super::subject::Subject;
use super::worker::{Crew, Hello, Worker};

/// What a turn takes at least, in seconds.
const TURN: f64 = 1.0;
/// Steps before the first that counts: caches, pools of buffers and primitives fill.
const WARM_UP_STEPS: usize = 3;
/// Turns by which a peer's settings are compared before the pairs.
const TRIAL_TURNS: usize = 3;
/// Threads of who measured last may still look for work before they sleep.
const REST: Duration = Duration::from_millis(50);
/// How long multiply-adds are counted before a turn.
const PROBE: Duration = Duration::from_millis(50);

/// What was measured of one side.
#[derive(Debug)]
pub(super) struct Side {
    /// For scripts: `pytorch`, ...
    pub(super) name: String,
    pub(super) version: String,
    /// Of each turn.
    pub(super) images_per_second: Vec<f64>,
    /// GFLOP/s of multiply-adds on as many threads before each turn.
    pub(super) fma_gflops: Vec<f64>,
    pub(super) threads: usize,
    pub(super) peak_memory_bytes: Option<u64>,
}

/// A peer, with what its settings did.
#[derive(Debug)]
pub(super) struct Rival {
    pub(super) title: &'static str,
    pub(super) side: Side,
    pub(super) setting: String,
    /// All settings that were compared; none where there is no choice.
    pub(super) trials: Vec<Trial>,
}

/// What a peer did in one setting, before the pairs.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) setting: String,
    pub(super) images_per_second: f64,
    pub(super) peak_memory_bytes: Option<u64>,
    /// Before each of its turns.
    pub(super) fma_gflops: Vec<f64>,
}

#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) ours: Side,
    pub(super) rival: Option<Rival>,
}

impl Outcome {
    /// How many times as fast as the peer we were, in each pair.
    pub(super) fn ratios(&self) -> Vec<f64> {
        let theirs = self.rival.iter().flat_map(|rival| &rival.side.images_per_second);
        self.ours.images_per_second.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect()
    }
}

/// Measures ours `turns` times.
pub(super) fn alone(crew: &Crew, subject: &Subject, turns: usize) -> anyhow::Result<Outcome> {
    let mut ours = Player::ours(crew, subject)?;
    ours.warm_up(subject)?;
    let mut meter = Meter::new(Unit::Turns, 0, turns as u64, Show::Always);
    for turn in 1..=turns {
        ours.measure(subject)?;
        meter.update(turn as u64, |left| format!("{} images/s · {left}", ours.last()));
    }
    Ok(Outcome { ours: ours.side, rival: None })
}

/// Measures ours and the best setting of `peer` in `pairs` pairs of turns.
pub(super) fn against(crew: &Crew, subject: &Subject, peer: &Peer, pairs: usize) -> anyhow::Result<Outcome> {
    let (setting, trials) = best_setting(crew, subject, peer)?;
    let theirs = Player::theirs(crew, subject, peer, &setting)?;
    let (ours, theirs) = alternate(crew, subject, (theirs, peer.title()), pairs)?;
    let rival = Rival { title: peer.title(), side: theirs, setting: setting.name, trials };
    Ok(Outcome { ours, rival: Some(rival) })
}

/// Measures ours on the subject's threads and on one, in `pairs` pairs of turns.
pub(super) fn against_one_thread(crew: &Crew, subject: &Subject, pairs: usize) -> anyhow::Result<Outcome> {
    let title = "one thread";
    let theirs = Player::ours(crew, &subject.on_one_thread())?;
    let (ours, theirs) = alternate(crew, subject, (theirs, title), pairs)?;
    let rival = Rival { title, side: theirs, setting: "the same network".to_owned(), trials: vec![] };
    Ok(Outcome { ours, rival: Some(rival) })
}

/// Pairs of turns, after a warm-up: ours and theirs.
fn alternate(
    crew: &Crew,
    subject: &Subject,
    (mut theirs, title): (Player, &str),
    pairs: usize,
) -> anyhow::Result<(Side, Side)> {
    let mut ours = Player::ours(crew, subject)?;
    theirs.warm_up(subject)?;
    ours.warm_up(subject)?;
    let mut meter = Meter::new(Unit::Pairs, 0, pairs as u64, Show::Always);
    for pair in 1..=pairs {
        // Who goes first alternates, so that a steady drift favours nobody.
        let order = if pair % 2 == 1 { [&mut ours, &mut theirs] } else { [&mut theirs, &mut ours] };
        for player in order {
            player.measure(subject)?;
        }
        meter.update(pair as u64, |left| {
            format!("ours {}, {title} {} images/s · {left}", ours.last(), theirs.last())
        });
    }
    Ok((ours.side, theirs.side))
}

/// The peer's fastest setting. One process after the other: all at once might not fit into memory.
fn best_setting(crew: &Crew, subject: &Subject, peer: &Peer) -> anyhow::Result<(Setting, Vec<Trial>)> {
    let mut settings = peer.settings();
    if settings.len() == 1 {
        return Ok((settings.remove(0), vec![]));
    }
    let mut trials = vec![];
    for setting in &settings {
        let mut player = Player::theirs(crew, subject, peer, setting)?;
        player.warm_up(subject)?;
        for _ in 0..TRIAL_TURNS {
            player.measure(subject)?;
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
    let best =
        (0..trials.len()).max_by(|a, b| rate(a).total_cmp(&rate(b))).context("a peer has a setting")?;
    Ok((settings.swap_remove(best), trials))
}

/// A worker and what it has measured.
struct Player<'a> {
    worker: Worker<'a>,
    side: Side,
}

impl<'a> Player<'a> {
    fn ours(crew: &'a Crew, subject: &Subject) -> anyhow::Result<Player<'a>> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command.arg("bench-worker").args(subject.options());
        let worker = Worker::start(crew, "our worker", command).context("cannot start our worker")?;
        let mut player = Player::new(worker, subject.threads, String::new(), String::new());
        match player.worker.hello()? {
            Hello::Ready { name, version } => (player.side.name, player.side.version) = (name, version),
            Hello::Missing(modules) => bail!("our worker misses {}", modules.join(", ")),
        }
        Ok(player)
    }

    fn theirs(
        crew: &'a Crew,
        subject: &Subject,
        peer: &Peer,
        setting: &Setting,
    ) -> anyhow::Result<Player<'a>> {
        progress::line(&format!("starting {} ({})", peer.title(), setting.name));
        let (worker, name, version) = peer.start(crew, subject, setting)?;
        Ok(Player::new(worker, subject.threads, name, version))
    }

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

    /// The last turn's speed, as people read it.
    fn last(&self) -> String {
        self.side.images_per_second.last().map_or_else(String::new, |rate| numbers::speed(*rate))
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
        let outcome = Outcome { ours: side(&[4.0, 30.0]), rival: Some(rival) };
        assert_eq!(outcome.ratios(), [2.0, 3.0]);
        assert!(Outcome { ours: side(&[4.0]), rival: None }.ratios().is_empty());
    }
}
