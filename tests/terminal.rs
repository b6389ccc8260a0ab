//! How the command line talks: colours only where they are wanted, and as much on standard error as was asked for.

use crate::command::Scratch;

const ESCAPE: char = '\u{1b}';

#[test]
fn there_are_colours_only_where_they_are_wanted() {
    let scratch = Scratch::new();
    let is_coloured = |line: &str| {
        let ended = scratch.sh(line);
        (ended.stdout.contains(ESCAPE), ended.stderr.contains(ESCAPE))
    };
    for (line, wanted) in [
        ("flowbench list orders", (false, false)),
        ("flowbench list orders --color always", (true, false)),
        ("FLOWBENCH_COLOR=always flowbench list orders", (true, false)),
        ("FLOWBENCH_COLOR=always flowbench list orders --color never", (false, false)),
        ("CLICOLOR_FORCE=1 flowbench list orders", (true, false)),
        ("NO_COLOR=1 CLICOLOR_FORCE=1 flowbench list orders", (false, false)),
        ("flowbench explain nonsense", (false, false)),
        ("flowbench explain nonsense --color always", (false, true)),
        ("flowbench nonsense --color=always", (false, true)),
        ("flowbench nonsense --color=never", (false, false)),
        ("flowbench list --json --color always", (false, false)),
    ] {
        assert_eq!(is_coloured(line), wanted, "{line}");
    }
}

#[test]
fn a_terminal_has_colours_unless_it_is_dumb() {
    let scratch = Scratch::new();
    // `script` gives a command a terminal.
    if scratch.sh("command -v script").code != Some(0) {
        return;
    }
    let on_terminal = |variables: &str| {
        let line = format!("{variables} script --quiet --return --command 'flowbench list orders' /dev/null");
        scratch.ok(&line).stdout.contains(ESCAPE)
    };
    assert!(on_terminal("env -u NO_COLOR -u CI TERM=xterm"));
    assert!(!on_terminal("env -u CI TERM=dumb"));
    assert!(!on_terminal("env NO_COLOR=1 TERM=xterm"));
}

#[test]
fn errors_and_hints_begin_with_their_word() {
    let scratch = Scratch::new();
    let ended = scratch.fails("flowbench explain lifetime-valeu", 2, &["error: ", "\nhint: "]);
    assert!(ended.stderr.lines().count() == 2, "{}", ended.stderr);
    let coloured = scratch.sh("flowbench explain lifetime-valeu --color always").stderr;
    assert!(coloured.starts_with("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m "), "{coloured:?}");
}

#[test]
fn verbose_tells_what_is_done_and_quiet_tells_nothing() {
    let scratch = Scratch::new();
    let line = "flowbench generate --profile tiny --events 100 -o log.csv";
    assert_eq!(scratch.ok(&format!("{line} -q")).stderr, "");
    assert!(scratch.ok(&format!("{line} -v")).stderr.contains("log.csv is written"));
    assert!(!scratch.ok(line).stderr.contains("is written"));
    let run = "flowbench run --set latency.trace.events=2000 --set 'latency.rate=[100000]' --only latency --set \
               latency.workers=1 --set latency.pipeline=identity --set latency.duration=100ms --set latency.warmup=20ms";
    let said = scratch.ok(&format!("{run} --out mine -v")).stderr;
    for words in
        [" started: /proc/self/exe", " ended: exit status: 0", "c1r1 is added to mine", "report.html is written"]
    {
        assert!(said.contains(words), "says nothing of '{words}':\n{said}");
    }
    assert_eq!(scratch.ok(&format!("{run} --out mine-quietly -q")).stderr, "");
}
