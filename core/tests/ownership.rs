//! A run as root, or on somebody else's directory, must not lock the user out of the user's own files.

mod histories;
mod simulated;

use std::path::Path;

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
