//! Files in and out: what a file is decides how it is read, what is no log is named, damage is noticed, memory is
//! bounded, and a file that is written takes its place whole or not at all.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use flate2::write::{DeflateEncoder, GzEncoder};
use flowbench_events::{EventWriter, Format, Output, ReadError, ReadOptions, Reject};
use tempfile::TempDir;

use crate::reading::{Read, read_path};

const LOG: &str =
    "event_id,kind,event_time\n1,order_placed,2026-01-05T08:00:00.000Z\n2,page_viewed,2026-01-05T08:00:01Z\n";
const JSON: &str = "{\"kind\":\"order_placed\",\"event_time\":\"2026-01-05T08:00:00.000Z\"}\n";

/// A folder for one test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Reads a file of these bytes under that name.
    fn read(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<Read, ReadError> {
        read_path(&self.write(name, bytes), &ReadOptions::default())
    }

    fn events(&self, name: &str, bytes: impl AsRef<[u8]>) -> u64 {
        self.read(name, bytes).unwrap().summary.events
    }

    fn refused(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        self.read(name, bytes).unwrap_err().to_string()
    }

    fn names(&self) -> Vec<String> {
        let entries = self.0.path().read_dir().unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// With a checksum, as we write it.
fn zstd(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 0).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// A zip archive as the usual programs make it: deflated or stored, sizes and checksum in the directory.
fn zip(files: &[(&str, &str)], is_packed: bool) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut crc = flate2::Crc::new();
        crc.update(content.as_bytes());
        let packed = if is_packed {
            let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(content.as_bytes()).unwrap();
            encoder.finish().unwrap()
        } else {
            content.as_bytes().to_vec()
        };
        let offset = archive.len() as u32;
        let mut header = vec![20, 0, 8, 0, if is_packed { 8 } else { 0 }, 0, 0, 0, 0, 0]; // sizes follow the data
        let sizes = [crc.sum(), packed.len() as u32, content.len() as u32].map(u32::to_le_bytes).concat();
        let names = [(name.len() as u16).to_le_bytes(), [0, 0]].concat();
        archive.extend(b"PK\x03\x04");
        archive.extend(&header);
        archive.extend([0; 12]);
        archive.extend(&names);
        archive.extend(name.as_bytes());
        archive.extend(&packed);
        archive.extend([&b"PK\x07\x08"[..], &sizes].concat());
        directory.extend(b"PK\x01\x02\x14\0");
        directory.append(&mut header);
        directory.extend(&sizes);
        directory.extend(&names);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (begin, length) = (archive.len() as u32, directory.len() as u32);
    archive.append(&mut directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([(files.len() as u16).to_le_bytes(); 2].concat());
    archive.extend([length.to_le_bytes(), begin.to_le_bytes()].concat());
    archive.extend([5, 0]);
    archive.extend(b"hello");
    archive
}

// What a file is.

#[test]
fn contents_decide_and_not_the_name() {
    let folder = Folder::new();
    for name in ["log", "log.csv", "log.csv.gz", "log.csv.zst", "log.csv.zip", "log.bin"] {
        for bytes in [LOG.into(), gzip(LOG), zstd(LOG), zip(&[("a.csv", LOG)], true)] {
            assert_eq!(folder.events(name, bytes), 2, "{name}");
        }
    }
    for name in ["log", "log.jsonl", "log.jsonl.gz", "log.jsonl.zst", "log.jsonl.zip"] {
        for bytes in [JSON.into(), gzip(JSON), zstd(JSON), zip(&[("a.jsonl", JSON)], false)] {
            assert_eq!(folder.events(name, bytes), 1, "{name}");
        }
    }
    assert!(folder.refused("empty.csv.gz", "").ends_with(
        "is empty; expected a header line such as event_id,kind,\
        event_time,arrival_time,customer,order,product,value,country,load_time_ms,rating,channel"
    ));
}

#[test]
fn what_is_no_log_is_named_with_what_to_do() {
    let folder = Folder::new();
    let tar = [vec![b'a'; 257], b"ustar\x0000".to_vec(), vec![0; 300]].concat();
    for (bytes, what, advice) in [
        (&b"\xfd7zXZ\0\0\x04\xe6\xd6"[..], "compressed by xz", "xz -dc"),
        (b"BZh91AY&SY\x01\x02", "compressed by bzip2", "bzip2 -dc"),
        (b"\x04\x22\x4d\x18\x64\x40", "compressed by lz4", "lz4 -dc"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "an old Excel", "save the sheet as CSV"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7z archive", "unpack it"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive", "unpack it"),
        (b"ORC\x0a\x03\0\0", "an ORC file", "convert it to CSV"),
        (b"Obj\x01\x04\x14avro.codec", "an Avro file", "convert it to CSV"),
        (b"SQLite format 3\0\x10\0", "an SQLite database", "sqlite3 -csv"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document", "save its table as CSV"),
        (b"\r\n<!DOCTYPE html>\n<html><head>", "a web page", "Download the file itself"),
        (b"\x80\x04\x95\x10\0\0", "a Python pickle", "save its table as CSV"),
        (b"\x93NUMPY\x01\0", "a NumPy array", "save its table as CSV"),
        (&tar, "a tar archive", "tar -xf"),
        (&[0; 100_000], "no text", "NUL bytes"),
    ] {
        for (name, bytes) in [("log.csv", bytes.to_vec()), ("log.csv.gz", gzip(bytes))] {
            let told = folder.refused(name, bytes);
            let is_told = told.contains(what) && told.contains(advice) && told.contains(name);
            assert!(is_told, "{told}\nsays nothing of {what}, {advice}");
        }
    }
    let parquet = b"PAR1\x15\x04\x15\x10\x15";
    for (name, bytes) in [("log.csv", parquet.to_vec()), ("log.csv.gz", gzip(parquet))] {
        let told = folder.refused(name, bytes);
        assert!(told.contains("a Parquet file") && told.contains(name), "{told}");
    }
    for bytes in [gzip(gzip(LOG)), zstd(gzip(LOG)), zip(&[("log.csv.gz", "\x1f\u{8b}")], true)] {
        let told = folder.refused("log.csv.gz", bytes);
        assert!(told.contains("compressed once more") || told.contains("no column"), "{told}");
    }
}

#[test]
fn a_gzip_file_may_have_members_and_zeros_behind_them() {
    let folder = Folder::new();
    let (header, rows) = LOG.split_at(LOG.find('\n').unwrap() + 1);
    let padded = [gzip(header), gzip(rows), vec![0; 4096], gzip(rows), vec![0; 10_000]].concat();
    assert_eq!(folder.events("log.csv.gz", padded), 4);
    let told = folder.refused("log.csv.gz", [gzip(LOG), b"something else".to_vec()].concat());
    assert!(told.contains("is the file complete?"), "{told}");
}

// Zip.

#[test]
fn a_zip_with_one_file_is_read() {
    let folder = Folder::new();
    for is_packed in [true, false] {
        assert_eq!(folder.events("log.zip", zip(&[("some/log.csv", LOG)], is_packed)), 2);
        let from_a_mac =
            [("some/", ""), ("some/log.csv", LOG), ("__MACOSX/some/._log.csv", "x"), ("some/.DS_Store", "x")];
        assert_eq!(folder.events("log.zip", zip(&from_a_mac, is_packed)), 2);
    }
    let long: String = LOG.to_owned() + &"3,order_placed,2026-01-05T08:00:00.000Z\n".repeat(100_000);
    assert_eq!(folder.events("log.zip", zip(&[("log.csv", &long)], true)), 100_002);
}

#[test]
fn a_zip_of_anything_else_is_refused_with_what_is_in_it() {
    let folder = Folder::new();
    let refused = |files: &[(&str, &str)]| folder.refused("log.zip", zip(files, true));
    let two = refused(&[("a\u{1b}.csv", LOG), ("b.csv", LOG)]);
    assert!(
        two.ends_with("is a zip archive of 2 files ('a\u{fffd}.csv', 'b.csv'); unzip it and give one of them"),
        "{two}"
    );
    let many: Vec<(String, &str)> = (0..9).map(|number| (format!("{number}.csv"), LOG)).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    assert!(refused(&many).contains("9 files ('0.csv', '1.csv', '2.csv', '3.csv', '4.csv', ...)"));
    assert!(refused(&[]).contains("without any file"));
    assert!(refused(&[("[Content_Types].xml", "<x/>"), ("xl/workbook.xml", "<x/>")]).contains("an Excel workbook"));
    assert!(refused(&[("mimetype", "application/vnd.oasis.opendocument.spreadsheet")]).contains("an office document"));
    let whole = zip(&[("log.csv", LOG)], true);
    let mut encrypted = whole.clone();
    let entry = encrypted.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    encrypted[entry + 8] |= 1;
    assert!(folder.refused("log.zip", &encrypted).contains("'log.csv' in it is encrypted"));
    let mut other = whole.clone();
    other[entry + 10] = 93;
    assert!(folder.refused("log.zip", &other).contains("method 93"));
}

#[test]
fn a_damaged_zip_is_never_read_as_if_it_were_whole() {
    let folder = Folder::new();
    let rows: String = (0..40).map(|n| format!("{n},order_placed,2026-01-05T08:00:{n:02}.000Z\n")).collect();
    let log = format!("event_id,kind,event_time\n{rows}");
    let digest = |bytes: &[u8]| folder.read("log.zip", bytes).map(|read| read.trace.digest());
    for is_packed in [true, false] {
        let whole = zip(&[("log.csv", &log)], is_packed);
        let right = digest(&whole).unwrap();
        for length in 0..whole.len() - 5 {
            assert!(digest(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
        }
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            if let Ok(digest) = digest(&flipped) {
                assert_eq!(digest, right, "byte {at}");
            }
        }
    }
}

// Damage.

#[test]
fn no_flipped_bit_of_what_we_compressed_changes_what_is_read() {
    let folder = Folder::new();
    let rows: String =
        (0..60).map(|n| format!("{n},order_placed,2026-01-05T08:{n:02}:{:02}.000Z\n", n * 7 % 60)).collect();
    let Read { trace, .. } = folder.read("plain.csv", format!("event_id,kind,event_time\n{rows}")).unwrap();
    for name in ["log.csv.zst", "log.csv.gz"] {
        let mut writer = EventWriter::new(Output::create(folder.0.path().join(name)).unwrap(), Format::Csv);
        writer.write(&trace.events, &trace.symbols).unwrap();
        writer.finish().unwrap();
        let whole = fs::read(folder.0.path().join(name)).unwrap();
        for bit in (0..whole.len() * 8).step_by(7) {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(Read { trace: read, rejects, .. }) = folder.read(name, flipped) {
                assert_eq!((read.digest(), rejects.len()), (trace.digest(), 0), "{name}, bit {bit}");
            }
        }
    }
}

#[test]
fn a_zstd_file_without_checksum_is_remarked() {
    let folder = Folder::new();
    let remarks = |name: &str, bytes: Vec<u8>| folder.read(name, bytes).unwrap().summary.remarks;
    assert_eq!(remarks("log.csv.zst", zstd(LOG)), [""; 0]);
    let [remark] = &remarks("log.csv.zst", zstd::encode_all(LOG.as_bytes(), 0).unwrap())[..] else { panic!() };
    assert!(remark.ends_with("log.csv.zst has no checksum: if it is damaged, that may not be noticed"), "{remark}");
    let [remark] = &remarks("log.csv.gz", LOG.into())[..] else { panic!() };
    assert!(remark.ends_with("log.csv.gz is not compressed, whatever its ending says"), "{remark}");
}

// Lines.

#[test]
fn cr_and_lf_and_both_end_lines_in_every_format() {
    let folder = Folder::new();
    for end in ["\n", "\r", "\r\n"] {
        let Read { trace, summary, .. } = folder.read("log.csv", LOG.replace('\n', end)).unwrap();
        assert_eq!((summary.rows, summary.events), (2, 2), "{end:?}");
        assert_eq!(trace.digest(), folder.read("log.csv", LOG).unwrap().trace.digest());
        assert_eq!(folder.events("log.jsonl", JSON.repeat(3).replace('\n', end)), 3, "{end:?}");
    }
    let mixed = format!("{}\r{}\r\n{JSON}", JSON.trim(), JSON.trim());
    assert_eq!(folder.events("log.jsonl", mixed), 3);
    let quoted = "kind,event_time,note\rorder_placed,2026-01-05T08:00:00Z,\"a\rb\r\nc\"\r";
    assert_eq!(folder.events("log.csv", quoted), 1);
}

#[test]
fn a_line_of_more_than_16_mib_is_one_bad_row() {
    const LIMIT: usize = 16 << 20;
    let folder = Folder::new();
    let long = "a".repeat(3 * LIMIT);
    let (header, rows) = LOG.split_at(LOG.find('\n').unwrap() + 1);
    let too_long = |line| Reject { line, column: String::new(), reason: "the line has more than 16 MiB".to_owned() };
    let Read { summary, rejects, .. } = folder.read("log.csv.gz", gzip(format!("{header}{long}\r\n{rows}"))).unwrap();
    assert_eq!((summary.events, &rejects[..]), (2, &[too_long(2)][..]));
    let Read { summary, rejects, .. } =
        folder.read("log.jsonl.gz", gzip(format!("{JSON}{long}\r{JSON}{long}"))).unwrap();
    assert_eq!((summary.events, &rejects[..]), (2, &[too_long(2), too_long(4)][..]));
    let told = folder.refused("log.csv.gz", gzip(&long));
    assert!(told.contains("the header line cannot be read: the line has more than 16 MiB"), "{told}");
    let open = format!("{header}\"{}{rows}", "a\n".repeat(LIMIT / 2 + 1));
    let Read { summary, rejects, .. } = folder.read("log.csv.gz", gzip(open)).unwrap();
    assert_eq!(summary.events, 2);
    assert!(rejects[0].reason.contains("nothing closes it within 16 MiB"), "{}", rejects[0]);
    assert_eq!(rejects[0].column, "event_id");
}

// Out.

#[test]
fn a_file_takes_its_place_when_it_is_whole() {
    let folder = Folder::new();
    let path = folder.write("out.csv", "old\n");
    for name in ["out.csv", "out.csv.gz", "new.csv.zst"] {
        let mut output = Output::create(folder.0.path().join(name)).unwrap();
        output.write_all(&[b'x'; 1 << 20]).unwrap();
        output.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\n");
        drop(output);
        assert_eq!(folder.names(), ["out.csv"], "what is not finished leaves nothing");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let mut output = Output::create(&path).unwrap();
    output.write_all(b"new\n").unwrap();
    output.finish().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(folder.names(), ["out.csv"]);
}

#[test]
fn what_a_link_points_to_is_written_and_other_names_of_a_file_keep_it() {
    let folder = Folder::new();
    let path = folder.write("real.csv", "old\n");
    fs::hard_link(&path, folder.0.path().join("other.csv")).unwrap();
    let link = folder.0.path().join("link.csv");
    symlink("real.csv", &link).unwrap();
    let mut output = Output::create(&link).unwrap();
    output.write_all(b"new\n").unwrap();
    output.finish().unwrap();
    assert!(link.is_symlink());
    let text = |name: &str| fs::read_to_string(folder.0.path().join(name)).unwrap();
    assert_eq!((text("real.csv"), text("other.csv")), ("new\n".to_owned(), "old\n".to_owned()));
}

#[test]
fn to_check_an_output_leaves_nothing() {
    let folder = Folder::new();
    let path = folder.write("old.csv", "old\n");
    Output::check(&path).unwrap();
    Output::check(folder.0.path().join("new.csv")).unwrap();
    assert_eq!(folder.names(), ["old.csv"]);
    let told = Output::check(folder.0.path().join("no/new.csv")).unwrap_err().to_string();
    assert!(told.contains("no' does not exist; create it first"), "{told}");
    assert!(Output::check(folder.0.path()).unwrap_err().to_string().ends_with("is a folder; name a file in it"));
    assert!(Output::check(Path::new("-")).is_ok());
}
