//! Modules that break a limit each: it is named, nothing hangs, and nothing that a failed batch emitted gets out.

use super::super::limits;
use super::super::state::FunctionStatus;
use super::*;

/// Returns why a file is no function.
fn refused(name: &str, content: impl AsRef<[u8]>) -> String {
    let mut place = Place::new();
    place.put(name, content);
    place.host.refresh().unwrap();
    assert_eq!(place.state().status, FunctionStatus::Refused);
    assert_eq!(place.run(), 0);
    place.error()
}

/// Returns how a batch fails. It fails the same way three times, and the function is suspended where it was.
fn failure(module: &str) -> String {
    let mut place = Place::with(module);
    assert_eq!((place.state().status, place.state().last_error), (FunctionStatus::Running, None));
    place.queue.append(order("1"));
    place.run_to_the_end();
    let state = place.state();
    assert_eq!((state.status, state.failures, state.cursor), (FunctionStatus::Suspended, 3, Some(0)));
    assert!(place.emitted().is_empty(), "what a failed batch emitted got out");
    place.error()
}

#[track_caller]
fn says(text: &str, part: &str) {
    assert!(text.contains(part), "{text}");
}

#[test]
fn what_is_not_a_module_is_refused() {
    says(&refused("orders.f.wasm", "GIF89a"), "it is not a WebAssembly module");
    says(&refused("orders.f.wasm", function("(i32.const 0)")), "a module in text form ends in .wat");
    says(&refused("orders.f.wasm", ""), "it is not a WebAssembly module");
    says(&refused("orders.f.wasm", b"\0asm\x01\0\0\0\xff"), "not a valid module");
    says(&refused("orders.f.wat", "(module (func"), "not a valid module");
    says(&refused("orders.f.wat", "(".repeat(100_000)), "not a valid module");
    says(&refused("orders.f.wasm", vec![0; 2 << 20]), "larger than 1048576 bytes");
}

#[test]
fn imports_are_refused_by_name() {
    let import = |module: &str, name: &str, ty: &str| {
        refused("orders.f.wat", format!("(module (import \"{module}\" \"{name}\" {ty}))"))
    };
    says(&import("env", "abort", "(func)"), "it imports env.abort, which there is not");
    says(&import("env", "abort", "(func)"), "--use abort=");
    says(&import("wasi_snapshot_preview1", "fd_write", "(func)"), "compile without WASI");
    says(&import("flowbench", "now", "(func (result i64))"), "it imports flowbench.now");
    says(
        &import("flowbench", "emit", "(func (param i64))"),
        "its import emit is (i64) -> (), expected (i32, i32) -> ()",
    );
    says(&import("flowbench", "log", "(memory 1)"), "its import log is a memory");
}

#[test]
fn exports_are_checked() {
    let without = |export: &str| refused("orders.f.wat", function("(i32.const 0)").replace(export, "\"other\""));
    says(&without("\"memory\""), "it does not export memory");
    says(&without("\"abi\""), "it does not export abi, which is () -> i32");
    says(&without("\"alloc\""), "it does not export alloc, which is (i32) -> i32");
    says(&without("\"on_batch\""), "it does not export on_batch, which is (i32, i32) -> i32");
    let abi = |abi: &str| refused("orders.f.wat", function("(i32.const 0)").replace("(result i32) (i32.const 1)", abi));
    says(&abi("(result i64) (i64.const 1)"), "its export abi is () -> i64, expected () -> i32");
    says(&abi("(result i32) (i32.const 2)"), "abi returned 2, and 1 is the interface there is");
    says(&abi("(result i32) (loop (br 0)) (i32.const 1)"), "it used up its fuel");
}

#[test]
fn nothing_runs_at_load_but_what_is_bounded() {
    let with = |more: &str| refused("orders.f.wat", function_with("(i32.const 0)", more));
    says(&with("(func $s) (start $s)"), "start");
    says(&with("(func (export \"_initialize\") (loop (br 0)))"), "it used up its fuel");
    says(&with("(func (export \"_initialize\") (param i32))"), "its export _initialize is (i32) -> ()");
    says(&with("(func (export \"_initialize\") (call $emit (i32.const 0) (i32.const 1)))"), "emitted before");
}

#[test]
fn memory_and_tables_are_bounded() {
    let memory = |pages: &str| refused("orders.f.wat", function("(i32.const 0)").replace("\"memory\") 16", pages));
    says(&memory("\"memory\") 257"), "trapped");
    says(&refused("orders.f.wat", function_with("(i32.const 0)", "(memory 1)")), "exceeds the limit of 1 memories");
    says(&refused("orders.f.wat", function_with("(i32.const 0)", "(table 10001 funcref)")), "trapped");
    says(&refused("orders.f.wat", function_with("(i32.const 0)", &"(table 1 funcref)".repeat(5))), "trapped");
    // 16 pages are there, and 256 are allowed: memory grows by 240 and not by one more.
    let mut place = Place::with(function(
        "(if (i32.ne (memory.grow (i32.const 241)) (i32.const -1)) (then (return (i32.const 1))))
         (if (i32.ne (memory.grow (i32.const 240)) (i32.const 16)) (then (return (i32.const 2))))
         (i32.ne (memory.grow (i32.const 1)) (i32.const -1))",
    ));
    place.queue.append(order("1"));
    place.run();
    assert_eq!((place.state().batches, place.state().last_error), (1, None));
}

#[test]
fn what_does_not_end_is_ended() {
    says(&failure(&function("(loop (br 0)) (i32.const 0)")), "it used up its fuel, 10000000 units");
    let recursion = function_with("(call $f) (i32.const 0)", "(func $f (call $f))");
    says(&failure(&recursion), "call stack exhausted");
    // A frame of many values exhausts the stack before the calls are too deep.
    let wide = format!("(func $f (local {}) (call $f))", "i64 ".repeat(1_000));
    says(&failure(&function_with("(call $f) (i32.const 0)", &wide)), "call stack exhausted");
    let fill = "(loop (memory.fill (i32.const 0) (i32.const 0) (i32.const 1048576)) (br 0)) (i32.const 0)";
    says(&failure(&function(fill)), "it used up its fuel");
    let grow = "(loop (drop (memory.grow (i32.const 1))) (br 0)) (i32.const 0)";
    says(&failure(&function(grow)), "it used up its fuel");
    let flood = "(loop (call $log (i32.const 0) (i32.const 9)) (br 0)) (i32.const 0)";
    says(&failure(&function(flood)), "it used up its fuel");
}

#[test]
fn traps_and_codes_are_shown() {
    says(&failure(&function("unreachable")), "events 0 to 0: it trapped: wasm `unreachable` instruction executed");
    says(&failure(&function("(i32.div_u (i32.const 1) (i32.const 0))")), "it trapped: integer divide by zero");
    says(&failure(&function("(i32.const 7)")), "on_batch returned 7; 0 is success");
}

#[test]
fn a_batch_is_written_only_where_there_is_room() {
    for address in ["1048575", "-1", "2147483647", "-2147483648"] {
        let module = function("(i32.const 0)").replace("(i32.const 65536)", &format!("(i32.const {address})"));
        says(&failure(&module), "and the memory of 1048576 bytes has no room");
    }
    let huge = function("(i32.const 0)").replace("(i32.const 65536)", "(memory.grow (i32.const 2147483647))");
    says(&failure(&huge), "alloc(");
}

#[test]
fn what_is_emitted_is_bounded_and_lies_in_the_memory() {
    let emit = |address: &str, length: &str| {
        failure(&function(&format!("(call $emit (i32.const {address}) (i32.const {length})) (i32.const 0)")))
    };
    says(&emit("1048570", "7"), "emit: 7 bytes at 1048570 are not in the memory of 1048576 bytes");
    says(&emit("-1", "1"), "are not in the memory");
    says(&emit("0", "-1"), "it used up its fuel");
    says(&emit("0", "1048577"), "emit: more than 1048576 bytes for one batch");
    says(&emit("65536", "1048570"), "are not in the memory");
    says(&emit("0", "0"), "event 0 that it emitted is no CloudEvent: it is not an object");
    let log = failure(&function("(call $log (i32.const -4) (i32.const 8)) (i32.const 0)"));
    says(&log, "log: 8 bytes at 4294967292 are not in the memory");
    let flood = emits(r#"{"type":"seen"}"#).replace(
        "(call $emit (i32.const 0) (i32.const 15))",
        "(loop (call $emit (i32.const 0) (i32.const 15)) (br 0))",
    );
    says(&failure(&flood), "emit: more than 1000 events for one batch");
    says(&failure(&emits(r#"{"type":12345} "#)), "type: expected a text in quotes");
}

#[test]
fn a_flood_of_the_log_is_cut() {
    let flood = "(local $n i32)
        (loop
            (call $log (i32.const 0) (i32.const 2000))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get $n) (i32.const 100))))
        (i32.const 0)";
    let data = "(data (i32.const 0) \"\\1b[31mred\\0aline\\ff\")";
    let mut place = Place::with(function_with(flood, data));
    place.queue.append(order("1"));
    place.run();
    let log = place.state().log;
    assert_eq!(log.len(), limits::LOG_LINES_MAX + 1);
    assert!(log[0].starts_with(" [31mred line\u{fffd}"), "{:?}", log[0]);
    assert!(log[0].len() < 2 * limits::LOG_LINE_BYTES_MAX);
    assert_eq!(log[limits::LOG_LINES_MAX], "(80 more lines were not kept)");
}

#[test]
fn floats_give_one_answer_whatever_the_machine() {
    // The sign and the payload of a NaN differ from machine to machine; here they are always those of the canonical one.
    let nan = function(
        "(local $zero f64)
         (i64.ne
            (i64.reinterpret_f64 (f64.mul (f64.div (local.get $zero) (local.get $zero)) (f64.const -nan:0xc000000000001)))
            (i64.const 0x7ff8000000000000))",
    );
    let mut place = Place::with(nan);
    place.queue.append(order("1"));
    place.run();
    assert_eq!((place.state().batches, place.state().last_error), (1, None));
}
