//! The machine may stop at any moment, and what was not synced may have reached the disk in any part: the data
//! file is the old or the new one, whole; the new one once it was acknowledged; and the next start works.

mod histories;
mod simulated;

use std::hash::{BuildHasher, Hasher, RandomState};

use file_process_store_core::WriteOptions;
use histories::{Checker, Ledger, Start, Step, Violation, open};
use simulated::{Client, Failure, Reach};

/// The number that Unix has for a failing disk.
const EIO: i32 = 5;

/// Runs a history on one store; every step must be acknowledged.
fn survives(checker: &mut Checker, client: &Client, start: Start, steps: &[Step]) -> Result<(), Violation> {
    let mut ledger = Ledger::new(client, start);
    let store = open(client);
    for (turn, step) in steps.iter().enumerate() {
        checker.run(client, &mut ledger, || {
            step.run(&store, turn).unwrap();
            true
        })?;
    }
    Ok(())
}

fn all_histories_of_two_steps_survive(start: Start) {
    let mut checker = Checker::default();
    for first in Step::ALL {
        for second in Step::ALL {
            let steps = [first, second];
            if let Err(violation) = survives(&mut checker, &start.client(), start, &steps) {
                panic!("{start:?} {steps:?}: {violation:?}");
            }
        }
    }
    println!("{start:?}: {} states of the disk", checker.judged);
}

#[test]
fn every_history_of_two_calls_survives_where_the_directory_has_just_been_made() {
    all_histories_of_two_steps_survive(Start::NoDirectory);
}

#[test]
fn every_history_of_two_calls_survives_in_an_empty_directory() {
    all_histories_of_two_steps_survive(Start::EmptyDirectory);
}

#[test]
fn every_history_of_two_calls_survives_on_filled_files() {
    all_histories_of_two_steps_survive(Start::Filled);
}

#[test]
fn every_history_of_two_calls_survives_beside_what_dead_writers_left() {
    all_histories_of_two_steps_survive(Start::WithLeftovers);
}

#[test]
fn every_history_of_two_calls_survives_on_a_linked_file() {
    all_histories_of_two_steps_survive(Start::Linked);
}

#[test]
fn histories_of_three_calls_survive() {
    // To repeat a failure: STORE_SEED=<the seed that it printed>.
    let seed = std::env::var("STORE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let mut random = seed;
    let mut pick = |most: usize| {
        // splitmix64
        random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % most as u64) as usize
    };
    let mut checker = Checker::default();
    for _ in 0..400 {
        let start = Start::ALL[pick(Start::ALL.len())];
        let steps = [(); 3].map(|()| Step::ALL[pick(Step::ALL.len())]);
        if let Err(violation) = survives(&mut checker, &start.client(), start, &steps) {
            panic!("STORE_SEED={seed}: {start:?} {steps:?}: {violation:?}");
        }
    }
    println!("{} states of the disk", checker.judged);
}

/// A process is killed at every call of its first write, another one carries on, and then the power fails.
#[test]
fn what_a_killed_process_left_half_done_costs_no_later_acknowledged_write() {
    let mut checker = Checker::default();
    for start in Start::ALL {
        for [first, second] in
            [[Step::Add, Step::Add], [Step::Add, Step::Register], [Step::Register, Step::Merge]]
        {
            let mut last = None;
            for at in 0.. {
                let client = start.client();
                client.fail(at, Failure::Kill, Reach::Once);
                let killed = first.run(&open(&client), 0).is_err();
                if client.calls().len() <= at {
                    assert!(!killed);
                    break;
                }
                // Calls that only look leave nothing new behind.
                let changes = client.world(|world| world.changes);
                if last.replace(changes) == Some(changes) {
                    continue;
                }
                let mut ledger = Ledger::new(&start.client(), start);
                ledger.saw(&client);
                let other = client.another();
                let carried_on = checker.run(&other, &mut ledger, || {
                    second.run(&open(&other), 1).unwrap();
                    true
                });
                if let Err(violation) = carried_on {
                    panic!("{start:?} {first:?} killed at {at}, then {second:?}: {violation:?}");
                }
            }
        }
    }
    println!("{} states of the disk", checker.judged);
}

/// A call fails, be it before or after its new state was visible; the next one is acknowledged, and the power fails.
#[test]
fn a_call_that_failed_costs_no_later_acknowledged_write() {
    let mut checker = Checker::default();
    for start in [Start::NoDirectory, Start::Filled] {
        for [first, second] in
            [[Step::Add, Step::Replace], [Step::Add, Step::Register], [Step::Register, Step::Add]]
        {
            for at in 0.. {
                let client = start.client();
                let store = open(&client);
                let mut ledger = Ledger::new(&client, start);
                let before = ledger.clone();
                client.fail(at, Failure::Errno(EIO), Reach::Once);
                let result = first.run(&store, 0);
                if client.calls().len() <= at {
                    break;
                }
                ledger.saw(&client);
                if result.is_ok() {
                    ledger.acknowledge(&before);
                }
                let carried_on = checker.run(&client, &mut ledger, || {
                    second.run(&store, 1).unwrap();
                    true
                });
                if let Err(violation) = carried_on {
                    panic!("{start:?} {first:?} failed at {at}, then {second:?}: {violation:?}");
                }
            }
        }
    }
    println!("{} states of the disk", checker.judged);
}

/// A removal was visible, but not acknowledged: its process was killed, or the sync of the directory failed. Whoever
/// removes the record again finds nothing to do, and is told so only when the removal is durable.
#[test]
fn work_that_is_found_done_is_acknowledged_when_it_is_durable() {
    let mut checker = Checker::default();
    for failure in [Failure::Kill, Failure::Errno(EIO)] {
        for at in 0.. {
            let client = Start::Filled.client();
            let mut ledger = Ledger::new(&client, Start::Filled);
            let before = ledger.clone();
            client.fail(at, failure, Reach::Once);
            let _ = Step::Remove.run(&open(&client), 0);
            if client.calls().len() <= at {
                break;
            }
            let other = client.another();
            Step::Remove.run(&open(&other), 0).unwrap();
            ledger.saw(&client);
            ledger.acknowledge(&before);
            let world = client.world(|world| world.clone());
            checker.check(&world, &ledger).unwrap_or_else(|found| panic!("{failure:?} at {at}: {found:?}"));
        }
    }
    println!("{} states of the disk", checker.judged);
}

#[test]
fn a_durable_write_makes_an_earlier_one_that_was_not_durable_certain() {
    let mut checker = Checker::default();
    for first in Step::ALL {
        let client = Start::Filled.client();
        let store = open(&client);
        let mut ledger = Ledger::new(&client, Start::Filled);
        let before = ledger.clone();
        let hasty = WriteOptions { durable: false, ..WriteOptions::default() };
        first.run_with(&store, 0, hasty).unwrap();
        Step::Add.run(&store, 1).unwrap();
        Step::Register.run(&store, 1).unwrap();
        ledger.saw(&client);
        ledger.acknowledge(&before);
        checker.check(&client.world(|world| world.clone()), &ledger).unwrap();
    }
    println!("{} states of the disk", checker.judged);
}

/// A checker that finds nothing where the syncs are missing would find nothing at all.
#[test]
fn without_the_sync_of_the_file_the_checker_finds_a_torn_file() {
    for start in [Start::EmptyDirectory, Start::Filled] {
        let client = start.client();
        client.world(|world| world.syncs_files = false);
        let found = survives(&mut Checker::default(), &client, start, &[Step::Add]);
        assert!(matches!(found, Err(Violation::Torn(_))), "{found:?}");
    }
}

#[test]
fn without_the_sync_of_the_directory_the_checker_finds_a_lost_acknowledged_write() {
    for start in [Start::NoDirectory, Start::EmptyDirectory, Start::Filled] {
        let client = start.client();
        client.world(|world| world.syncs_directories = false);
        let found = survives(&mut Checker::default(), &client, start, &[Step::Add]);
        assert!(matches!(found, Err(Violation::Lost(_))), "{found:?}");
    }
}

#[test]
fn without_durability_a_dying_process_still_leaves_whole_files() {
    let mut killed_at = 0;
    for start in Start::ALL {
        for at in 0.. {
            let client = start.client();
            let mut ledger = Ledger::new(&client, start);
            let untouched = ledger.clone();
            let hasty = WriteOptions { durable: false, ..WriteOptions::default() };
            client.fail(at, Failure::Kill, Reach::Once);
            let killed = Step::Add.run_with(&open(&client), 0, hasty).is_err();
            if client.calls().len() <= at {
                assert!(!killed);
                break;
            }
            killed_at += 1;
            // Nothing is lost of what programs see when only the process dies: the soft state counts.
            ledger.saw(&client);
            client.world(simulated::World::settle);
            let store = open(&client.another());
            let found = store.processes.read().unwrap();
            assert_eq!(found.place(b"n0").is_some(), !ledger.agrees_with(&untouched), "{start:?} at {at}");
            Step::Add.run(&store, 1).unwrap();
        }
    }
    println!("{killed_at} faults");
}
