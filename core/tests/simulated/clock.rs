//! The clock of the simulated world: it moves a little with each call, and stamps files at its ticks.

use file_process_store_core::fs::FileTime;

pub const MICROSECOND: i128 = 1_000;
pub const MILLISECOND: i128 = 1_000_000;
pub const SECOND: i128 = 1_000_000_000;

#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Nanoseconds since 1970.
    pub now: i128,
    /// Files are stamped with multiples of this, plus an odd offset below a millisecond where ticks are short.
    pub tick: i128,
    /// How long a call takes.
    pub step: i128,
}

impl Default for Clock {
    /// A Linux kernel that counts in ticks of 4 ms, at some moment in 2026.
    fn default() -> Self {
        Clock { now: 1_780_000_000 * SECOND + MILLISECOND, tick: 4 * MILLISECOND, step: 10 * MICROSECOND }
    }
}

impl Clock {
    pub fn now(&self) -> FileTime {
        time(self.now)
    }

    /// What a file that is changed now is stamped with.
    pub fn stamp(&self) -> FileTime {
        // Ticks of a kernel don't fall on whole milliseconds; those of FAT fall on whole seconds.
        let odd = if self.tick < SECOND { 123_457 } else { 0 };
        time((self.now - odd).div_euclid(self.tick) * self.tick + odd)
    }
}

fn time(nanos: i128) -> FileTime {
    FileTime { seconds: nanos.div_euclid(SECOND) as i64, nanos: nanos.rem_euclid(SECOND) as u32 }
}
