//! The processes that train together: joined by MPI where mpirun has started several, else this one alone.

use std::path::Path;
use std::sync::Arc;

use resnet_record::{Recipe, Run, RunRecord};
use resnet_train::{AllReduce, Alone};

use crate::args::RanksArgs;
use crate::failure::Ended;
use crate::progress::{self, Voice};

/// This process among those that train together.
pub(crate) struct Company {
    all: Arc<dyn AllReduce>,
    #[cfg(feature = "mpi")]
    world: Option<Arc<resnet_mpi::World>>,
}

/// How mpirun and srun tell a process how many there are.
#[cfg(not(feature = "mpi"))]
const COUNTS: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];

impl Company {
    /// Joins the others, if there are any. The first process speaks for all.
    #[cfg(feature = "mpi")]
    pub(crate) fn join(args: &RanksArgs) -> anyhow::Result<Company> {
        let world = resnet_mpi::World::join(std::time::Duration::from_secs(args.rank_timeout))?.map(Arc::new);
        let all: Arc<dyn AllReduce> = match &world {
            Some(world) => Arc::clone(world) as _,
            None => Arc::new(Alone),
        };
        let company = Company { all, world };
        match company.is_first() {
            _ if args.log_ranks && company.are_several() => progress::speak(Voice::After(company.name())),
            true => {}
            false => progress::speak(Voice::Silent),
        }
        Ok(company)
    }

    /// This process alone; several would each train by itself and be in each other's way.
    #[cfg(not(feature = "mpi"))]
    pub(crate) fn join(_: &RanksArgs) -> anyhow::Result<Company> {
        let count = |name| std::env::var(name).ok()?.parse::<usize>().ok();
        if COUNTS.iter().filter_map(count).any(|count| count > 1) {
            anyhow::bail!(
                "mpirun has started several processes, and this program was built without MPI; build it with: cargo xtask \
                 train --features mpi"
            );
        }
        Ok(Company { all: Arc::new(Alone) })
    }

    pub(crate) fn all(&self) -> Arc<dyn AllReduce> {
        Arc::clone(&self.all)
    }

    pub(crate) fn is_first(&self) -> bool {
        self.all.rank().index == 0
    }

    pub(crate) fn are_several(&self) -> bool {
        self.all.rank().world_size > 1
    }

    fn name(&self) -> String {
        format!("process {}: ", self.all.rank().index)
    }

    /// Has the first process act before the others: what it downloads is there for them.
    pub(crate) fn first_before_others<T>(
        &self,
        act: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        if self.is_first() {
            let done = act()?;
            self.all.gather(&[])?;
            return Ok(done);
        }
        self.all.gather(&[])?;
        act()
    }

    /// The run that the first process has opened, to the others; theirs are kept by it.
    pub(crate) fn share(
        &self,
        folder: &Path,
        open: impl FnOnce() -> anyhow::Result<Run>,
    ) -> anyhow::Result<Run> {
        let mut bytes = vec![];
        let mut own = None;
        if self.is_first() {
            let run = open()?;
            bytes = serde_json::to_vec(&(run.recipe().to_toml()?, run.record()))?;
            own = Some(run);
        }
        self.all.broadcast(&mut bytes)?;
        if let Some(run) = own {
            return Ok(run);
        }
        let (recipe, record): (String, RunRecord) = serde_json::from_slice(&bytes)?;
        let recipe = Recipe::parse(&recipe, "the run's recipe")?;
        Ok(Run::kept_elsewhere(folder, &recipe, record))
    }

    /// How the command ends. A process that cannot go on ends all of them; where all know why, the first says
    /// it.
    pub(crate) fn end(self, done: anyhow::Result<()>) -> anyhow::Result<()> {
        match &done {
            Err(error) if self.are_several() && error.downcast_ref::<Ended>().is_none() => self.leave(error),
            _ => done,
        }
    }

    #[cfg(feature = "mpi")]
    fn leave(self, error: &anyhow::Error) -> anyhow::Result<()> {
        if !self.is_first() {
            std::thread::sleep(std::time::Duration::from_secs(2));
        }
        progress::speak(Voice::After(self.name()));
        crate::failure::report(error);
        match self.world {
            Some(world) => world.abort(),
            None => Err(Ended::Reported.into()),
        }
    }

    #[cfg(not(feature = "mpi"))]
    fn leave(self, error: &anyhow::Error) -> anyhow::Result<()> {
        progress::speak(Voice::After(self.name()));
        crate::failure::report(error);
        Err(Ended::Reported.into())
    }
}
