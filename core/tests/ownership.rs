//! A run as root, or on somebody else's directory, must not lock the user out of the user's own files.

mod histories;
mod simulated;

use std::path::Path;

use file_process_store_core::Error;
use histories::{DIR, PROCESSES, Start, Step, open};
use simulated::Client;

const USER: (u32, u32) = (1000, 1000);
const ROOT: (u32, u32) = (0, 0);

/// From now on root is at work.
fn as_root(start: Start) -> Client {
    let client = start.client();
    client.world(|world| world.user = ROOT);
    client
}

fn owners(client: &Client, paths: &[&str]) -> Vec<(u32, u32)> {
    paths
        .iter()
        .map(|path| client.owner(Path::new(path)).unwrap_or_else(|| panic!("{path} is missing")))
        .collect()
}

#[test]
fn what_root_makes_in_a_users_directory_belongs_to_the_user() {
    for start in Start::ALL {
        let client = as_root(start);
        let store = open(&client);
        Step::Add.run(&store, 1).unwrap();
        Step::Register.run(&store, 1).unwrap();
        let processes = start.processes();
        let lock = format!("{}.lock", processes.display());
        let files = [DIR, processes.to_str().unwrap(), &lock, "/home/user/data/workspaces.json"];
        assert_eq!(owners(&client, &files), [USER; 4], "{start:?}");
    }
}

#[test]
fn a_file_keeps_the_owner_that_it_has() {
    let client = as_root(Start::Filled);
    client.set_owner(Path::new(PROCESSES), (1001, 1002));
    Step::Add.run(&open(&client), 1).unwrap();
    assert_eq!(owners(&client, &[PROCESSES]), [(1001, 1002)]);
}

/// Some file systems have one mode for all files, and refuse to set any.
#[test]
fn a_mode_that_is_right_already_is_not_set() {
    let client = Start::EmptyDirectory.client();
    client.world(|world| world.refuses_modes = true);
    let store = open(&client);
    for turn in 0..3 {
        Step::Add.run(&store, turn).unwrap();
    }
    assert_eq!(store.processes.read().unwrap().records().len(), 3);
}

/// From now on somebody is at work who may not give files away, and is in these groups.
fn as_somebody(client: &Client, user: (u32, u32), groups: &[u32]) {
    client.world(|world| {
        world.user = user;
        world.groups = Some(groups.to_vec());
    });
}

fn set(client: &Client, owner: (u32, u32), mode: u32) {
    client.set_owner(Path::new(PROCESSES), owner);
    client.world(|world| {
        let id = world.lookup(Path::new(PROCESSES), true).unwrap();
        world.nodes[id].mode = mode;
    });
}

#[test]
fn a_file_that_a_group_shares_stays_the_groups_whoever_of_it_writes() {
    let client = Start::Filled.client();
    set(&client, (1001, 50), 0o660);
    as_somebody(&client, USER, &[1000, 50]);
    Step::Add.run(&open(&client), 1).unwrap();
    assert_eq!(owners(&client, &[PROCESSES]), [(1000, 50)]);
    assert_eq!(client.mode(Path::new(PROCESSES)), Some(0o660));
}

#[test]
fn a_write_by_which_somebody_would_lose_or_gain_access_is_refused_and_changes_nothing() {
    // Root without the right to give files away, somebody who is not in the group, an owner who has left it.
    for (writer, owner, mode) in
        [(ROOT, (1000, 1000), 0o600), (USER, (1001, 50), 0o660), (USER, (1000, 50), 0o640)]
    {
        let client = Start::Filled.client();
        set(&client, owner, mode);
        let before = client.content(Path::new(PROCESSES));
        as_somebody(&client, writer, &[writer.1]);
        let error = Step::Add.run(&open(&client), 1).unwrap_err();
        let Error::System { syscall, path, os, reason, .. } = error else { panic!("{error:?}") };
        assert_eq!((syscall, &*path, os), ("fchown", Path::new(PROCESSES), Some(1)));
        assert!(reason.contains("would lose access"), "{reason}");
        assert_eq!(client.content(Path::new(PROCESSES)), before);
        assert_eq!(owners(&client, &[PROCESSES]), [owner]);
        assert!(client.names_in(Path::new(DIR)).iter().all(|name| !name.ends_with(".tmp")));
    }
}

#[test]
fn a_lock_file_that_is_there_is_given_to_nobody_and_a_new_one_to_those_who_may_write_the_data() {
    let client = Start::Filled.client();
    let lock = format!("{PROCESSES}.lock");
    Step::Add.run(&open(&client), 1).unwrap();
    client.set_owner(Path::new(DIR), ROOT);
    client.world(|world| world.user = ROOT);
    Step::Add.run(&open(&client), 2).unwrap();
    assert_eq!(owners(&client, &[&lock, PROCESSES]), [USER; 2]);

    set(&client, (1001, 50), 0o660);
    client.world(|world| world.remove(world.find(Path::new(&lock), false).unwrap())).unwrap();
    Step::Add.run(&open(&client), 3).unwrap();
    assert_eq!(owners(&client, &[&lock, PROCESSES]), [(1001, 50); 2]);
    assert_eq!(client.mode(Path::new(&lock)), Some(0o660));
}

#[test]
fn access_list_and_attributes_stay_and_without_the_list_nobody_may_do_more() {
    let named = |tag: u8, granted: u8| vec![tag, 0, granted, 0, 1, 0, 0, 0];
    // Somebody is named who may read; the group itself may do nothing, though the mode shows the mask.
    let list = [vec![2, 0, 0, 0], named(1, 6), named(2, 4), named(4, 0), named(16, 4), named(32, 0)].concat();
    let attributes =
        vec![("system.posix_acl_access".into(), list), ("user.note".into(), b"precious".to_vec())];
    for refuses in [false, true] {
        let client = Start::Filled.client();
        set(&client, USER, 0o640);
        client.world(|world| {
            let id = world.lookup(Path::new(PROCESSES), true).unwrap();
            world.nodes[id].attributes = attributes.clone();
            world.refuses_attributes = refuses;
        });
        Step::Add.run(&open(&client), 1).unwrap();
        let kept = client
            .world(|world| world.nodes[world.lookup(Path::new(PROCESSES), true).unwrap()].attributes.clone());
        assert_eq!(kept, if refuses { vec![] } else { attributes.clone() });
        assert_eq!(client.mode(Path::new(PROCESSES)), Some(if refuses { 0o600 } else { 0o640 }));
    }
}

#[test]
fn where_modes_can_not_be_set_a_narrower_one_will_do() {
    let client = Start::Filled.client();
    set(&client, USER, 0o644);
    client.world(|world| world.refuses_modes = true);
    Step::Add.run(&open(&client), 1).unwrap();
    assert_eq!(client.mode(Path::new(PROCESSES)), Some(0o600));
}
