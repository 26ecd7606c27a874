//! The processes of a training joined by MPI: sums of gradients, shared weights, a watch over each other.
//!
//! Without the feature `mpi` this crate is empty: it needs an MPI on the system (Open MPI or MPICH) and
//! libclang to be built.
//!
//! | file | job |
//! |---|---|
//! | `world` | `World`, which is `resnet_train::AllReduce` over MPI |
//! | `wire` | the one thread that talks to MPI |
//! | `watch` | who has stopped answering |

#[cfg(feature = "mpi")]
mod watch;
#[cfg(feature = "mpi")]
mod wire;
#[cfg(feature = "mpi")]
mod world;

#[cfg(feature = "mpi")]
pub use world::World;
