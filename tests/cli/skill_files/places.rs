//! Which files count as those of a skill: what its command names in a place of code, its other
//! names, and what its links lead to.

use std::fs;

use super::{RUN, honest, manifest, problems, steps};
use crate::support::{Case, confines};

/// A plan in which `w` may write `grant`, and `victim` runs `command` with programs that need not
/// be installed.
fn naming(command: &str, grant: &str) -> Case {
    let permissions = format!("permissions: [\"fs.write:{grant}\"]\n");
    let mut case = manifest(
        Case::new().sh_skill("w", "echo 1", &permissions),
        "victim",
        command,
    )
    .script("tools/x", "#!/usr/bin/env helper\n")
    .script("out/run.sh", "#!/bin/sh\n")
    .file("first/x", "");
    for name in [
        "m.sh", "a.awk", "s.sed", "mk", "q.sql", "n.js", "pre.mjs", "m.mjs", "t.pl", "pre.sh",
        "a.jar", "lib/L.pm",
    ] {
        case = case.file(&format!("tools/{name}"), "x");
    }
    for name in ["report.txt", "data.csv", "db", "deep/x"] {
        case = case.file(&format!("out/{name}"), "x");
    }
    let programs = "node sqlite3 flock make java bun perl bash awk sed find nice timeout python3 jq cat git unknown helper \
                    parallel tar gcc xargs";
    for program in programs.split_whitespace() {
        case = case.script(&format!("programs/{program}"), "#!/bin/sh\n");
    }
    let (first, programs) = (case.path().join("first"), case.path().join("programs"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{}:{path}", first.display(), programs.display());
    case.plan(&steps(&["w", "victim"])).env("PATH", &path)
}

/// Commands, each with a file that it runs or loads.
const CODE: &[(&str, &str)] = &[
    ("[timeout, \"5\", tools/x]", "tools/x"),
    ("[env, tools/x]", "tools/x"),
    ("[nice, $WORKSPACE/tools/x]", "tools/x"),
    ("[flock, /dev/null, tools/x]", "tools/x"),
    ("[unknown, --start, tools/x]", "tools/x"),
    ("[unknown, --start=tools/x]", "tools/x"),
    ("[env, -C, tools, sh, m.sh]", "tools/m.sh"),
    ("[env, --chdir=tools, ./x]", "tools/x"),
    (
        "[env, BASH_ENV=tools/pre.sh, bash, -c, \"true\"]",
        "tools/pre.sh",
    ),
    ("[env, -S, \"sh tools/m.sh\"]", "tools/m.sh"),
    ("[find, tools/m.sh, -exec, sh, \"{}\", \";\"]", "tools/m.sh"),
    (
        "[find, out, -exec, sh, tools/m.sh, \"{}\", \"+\"]",
        "tools/m.sh",
    ),
    ("[parallel, sh, \":::\", tools/m.sh]", "tools/m.sh"),
    ("[awk, -f, tools/a.awk, out/data.csv]", "tools/a.awk"),
    ("[awk, -ftools/a.awk]", "tools/a.awk"),
    ("[sed, -n, -f, tools/s.sed, -e, p, F]", "tools/s.sed"),
    ("[sed, --file=tools/s.sed]", "tools/s.sed"),
    ("[make, -s, -f, tools/mk]", "tools/mk"),
    (
        "[sqlite3, -init, tools/q.sql, \":memory:\", \"\"]",
        "tools/q.sql",
    ),
    ("[node, --require=./tools/n.js, -e, \"0\"]", "tools/n.js"),
    (
        "[node, --import, ./tools/pre.mjs, tools/m.mjs]",
        "tools/pre.mjs",
    ),
    (
        "[node, --import, ./tools/pre.mjs, tools/m.mjs]",
        "tools/m.mjs",
    ),
    ("[node, --not-known=tools/n.js, tools/m.mjs]", "tools/n.js"),
    ("[perl, -I, tools/lib, tools/t.pl]", "tools/t.pl"),
    ("[perl, -Itools/lib, -e, \"1\"]", "tools/lib"),
    ("[bash, --rcfile, tools/pre.sh, tools/m.sh]", "tools/pre.sh"),
    ("[bash, --rcfile, tools/pre.sh, tools/m.sh]", "tools/m.sh"),
    ("[bash, --init-file=tools/pre.sh]", "tools/pre.sh"),
    ("[timeout, \"5\", xargs, sh, tools/m.sh]", "tools/m.sh"),
    (
        "[java, -cp, \"tools/lib:tools/a.jar\", Main]",
        "tools/a.jar",
    ),
    ("[java, -jar, tools/a.jar]", "tools/a.jar"),
    ("[bun, tools/m.mjs]", "tools/m.mjs"),
    ("[tar, cIf, tools/x, out/a.tar, out]", "tools/x"),
    ("[sh, -c, tools/x]", "tools/x"),
    // What would be found before it in `PATH`.
    ("[timeout, \"5\", helper]", "first/helper"),
    ("[unknown, helper]", "first/helper"),
    ("[timeout, \"5\", tools/x]", "first/helper"),
];

#[test]
fn a_file_in_a_place_of_code_is_code() {
    for (command, file) in CODE {
        let found = problems(&naming(command, file), &[]);
        let [(code, message)] = &found[..] else {
            panic!("{command}: {found:?}");
        };
        assert_eq!(code, "write_grant", "{command}");
        let covered = format!("{file}`)");
        assert!(message.contains(&covered), "{command}: {message}");
    }
}

#[test]
fn a_file_that_a_command_only_reads_is_data() {
    for command in [
        "[cat, out/report.txt]",
        "[timeout, \"5\", cat, out/run.sh]",
        "[cp, out/run.sh, other]",
        "[jq, ., out/report.txt]",
        "[sed, -n, p, out/report.txt]",
        "[sed, -e, \"s,out,a,\", out/report.txt]",
        "[awk, -f, tools/a.awk, out/data.csv]",
        "[python3, tools/m.sh, out/data.csv]",
        "[python3, -m, json.tool, out/data.csv]",
        "[sh, -c, 'cat \"$1\"', sh, out/report.txt]",
        "[bash, -e, tools/m.sh, out]",
        "[sqlite3, out/db, \"select 1\"]",
        "[find, out, -exec, cat, \"{}\", \";\"]",
        "[find, out, -exec, sh, -c, 'cat \"$1\"', sh, \"{}\", \";\"]",
        "[find, out/report.txt, -exec, sh, tools/m.sh, \"{}\", \"+\"]",
        "[find, out, -exec, unknown, \"{}\", \";\"]",
        "[git, -C, out, status]",
        "[git, add, out/report.txt]",
        "[env, -C, out, cat, report.txt]",
        "[make, out]",
        "[tar, cf, a.tar, out]",
        "[unknown, out/report.txt, --input=out/data.csv]",
        "[./run.sh, out/report.txt]",
    ] {
        let case = naming(command, "out").script("skills/victim/run.sh", "#!/bin/sh\n");
        assert_eq!(problems(&case, &[]), [], "{command}");
    }
}

#[test]
fn data_that_another_step_writes_is_read() {
    let case = Case::new().sh_skill(
        "w",
        "echo honest > out/report.txt; echo done",
        "permissions: [\"fs.write:out/\"]\n",
    );
    let case = manifest(case, "victim", "[cat, out/report.txt]").file("out/report.txt", "old");
    let output = case.plan(&steps(&["w", "victim"])).run(&RUN).expect_code(0);
    honest(&output, "victim");
    assert!(!output.stderr().contains("may write"), "{}", output.whole());
}

#[test]
fn what_a_launcher_starts_is_compared() {
    if !confines("skill_files::what_a_launcher_starts_is_compared") {
        return;
    }
    for command in [
        "[timeout, \"5\", tools/x]",
        "[env, -C, tools, sh, m.sh]",
        "[find, tools/m.sh, -exec, sh, \"{}\", \";\"]",
        "[awk, -f, tools/a.awk]",
    ] {
        let script = "for f in tools/*; do echo 'echo evil' >> $f; done; echo done";
        let case = Case::new().sh_skill("evil", script, "permissions: [\"fs.write:tools\"]\n");
        let case = manifest(case, "victim", command)
            .script("tools/x", "#!/bin/sh\necho honest\n")
            .file("tools/m.sh", "echo honest\n")
            .file("tools/a.awk", "BEGIN { print \"honest\" }\n")
            .plan(&steps(&["victim", "evil", "victim"]));
        let output = case.run(&RUN).expect_code(0);
        let records = output.records();
        assert_eq!(
            records[0]["output"],
            "honest",
            "{command}: {}",
            output.whole()
        );
        assert_eq!(records[2]["error_code"], "skill_not_loaded", "{command}");
    }
}

#[test]
fn other_names_of_scripts_programs_and_shared_files_are_noticed() {
    if !confines("skill_files::other_names_of_scripts_programs_and_shared_files_are_noticed") {
        return;
    }
    let text = "#!/bin/sh\necho honest\n";
    for (command, file) in [
        ("[sh, tools/t.sh]", "tools/t.sh"),
        ("[$WORKSPACE/bin/t]", "bin/t"),
        ("[env, bin/t]", "bin/t"),
        ("[./run.sh]", "skills/_shared/run.sh"),
    ] {
        let script = "echo 'echo evil' > data/name; echo done";
        let case = Case::new().sh_skill("evil", script, "permissions: [\"fs.write:data\"]\n");
        let case = manifest(case, "victim", command)
            .script(file, text)
            .file("data/x", "x")
            .plan(&steps(&["victim", "evil", "victim"]));
        fs::hard_link(case.path().join(file), case.path().join("data/name")).unwrap();
        if command == "[./run.sh]" {
            let link = case.path().join("skills/victim/run.sh");
            std::os::unix::fs::symlink("../_shared/run.sh", link).unwrap();
        }
        let output = case.run(&RUN).expect_code(0);
        let records = output.records();
        assert_eq!(
            records[0]["output"],
            "honest",
            "{command}: {}",
            output.whole()
        );
        assert_eq!(
            records[2]["error_code"],
            "skill_not_loaded",
            "{command}: {}",
            output.whole()
        );
    }
}

#[test]
fn a_directory_outside_of_the_skills_root_is_compared_if_a_step_may_write_it() {
    let with = |grant: &str| {
        let script = format!("echo 'echo evil' > {grant}/lib.sh; echo done");
        let permissions = format!("permissions: [\"fs.write:{grant}\"]\n");
        let case = Case::new().sh_skill("evil", &script, &permissions);
        let case = manifest(case, "victim", "[./run.sh]")
            .script(
                "skills/victim/run.sh",
                "#!/bin/sh\n. \"$OBS_SKILL_DIR/node_modules/a/lib.sh\"\n",
            )
            .file("deps/a/lib.sh", "echo honest\n")
            .file("out/x", "x")
            .plan(&steps(&["victim", "evil", "victim"]));
        let link = case.path().join("skills/victim/node_modules");
        std::os::unix::fs::symlink("../../deps", link).unwrap();
        case
    };
    let output = with("deps/a").run(&RUN).expect_code(0);
    let records = output.records();
    assert_eq!(records[0]["output"], "honest", "{}", output.whole());
    let error = records[2]["error"].as_str().unwrap_or_default();
    assert!(error.contains("deps/a/lib.sh` was changed"), "{error}");
    let case = with("deps");
    assert_eq!(problems(&case, &[])[0].0, "write_grant");

    let case = with("out");
    assert_eq!(problems(&case, &[]), []);
    let output = case.run(&RUN).expect_code(0);
    assert_eq!(
        output.records()[2]["output"],
        "honest",
        "{}",
        output.whole()
    );
}
