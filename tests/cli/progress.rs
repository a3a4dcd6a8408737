//! Progress is for terminals, and for no log.

use super::*;

const BAR: &str = "Granting on strongdm";

#[test]
fn nothing_of_it_reaches_a_log() {
    let office = Office::new();
    let ran = office.run(&[]).exits(0);
    assert_eq!(ran.err, "");
    assert!(!ran.out.contains('\u{1b}') && !ran.out.contains('\r'), "{:?}", ran.out);
}

/// What a person sees at a terminal, which `script` (util-linux) stands in for; a machine without it cannot tell.
fn at_a_terminal(arguments: &str) -> Option<String> {
    let office = Office::new();
    // Time for a bar to be drawn.
    office.strongdm.change(|world| world.manners.latency = std::time::Duration::from_millis(300));
    let line = format!("{} --now {NOW} {arguments}", env!("CARGO_BIN_EXE_oncall-sync"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]);
    let mut script = office.desk.seat(script);
    script.env("TERM", "xterm").env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh");
    let Ok(output) = script.output() else {
        #[expect(clippy::disallowed_macros, reason = "a skipped test has to say so")]
        {
            eprintln!("skipped: there is no `script` on this machine");
        }
        return None;
    };
    Some(Ran::of(output).exits(0).out)
}

#[test]
fn a_terminal_shows_a_bar() {
    if let Some(seen) = at_a_terminal("") {
        assert!(seen.contains(BAR), "{seen:?}");
        assert!(seen.ends_with("Done: 2 given.\r\n"), "the bar goes before the report comes: {seen:?}");
    }
}

#[test]
fn quiet_shows_none_at_a_terminal_either() {
    if let Some(seen) = at_a_terminal("--quiet") {
        assert!(seen.contains("2 given") && !seen.contains(BAR), "{seen:?}");
    }
}
