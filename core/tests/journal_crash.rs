//! A journal, and a machine, a process or a call that ends at the worst moment: whatever the disk is left with, a store
//! that starts on it finds each acknowledged change, each batch whole or not at all, and nothing twice.

mod histories;
mod simulated;

use std::collections::HashMap;
use std::path::Path;

use file_process_store_core::{Error, Store, WriteOptions};
use histories::{DIR, Start, Step, open};
use simulated::{Client, Entry, Failure, MILLISECOND, Op, Reach, World, survivors};

const EIO: i32 = 5;
const EACCES: i32 = 13;
const ENOSPC: i32 = 28;

/// What a process does next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    /// A call of a store with the option.
    Journaled(Step),
    /// A call of one without.
    Plain(Step),
    Checkpoint,
}

const STEPS: [Step; 4] = [Step::Add, Step::Merge, Step::Remove, Step::Clear];

fn acts() -> Vec<Act> {
    let mut acts: Vec<Act> = STEPS.map(Act::Journaled).into();
    acts.extend([Act::Plain(Step::Add), Act::Plain(Step::Remove), Act::Checkpoint]);
    acts
}

impl Act {
    fn run(self, store: &Store, turn: usize) -> Result<(), Error> {
        let options = WriteOptions { journal: true, ..WriteOptions::default() };
        match self {
            Act::Journaled(step) => step.run_with(store, turn, options),
            Act::Plain(step) => step.run(store, turn),
            Act::Checkpoint => store.processes.checkpoint(options).map(drop),
        }
    }
}

/// What a store that starts now finds.
fn state(client: &Client) -> Result<String, String> {
    let content = open(&client.another()).processes.read().map_err(|error| error.to_string())?;
    Ok(String::from_utf8(content.parts().concat()).unwrap())
}

/// Judges disks, each once.
#[derive(Default)]
struct Judge {
    known: HashMap<Entry, Result<String, String>>,
    judged: usize,
}

impl Judge {
    /// Whether every disk that a power loss can leave of this world is in one of the allowed states, and works.
    fn check(&mut self, world: &World, allowed: &[String]) -> Result<(), String> {
        for disk in survivors(world) {
            self.judged += 1;
            let number = self.judged;
            let found =
                self.known.entry(disk.clone()).or_insert_with_key(|disk| found_on(disk, number)).clone()?;
            if !allowed.contains(&found) {
                let client = Client::new(disk.mount());
                let names = client.names_in(Path::new(DIR));
                let files = names.iter().map(|name| {
                    let content = client.content(&Path::new(DIR).join(name)).unwrap_or_default();
                    format!("{name}: {}", String::from_utf8_lossy(&content))
                });
                let files: Vec<String> = files.collect();
                return Err(format!("found {found}, allowed {allowed:?} on\n{}", files.join("\n")));
            }
        }
        Ok(())
    }

    /// Runs one act and judges all states of the world meanwhile.
    fn run(&mut self, client: &Client, store: &Store, act: Act, turn: usize) -> Result<(), String> {
        let before = state(client)?;
        client.record_states();
        let acknowledged = act.run(store, turn).is_ok();
        let states = client.recorded_states();
        let after = state(client)?;
        let either = [before, after.clone()];
        for world in &states {
            self.check(world, &either)?;
        }
        let allowed = if acknowledged { vec![after] } else { either.to_vec() };
        self.check(&client.world(|world| world.clone()), &allowed)
    }
}

/// The state on a disk, if a store works on it: one with the option, one without, or a checkpoint, each on a third of the
/// disks.
fn found_on(disk: &Entry, number: usize) -> Result<String, String> {
    let client = Client::new(disk.mount());
    let found = state(&client)?;
    let acts = [Act::Journaled(Step::Add), Act::Plain(Step::Add), Act::Checkpoint];
    for act in acts.into_iter().skip(number % 3).take(1) {
        let client = Client::new(disk.mount());
        let told = |error: Error| format!("{act:?}: {error} on {disk:?}");
        act.run(&open(&client), 99).map_err(told)?;
        let now = state(&client)?;
        if (act == Act::Checkpoint) != (now == found) || (act == Act::Checkpoint) == now.contains("n99") {
            return Err(format!("{act:?} makes {now} of {found} on {disk:?}"));
        }
        let names = client.names_in(Path::new(DIR));
        if let Some(left) = names.iter().find(|name| name.ends_with(".tmp") && act != Act::Checkpoint) {
            return Err(format!("{left} is left after {act:?} on {disk:?}"));
        }
    }
    Ok(found)
}

fn histories_survive(judge: &mut Judge, start: Start, prepare: impl Fn(&Client)) -> Result<(), String> {
    for first in acts() {
        for second in acts() {
            let client = start.client();
            prepare(&client);
            // With a clock that stands still a file that has just been written can get no journal.
            client.world(|world| world.clock.step = if first == second { 0 } else { 5 * MILLISECOND });
            let store = open(&client);
            for (turn, act) in [first, second].into_iter().enumerate() {
                judge
                    .run(&client, &store, act, turn)
                    .map_err(|why| format!("{start:?} {first:?} {second:?} at {turn}: {why}"))?;
            }
        }
    }
    Ok(())
}

#[test]
fn every_history_of_two_calls_survives_a_power_loss_at_every_call() {
    let mut judge = Judge::default();
    for start in [Start::NoDirectory, Start::Filled] {
        histories_survive(&mut judge, start, |_| {}).unwrap();
    }
    println!("{} states of the disk", judge.judged);
}

#[test]
fn a_journal_with_changes_survives_what_comes_next() {
    let mut judge = Judge::default();
    histories_survive(&mut judge, Start::Filled, |client| {
        Act::Journaled(Step::Remove).run(&open(client), 7).unwrap();
        client.world(World::settle);
    })
    .unwrap();
    println!("{} states of the disk", judge.judged);
}

/// A judge that finds nothing where the syncs are missing would find nothing at all.
#[test]
fn without_the_sync_the_judge_finds_what_is_lost() {
    for break_it in
        [|world: &mut World| world.syncs_files = false, |world: &mut World| world.syncs_directories = false]
    {
        let found = histories_survive(&mut Judge::default(), Start::Filled, |client| client.world(break_it));
        assert!(found.is_err());
    }
}

/// The store, and what it was before, for a history in which something is to go wrong.
fn prepared(start: Start, first: Act) -> (Client, Store, String) {
    let client = start.client();
    let store = open(&client);
    first.run(&store, 0).unwrap();
    client.wait(60_000_000_000);
    store.processes.read().unwrap();
    let before = state(&client).unwrap();
    client.calls();
    (client, store, before)
}

#[test]
fn a_call_that_fails_changes_nothing_and_the_next_one_works() {
    let mut faults = 0;
    for first in [Act::Journaled(Step::Add), Act::Plain(Step::Add)] {
        for second in acts() {
            for (failure, reach) in [
                (Failure::Errno(EIO), Reach::Once),
                (Failure::Errno(ENOSPC), Reach::Kind),
                (Failure::Errno(EACCES), Reach::All),
                (Failure::Short, Reach::Once),
            ] {
                for at in 0.. {
                    let (client, store, before) = prepared(Start::Filled, first);
                    client.fail(at, failure, reach);
                    let result = second.run(&store, 1);
                    if client.calls().len() <= at {
                        break;
                    }
                    faults += 1;
                    let what = format!("{first:?}, {second:?}, {failure:?} {reach:?} at {at}: {result:?}");
                    let found = state(&client).unwrap_or_else(|error| panic!("{error}: {what}"));
                    let own = store.processes.read().unwrap().parts().concat();
                    assert_eq!(String::from_utf8(own).unwrap(), found, "{what}");
                    match &result {
                        Err(error) if !error.is_committed() => assert_eq!(found, before, "{what}"),
                        Err(_) => {}
                        _ if second == Act::Checkpoint => assert_eq!(found, before, "{what}"),
                        _ => assert_ne!(found, before, "{what}"),
                    }
                    Act::Journaled(Step::Add)
                        .run(&store, 2)
                        .unwrap_or_else(|error| panic!("{error}: {what}"));
                    assert!(state(&client).unwrap().contains("n2"), "{what}");
                    Act::Plain(Step::Add).run(&store, 3).unwrap_or_else(|error| panic!("{error}: {what}"));
                    let now = state(&client).unwrap();
                    assert!(now.contains("n2") && now.contains("n3"), "{what}");
                }
            }
        }
    }
    println!("{faults} faults");
}

#[test]
fn a_killed_process_leaves_a_whole_change_or_none_and_others_go_on() {
    let mut kills = 0;
    for first in [Act::Journaled(Step::Add), Act::Plain(Step::Add)] {
        for second in acts() {
            for at in 0.. {
                let (client, store, before) = prepared(Start::Filled, first);
                client.fail(at, Failure::Kill, Reach::Once);
                let killed = second.run(&store, 1).is_err();
                if client.calls().len() <= at {
                    assert!(!killed);
                    break;
                }
                kills += 1;
                drop(store);
                let what = format!("{first:?}, {second:?} killed at {at}");
                let found = state(&client).unwrap_or_else(|error| panic!("{error}: {what}"));
                let (other, same, _) = prepared(Start::Filled, first);
                second.run(&same, 1).unwrap();
                assert!(found == before || found == state(&other).unwrap(), "{what}: {found}");
                for (turn, act) in [Act::Journaled(Step::Add), Act::Plain(Step::Add)].into_iter().enumerate()
                {
                    act.run(&open(&client.another()), 5 + turn)
                        .unwrap_or_else(|error| panic!("{error}: {what}"));
                }
                let now = state(&client).unwrap();
                assert!(now.contains("n5") && now.contains("n6"), "{what}");
            }
        }
    }
    println!("{kills} kills");
}

/// A process dies, another one goes on, and then the power goes: what the second was told is there.
#[test]
fn what_a_killed_process_left_half_done_costs_no_later_acknowledged_change() {
    let mut judge = Judge::default();
    // A journal is begun, appended to, ended by a write, and folded.
    for (first, seconds) in [
        (Act::Plain(Step::Add), vec![Act::Journaled(Step::Add)]),
        (
            Act::Journaled(Step::Add),
            vec![Act::Journaled(Step::Add), Act::Plain(Step::Remove), Act::Checkpoint],
        ),
    ] {
        for second in seconds {
            for third in [Act::Journaled(Step::Merge), Act::Plain(Step::Add)] {
                for at in 0.. {
                    let (client, store, untouched) = prepared(Start::Filled, first);
                    client.world(World::settle);
                    client.fail(at, Failure::Kill, Reach::Once);
                    let killed = second.run(&store, 1).is_err();
                    if client.calls().len() <= at {
                        assert!(!killed);
                        break;
                    }
                    drop(store);
                    client.world(|world| world.clock.step = 5 * MILLISECOND);
                    let other = client.another();
                    let before = state(&client).unwrap();
                    client.record_states();
                    third.run(&open(&other), 5).unwrap();
                    let states = client.recorded_states();
                    let after = state(&client).unwrap();
                    // Nobody was told of the change whose process died: it may be there or not.
                    let any = [untouched, before, after.clone()];
                    let check = |judge: &mut Judge, world: &World, allowed: &[String]| {
                        judge.check(world, allowed).unwrap_or_else(|why| {
                            panic!("{first:?}, {second:?} killed at {at}, then {third:?}: {why}")
                        });
                    };
                    // What was removed must not come back beside a newer file.
                    if second == Act::Plain(Step::Remove) {
                        states.iter().for_each(|world| check(&mut judge, world, &any));
                    }
                    check(&mut judge, &client.world(|world| world.clone()), &[after]);
                }
            }
        }
    }
    println!("{} states of the disk", judge.judged);
}

#[test]
fn no_journal_is_synced_again_after_a_sync_that_failed() {
    let (client, store, before) = prepared(Start::Filled, Act::Journaled(Step::Add));
    Act::Journaled(Step::Merge).run(&store, 1).unwrap();
    let sync = client.calls().iter().position(|call| call.op == Op::Sync).unwrap();
    let (client, store, _) = prepared(Start::Filled, Act::Journaled(Step::Add));
    client.fail(sync, Failure::Errno(EIO), Reach::Once);
    Act::Journaled(Step::Merge).run(&store, 1).unwrap_err();
    let failed = client.calls()[sync].id;
    assert_eq!(state(&client).unwrap(), before);
    // Another process, too, knows that nothing is to be appended any more, and that what it writes needs a new file.
    let other = client.another();
    for (store, client) in [(&open(&other), &other), (&store, &client)] {
        client.calls();
        Act::Journaled(Step::Merge).run(store, 2).unwrap();
        Act::Journaled(Step::Add).run(store, 3).unwrap();
        assert!(!client.calls().iter().any(|call| call.op == Op::Sync && call.id == failed));
    }
    let mut judge = Judge::default();
    judge.check(&client.world(|world| world.clone()), &[state(&client).unwrap()]).unwrap();
}
