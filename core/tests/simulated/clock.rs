//! The clock of the simulated world: it moves a little with each call, and stamps files at its ticks.

use std::time::Duration;

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
    /// How far the clock of the programs is ahead of the one that stamps files: 0 on a local disk.
    pub ahead: i128,
    /// Time that has passed, whatever the clocks were set to.
    pub passed: i128,
}

impl Default for Clock {
    /// A Linux kernel that counts in ticks of 4 ms, at some moment in 2026.
    fn default() -> Self {
        Clock {
            now: 1_780_000_000 * SECOND + MILLISECOND,
            tick: 4 * MILLISECOND,
            step: 10 * MICROSECOND,
            ahead: 0,
            passed: 0,
        }
    }
}

impl Clock {
    pub fn now(&self) -> FileTime {
        time(self.now)
    }

    pub fn pass(&mut self, nanos: i128) {
        self.now += nanos;
        self.passed += nanos.max(0);
    }

    pub fn uptime(&self) -> Duration {
        Duration::from_nanos(self.passed as u64)
    }

    /// The clock of the programs. It has the ticks of the kernel, which are finer than those of FAT.
    pub fn of_programs(&self) -> FileTime {
        let kernel = Clock { tick: if self.tick < SECOND { self.tick } else { 4 * MILLISECOND }, ..*self };
        time(kernel.stamp().as_nanos() + self.ahead)
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
