//! A recovery is as safe as a commit: whatever fails, and whenever the machine stops, the damaged file is there,
//! whole, under one name or the other.

#![cfg(unix)] // The numbers of the errors are those of Unix.

mod histories;
mod simulated;

use std::path::Path;

use file_process_store_core::{Error, Recovery, WriteOptions};
use histories::{DIR, PROCESSES, Start, Step, open, process};
use simulated::{Client, Entry, Failure, Op, Reach, World, survivors};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

fn entry(id: &str) -> String {
    format!("{{\"workspaceId\":\"w\",\"process\":{}}}", process(id, "running", 1))
}

/// Three records, of which the one in the middle was cut in two.
fn damaged() -> Vec<u8> {
    format!("[\n  {},\n  {},\n  {}\n]", entry("a"), &entry("b")[..40], entry("c")).into_bytes()
}

fn mended() -> Vec<u8> {
    format!("[\n  {},\n  {}\n]", entry("a"), entry("c")).into_bytes()
}

fn client() -> Client {
    let client = Client::new(World::new());
    client.make_dirs(Path::new(DIR));
    client.write_in_place(Path::new(PROCESSES), damaged());
    client.world(World::settle);
    client.wait(60_000_000_000);
    client
}

fn recover(client: &Client) -> Result<Recovery, Error> {
    open(client).processes.recover(WriteOptions::default())
}

/// The damaged file stands at its name, or at that of a copy beside the mended one.
fn check(disk: &Entry) -> Result<(), String> {
    let Some(Entry::Directory(names)) = disk.at(Path::new(DIR)) else { return Err("no directory".into()) };
    let holds = |name: &str, content: &[u8]| {
        names.iter().any(|(found, entry)| {
            found.to_string_lossy().starts_with(name)
                && matches!(entry, Entry::File(bytes) if **bytes == *content)
        })
    };
    let Some(Entry::File(file)) = disk.at(Path::new(PROCESSES)) else { return Err("no file".into()) };
    match **file == *damaged() {
        true => Ok(()),
        false if **file != *mended() => Err(format!("torn: {:?}", String::from_utf8_lossy(file))),
        false if holds("processes.json.corrupt-", &damaged()) => Ok(()),
        false => Err("the damaged file is lost".into()),
    }
}

#[test]
fn a_recovery_keeps_whole_records_and_a_copy_of_the_damage() {
    let client = client();
    let recovery = recover(&client).unwrap();
    assert_eq!((recovery.kept, recovery.lost.len()), (2, 1));
    assert_eq!((recovery.lost[0].line, recovery.lost[0].column), (3, 3));
    assert_eq!(client.content(&recovery.backup.unwrap()).unwrap(), damaged());
    assert_eq!(client.content(Path::new(PROCESSES)).unwrap(), mended());
    let again = recover(&client).unwrap();
    assert_eq!((again.backup, again.kept), (None, 2), "there is nothing to mend any more");
}

#[test]
fn the_copy_belongs_to_whom_the_file_belongs_to() {
    const USER: (u32, u32) = (1001, 1002);
    let client = client();
    client.set_owner(Path::new(PROCESSES), USER);
    client.world(|world| world.user = (0, 0));
    let backup = recover(&client).unwrap().backup.unwrap();
    assert_eq!([client.owner(&backup), client.owner(Path::new(PROCESSES))], [Some(USER); 2]);
}

/// Some file systems have one mode for all files, and refuse to set any.
#[test]
fn a_recovery_needs_no_modes() {
    let client = Start::EmptyDirectory.client();
    client.world(|world| world.refuses_modes = true);
    Step::Add.run(&open(&client), 1).unwrap();
    client.write_in_place(Path::new(PROCESSES), damaged());
    assert_eq!(recover(&client).unwrap().kept, 2);
}

#[test]
fn a_recovery_survives_a_power_loss_at_any_moment() {
    let client = client();
    client.record_states();
    recover(&client).unwrap();
    let mut states = client.recorded_states();
    states.push(client.world(|world| world.clone()));
    let mut judged = 0;
    for disk in states.iter().flat_map(survivors) {
        judged += 1;
        check(&disk).unwrap_or_else(|found| panic!("{found}: {disk:?}"));
        let client = Client::new(disk.mount());
        recover(&client).unwrap();
        assert_eq!(client.content(Path::new(PROCESSES)).unwrap(), mended());
    }
    println!("{judged} states of the disk");
    // Once it was acknowledged, the file is mended.
    for disk in survivors(states.last().unwrap()) {
        assert!(matches!(disk.at(Path::new(PROCESSES)), Some(Entry::File(file)) if **file == *mended()));
    }
}

#[test]
fn a_recovery_survives_every_fault() {
    let calls = {
        let client = client();
        recover(&client).unwrap();
        client.calls()
    };
    let mut tried = 0;
    for (at, call) in calls.iter().enumerate() {
        for failure in [Failure::Errno(EIO), Failure::Errno(ENOSPC), Failure::Short, Failure::Kill] {
            for reach in [Reach::Once, Reach::Kind, Reach::All] {
                if matches!(failure, Failure::Short) && !matches!(call.op, Op::Write | Op::Read) {
                    continue;
                }
                let client = client();
                client.fail(at, failure, reach);
                let result = recover(&client);
                client.calls();
                let case = format!("call {at} {:?}: {failure:?} {reach:?}: {result:?}", call.op);
                let settled = client.world(|world| {
                    world.settle();
                    survivors(world)
                });
                check(&settled[0]).unwrap_or_else(|found| panic!("{found}: {case}"));
                recover(&client).unwrap_or_else(|error| panic!("{error}: {case}"));
                assert_eq!(client.content(Path::new(PROCESSES)).unwrap(), mended(), "{case}");
                tried += 1;
            }
        }
    }
    println!("{tried} faults");
}
