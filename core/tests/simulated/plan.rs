//! What is to go wrong, and when.

use std::path::PathBuf;

use super::node::Id;

/// The calls of the seam.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Stat,
    StatLink,
    ReadLink,
    Open,
    CreateNew,
    OpenLock,
    OpenWritable,
    Rename,
    Remove,
    List,
    CreateDir,
    SyncDir,
    SetDirOwner,
    FileStat,
    Read,
    Write,
    Truncate,
    Sync,
    SetMode,
    SetOwner,
    Attributes,
    SetAttribute,
    TryLock,
    Lock,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub op: Op,
    pub path: PathBuf,
    /// The open file that was asked, where one was.
    pub id: Option<Id>,
}

/// How a call fails.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    /// With this error of the system.
    Errno(i32),
    /// A write or read stops here and claims success.
    Short,
    /// The process dies here, with all its handles; nothing that it meant to do afterwards happens.
    Kill,
}

/// Which calls fail after the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Once,
    /// Every later call of the same kind, too.
    Kind,
    /// Every later call.
    All,
}

/// What one process has done since something was planned for it, and the plan.
#[derive(Default)]
pub struct Own {
    pub calls: Vec<Call>,
    pub failure: Option<(usize, Failure, Reach)>,
    pub failing: Option<Op>,
    pub interruption: Option<(When, Box<dyn FnOnce() + Send>)>,
}

#[derive(Clone, Copy, Debug)]
pub enum When {
    Call(usize),
    First(Op),
}

impl Own {
    /// How call number `number` fails, if it does.
    pub fn planned(&mut self, number: usize, op: Op) -> Option<Failure> {
        let (at, failure, reach) = self.failure?;
        if number == at && self.failing.is_none() {
            self.failing = Some(op);
        }
        let hit = match reach {
            Reach::Once => number == at,
            Reach::Kind => number >= at && self.failing == Some(op),
            Reach::All => number >= at,
        };
        hit.then_some(failure)
    }
}
