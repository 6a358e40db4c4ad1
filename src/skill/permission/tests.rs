use super::*;

#[test]
fn every_form_reads_and_writes_back() {
    for text in [
        "net",
        "net.tcp:443",
        "net.dns",
        "fs.read:data",
        "fs.read:.",
        "fs.exec:/opt/tool",
        "fs.write:$RUN_DIR",
        "fs.write:$SKILL_DIR/cache",
        "fs.write:out/",
        "fs.write:$RUN_DIR/parts/",
        "fs.read:~",
        "fs.read:~/.config/tool",
        "fs.read:/",
        "env:LANG",
        "env:LANG?",
        "secret:API_TOKEN",
        "secret:API_TOKEN?",
    ] {
        assert_eq!(Permission::parse(text).unwrap().to_string(), text);
    }
    for (text, want) in [
        ("fs.read:$WORKSPACE", "fs.read:."),
        ("fs.read:$WORKSPACE/a", "fs.read:a"),
        ("fs.read:./a//b/./c/", "fs.read:a/b/c"),
        ("fs.write:$RUN_DIR//etc", "fs.write:$RUN_DIR/etc"),
        ("fs.write:./a//b/./", "fs.write:a/b/"),
        ("fs.write:a/.", "fs.write:a/"),
        ("fs.write:./", "fs.write:."),
        ("fs.write:/", "fs.write:/"),
        ("fs.write:~/", "fs.write:~"),
        ("fs.write:$RUN_DIR/", "fs.write:$RUN_DIR"),
    ] {
        assert_eq!(Permission::parse(text).unwrap().to_string(), want);
    }
}

#[test]
fn paths_start_where_they_say() {
    let places = StepDirs {
        run: Some(Path::new("/r")),
        ..StepDirs::new(
            Path::new("/s/fetch"),
            Path::new("/w"),
            Some(Path::new("/h")),
        )
    };
    for (text, want) in [
        ("fs.read:data", "/w/data"),
        ("fs.read:.", "/w"),
        ("fs.read:$SKILL_DIR", "/s/fetch"),
        ("fs.write:$RUN_DIR//etc/passwd", "/r/etc/passwd"),
        ("fs.read:~/a", "/h/a"),
        ("fs.read:/etc", "/etc"),
    ] {
        let permission = Permission::parse(text).unwrap();
        let path = permission.path().unwrap().resolve(&places).unwrap();
        assert_eq!(path, Path::new(want), "{text}");
    }
    let at_home = Permission::parse("fs.read:~").unwrap();
    let without_home = StepDirs {
        home: None,
        ..places
    };
    assert_eq!(at_home.path().unwrap().resolve(&without_home), None);
}

#[test]
fn mistakes_are_told_with_the_way_out() {
    let lines: Vec<String> = [
        "",
        "nett",
        "network",
        "net:443",
        "net.tcp",
        "net.tcp:0",
        "net.tcp:70000",
        "net.dns:x",
        "fs.read",
        "fs.read:",
        "fs.red:data",
        "fs.read:../x",
        "fs.read:$HOME/x",
        "fs.read:~bob/x",
        "fs.read:{{path}}",
        "env",
        "env:",
        "env:A=B",
        "env:1A",
        "env:LC_*",
        "env:A??",
        "read:data",
        "gpu",
    ]
    .into_iter()
    .map(|text| {
        let error = Permission::parse(text).unwrap_err();
        let meant = error
            .meant
            .map_or(String::new(), |meant| format!(" => {meant}"));
        format!("{:18} {}; {}{meant}", text, error.message, error.help)
    })
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn env_names_are_listed_by_need() {
    let permissions: Vec<_> = [
        "net",
        "env:A",
        "env:B?",
        "secret:C",
        "secret:D?",
        "env:B?",
        "env:D",
        "env:C?",
    ]
    .map(|text| Permission::parse(text).unwrap())
    .to_vec();
    let names = EnvNames::new(&permissions);
    assert_eq!(names.required, ["A", "C", "D"]);
    assert_eq!(names.optional, ["B"]);
    assert_eq!(names.secret, ["C", "D"]);
}
