//! Why a pickle is not read.

/// Why a pickle is not read; the text follows "the pickle".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end before the pickle does.
    #[error("ends too early")]
    Cut,
    /// An opcode contradicts what came before it.
    #[error("{what} at byte {at}")]
    Damaged {
        /// Where the opcode lies.
        at: usize,
        /// What it does.
        what: &'static str,
    },
    /// A byte is no opcode of any protocol.
    #[error("has the opcode {opcode:#04x} at byte {at}, which Python does not know")]
    Opcode {
        /// Where it lies.
        at: usize,
        /// The byte.
        opcode: u8,
    },
    /// A protocol after the last one that is understood.
    #[error("has protocol {0}, and only 0 to 5 are known")]
    Protocol(u8),
    /// Data that protocol 5 transports beside the pickle.
    #[error("keeps some of its data outside itself")]
    OutOfBand,
    /// More opcodes than the caller allows.
    #[error("has more than {0} opcodes")]
    TooLong(usize),
}
