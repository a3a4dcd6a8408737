//! What cron is told.

/// How a run ended, as the exit code that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is as desired.
    Fine = 0,
    /// The run ended, but some change failed, some source was missing or someone could not be served.
    Incomplete = 1,
    /// Could not run: usage, config, credentials, ledger.
    CouldNotRun = 2,
    /// With `--dry-run --detailed-exitcode`: changes are pending.
    Pending = 3,
    /// Refused by a limit, or not the plan that was reviewed.
    Refused = 4,
    /// Another run holds the lock.
    Locked = 5,
}

impl Exit {
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Fine, or incomplete.
    pub const fn when(fine: bool) -> Self {
        if fine { Self::Fine } else { Self::Incomplete }
    }
}
