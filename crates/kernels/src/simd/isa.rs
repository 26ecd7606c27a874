//! The instruction sets that kernels are compiled for, and which of them this machine has.

use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;
#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
use super::portable::Portable;
use super::{Kernel, Simd, dispatch};

/// An instruction set that this machine has: only detection makes one, so that code compiled for it may run.
///
/// | name | lanes | |
/// |---|---|---|
/// | `portable4` | 4 | plain Rust, on any machine |
/// | `avx2` | 8 | x86-64 with AVX2, FMA and BMI2 |
/// | `avx512` | 16 | the same with AVX-512F |
/// | `neon` | 4 | aarch64 |
/// | `portable8`, `portable16` | 8, 16 | plain Rust, with the feature `all-lanes` |
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Isa(Set);

/// Each instruction set with the token that proves that this CPU has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Set {
    Portable4(Portable<4>),
    #[cfg(feature = "all-lanes")]
    Portable8(Portable<8>),
    #[cfg(feature = "all-lanes")]
    Portable16(Portable<16>),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
}

/// The environment asks for an instruction set that is unknown, or that this machine lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{VARIABLE} asks for {asked:?}, which this machine does not have: unset it, or name one of {}",
    names()
)]
pub struct UnknownIsa {
    asked: String,
}

/// The environment variable that picks an instruction set.
const VARIABLE: &str = "RESNET_ISA";

impl Isa {
    /// Every instruction set this machine has, the fastest last: what tests iterate over.
    pub fn available() -> Vec<Isa> {
        let portable = [
            #[cfg(feature = "all-lanes")]
            Set::Portable16(Portable),
            #[cfg(feature = "all-lanes")]
            Set::Portable8(Portable),
            Set::Portable4(Portable),
        ];
        #[cfg(target_arch = "x86_64")]
        let detected = [Avx2::detect().map(Set::Avx2), Avx512::detect().map(Set::Avx512)];
        #[cfg(target_arch = "aarch64")]
        let detected = [Some(Set::Neon(Neon::new()))];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let detected = [None; 0];
        portable.into_iter().chain(detected.into_iter().flatten()).map(Isa).collect()
    }

    /// The instruction set called `name`, in upper or lower case, if this machine has it.
    pub fn by_name(name: &str) -> Option<Isa> {
        Isa::available().into_iter().find(|isa| isa.name().eq_ignore_ascii_case(name))
    }

    /// What `RESNET_ISA` asks for, if it is set. Looked up once.
    ///
    /// # Errors
    /// If it is the name of no instruction set that this machine has. [`Isa::best`] ignores such a name, so
    /// callers that can report errors call this first.
    pub fn requested() -> Result<Option<Isa>, UnknownIsa> {
        static REQUESTED: OnceLock<Result<Option<Isa>, UnknownIsa>> = OnceLock::new();
        let look = || parse(&std::env::var_os(VARIABLE).unwrap_or_default().to_string_lossy());
        REQUESTED.get_or_init(look).clone()
    }

    /// What `RESNET_ISA` asks for if this machine has it, else the fastest that it has. Looked up once.
    pub fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| {
            let fastest = || *Isa::available().last().expect("portable vectors are always there");
            Isa::requested().ok().flatten().unwrap_or_else(fastest)
        })
    }

    /// Lower-case name, as in `RESNET_ISA`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable4(_) => "portable4",
            #[cfg(feature = "all-lanes")]
            Set::Portable8(_) => "portable8",
            #[cfg(feature = "all-lanes")]
            Set::Portable16(_) => "portable16",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Set::Neon(_) => "neon",
        }
    }

    /// Number of f32 lanes in one vector: of the very type that [`dispatch`] hands to kernels.
    pub fn lanes(self) -> usize {
        struct Lanes;
        impl Kernel for Lanes {
            type Output = usize;
            #[inline(always)]
            fn run<S: Simd>(self, _: S) -> usize {
                S::LANES
            }
        }
        dispatch(self, Lanes)
    }

    /// Whether its vectors are computed in two halves, one after the other: then a core does as many
    /// multiply-adds per cycle as with vectors of half the lanes. Looked up once.
    pub(crate) fn is_double_pumped(self) -> bool {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(avx512) => {
                static IS: OnceLock<bool> = OnceLock::new();
                *IS.get_or_init(|| avx512.is_double_pumped())
            }
            _ => false,
        }
    }

    /// The proof that this machine has AVX2, if the instruction set is that or one that has it as well.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn avx2(self) -> Option<Avx2> {
        match self.0 {
            Set::Avx2(avx2) => Some(avx2),
            Set::Avx512(avx512) => Some(avx512.avx2()),
            _ => None,
        }
    }

    pub(super) fn set(self) -> Set {
        self.0
    }
}

impl std::fmt::Debug for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The instruction set named `asked`; `None` if that is empty.
fn parse(asked: &str) -> Result<Option<Isa>, UnknownIsa> {
    match (asked, Isa::by_name(asked)) {
        ("", _) => Ok(None),
        (_, Some(isa)) => Ok(Some(isa)),
        (_, None) => Err(UnknownIsa { asked: asked.to_owned() }),
    }
}

fn names() -> String {
    Isa::available().into_iter().map(Isa::name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_vector_is_there_on_every_machine() {
        let lanes: Vec<usize> = Isa::available().into_iter().map(Isa::lanes).collect();
        let expected: &[usize] = if cfg!(feature = "all-lanes") { &[4, 8, 16] } else { &[4] };
        assert!(expected.iter().all(|n| lanes.contains(n)), "{lanes:?}");
    }

    #[test]
    fn the_best_is_of_the_cpu_if_that_has_any() {
        if Isa::requested() == Ok(None) {
            let detected = Isa::available().into_iter().rfind(|isa| !isa.name().starts_with("portable"));
            assert_eq!(Isa::best().name(), detected.map_or("portable4", Isa::name));
        }
    }

    #[test]
    fn names_lead_back_to_where_they_come_from() {
        for isa in Isa::available() {
            assert_eq!(Isa::by_name(isa.name()), Some(isa));
            assert_eq!(parse(&isa.name().to_uppercase()), Ok(Some(isa)));
        }
    }

    #[test]
    fn a_request_for_what_is_not_there_is_an_error_that_says_what_is() {
        assert_eq!(parse(""), Ok(None));
        let of_another_machine = if cfg!(target_arch = "aarch64") { "avx2" } else { "neon" };
        for asked in ["scalar", "avx1024", of_another_machine, " ", "portable"] {
            let message = parse(asked).expect_err("nothing here is called so").to_string();
            let start = format!("RESNET_ISA asks for {asked:?}, which this machine does not have: ");
            assert!(message.starts_with(&start) && message.contains("portable4, "), "{message}");
        }
    }
}
