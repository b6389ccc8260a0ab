//! The seeds of the fuzz targets, as they are and mutated: no bytes make a reader panic. The targets are in `fuzz/`.

use std::fs;

use crate::command::repository;

#[path = "../fuzz/readers.rs"]
mod readers;

/// Mutations of each seed.
const MUTATIONS: usize = 100;
/// What a mutation may put in: what has a meaning in some format, or is hard to digest.
const MORSELS: [&[u8]; 24] = [
    b"\"",
    b",",
    b";",
    b"\n",
    b"\r\n",
    b"\t",
    b"{",
    b"}",
    b"[",
    b"]",
    b"=",
    b"===",
    b"\xff",
    b"\0",
    b"\xef\xbb\xbf",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"null",
    b"9999-12-31T23:59:60Z",
    b"\xe2\x80\xa8",
    b"\\u0000",
    b"Tag=c1r1.latency,",
    b"{\"schema_version\":",
];

#[test]
fn any_bytes_as_csv() {
    fuzz("csv", readers::csv);
}

#[test]
fn any_bytes_as_jsonl() {
    fuzz("jsonl", readers::jsonl);
}

#[test]
fn any_bytes_as_a_mapping() {
    fuzz("mapping", readers::mapping);
}

#[test]
fn any_bytes_as_an_experiment() {
    fuzz("experiment", readers::experiment);
}

#[test]
fn any_bytes_as_a_pipeline() {
    fuzz("pipeline", readers::pipeline);
}

#[test]
fn any_bytes_as_results() {
    fuzz("results", readers::results);
}

/// Gives a reader the seeds of a target and mutations of them.
fn fuzz(target: &str, read: fn(&[u8])) {
    let seeds = seeds(target);
    let mut random = Random(1);
    for (name, seed) in &seeds {
        let _told = Told(format!("fuzz/seeds/{target}/{name}"));
        read(seed);
        for mutation in 0..MUTATIONS {
            let mut bytes = seed.clone();
            for _ in 0..=random.below(4) {
                mutate(&mut bytes, &seeds, &mut random);
            }
            let text = String::from_utf8_lossy(&bytes);
            let _told = Told(format!("mutation {mutation} of fuzz/seeds/{target}/{name}:\n{text:?}"));
            read(&bytes);
        }
    }
}

fn mutate(bytes: &mut Vec<u8>, seeds: &[(String, Vec<u8>)], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + 1 + random.below(16)).min(bytes.len());
    match random.below(7) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at.min(end)..end)),
        2 => {
            let again = bytes[at.min(end)..end].to_vec();
            bytes.splice(at..at, again);
        }
        3 => drop(bytes.splice(at..at, MORSELS[random.below(MORSELS.len())].iter().copied())),
        4 => drop(bytes.splice(at.min(end)..end, MORSELS[random.below(MORSELS.len())].iter().copied())),
        5 => {
            let other = &seeds[random.below(seeds.len())].1;
            bytes.truncate(at);
            bytes.extend(&other[random.below(other.len() + 1)..]);
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}

/// Returns the seeds of a target by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = repository("fuzz/seeds").join(target);
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut seeds: Vec<(String, Vec<u8>)> =
        names.map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{target} has no seed");
    seeds
}

/// Names the input of a test that panics.
struct Told(String);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("it was {}", self.0);
        }
    }
}

/// Numbers from a linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}
