//! The signal that a closed terminal sends, in a program that was started to outlive its terminal.

/// Runs `install`, which sets handlers of signals, and returns what it returns. Where SIGHUP was ignored
/// before, as `nohup` has it, it is ignored afterwards.
#[cfg(all(unix, not(miri)))]
pub fn kept_ignored<T>(install: impl FnOnce() -> T) -> T {
    // SAFETY: the struct holds integers, and pointers that may be null.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action the call only writes the present one, for which there is room.
    let is_known = unsafe { libc::sigaction(libc::SIGHUP, std::ptr::null(), &raw mut before) } == 0;
    let installed = install();
    if is_known && before.sa_sigaction == libc::SIG_IGN {
        // SAFETY: the action was in force before, and runs no code.
        unsafe { libc::sigaction(libc::SIGHUP, &raw const before, std::ptr::null_mut()) };
    }
    installed
}

/// Runs `install` and returns what it returns: here no program is told to ignore its terminal's end.
#[cfg(not(all(unix, not(miri))))]
pub fn kept_ignored<T>(install: impl FnOnce() -> T) -> T {
    install()
}
