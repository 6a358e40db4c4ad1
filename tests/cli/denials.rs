//! From the first failure of a skill without permissions to its success, with one edit: what the
//! failure report says is pasted into the manifest.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;

use tempfile::TempDir;

use crate::support::{Case, confines, has_in, wait_for};

const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A skill as somebody writes it who has not heard of permissions.
fn naive(script: &str) -> Case {
    Case::new()
        .file(
            "skills/naive/manifest.yaml",
            "description: A naive skill.\nexecution:\n  command: [./run.sh]\n  output: text\ntimeout: 2m\n",
        )
        .script("skills/naive/run.sh", &format!("#!/bin/sh\nset -e\n{script}\n"))
        .plan("- {name: naive, type: skill}\n")
        .env("PATH", PATH)
}

/// Runs the skill, pastes what the report says, and runs it again. Returns the pasted line.
fn mended(case: &Case) -> String {
    let args = ["run", "plan.yaml", "--format", "none"];
    let first = case.run(&args).expect_code(1).stderr();
    assert!(first.contains("the sandbox probably denied"), "{first}");
    assert!(
        first.contains(" At the top level of skills/naive/manifest.yaml:"),
        "{first}"
    );
    let line = first
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("permissions: ["));
    let line = line.unwrap_or_else(|| panic!("{first}")).to_owned();
    let manifest = case.path().join("skills/naive/manifest.yaml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, format!("{text}{line}\n")).unwrap();
    let second = case.run(&args);
    assert_eq!(second.code, 0, "{first}\n{}", second.stderr());
    line
}

#[test]
fn a_skill_that_writes_a_file_needs_one_edit() {
    if !confines("a_skill_that_writes_a_file_needs_one_edit") {
        return;
    }
    let case = naive("echo hello > out.txt");
    assert_eq!(mended(&case), r#"permissions: ["fs.write:out.txt"]"#);
    let written = std::fs::read_to_string(case.path().join("out.txt")).unwrap();
    assert_eq!(written, "hello\n");
}

#[test]
fn a_denial_that_the_skill_survives_is_a_warning() {
    if !confines("a_denial_that_the_skill_survives_is_a_warning") {
        return;
    }
    let case = naive("touch out.txt || true\necho done");
    let said = case.run(&["run", "plan.yaml"]).expect_code(0).stderr();
    for want in [
        "\n! naive succeeded with a warning after ",
        "touch: cannot touch 'out.txt': Permission denied",
        "the sandbox probably denied writing `out.txt`",
        "\n    permissions: [\"fs.write:out.txt\"]\n",
        "\nok: 1 step",
    ] {
        assert!(said.contains(want), "{want}: {said}");
    }
    let shown = case.run(&["show"]).expect_code(0).stdout();
    assert!(
        shown.contains("! naive succeeded with a warning"),
        "{shown}"
    );
    let quiet = case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    assert_eq!(quiet.stderr(), "");
    let records = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0)
        .records();
    let hint = records[0]["hint"].as_str().unwrap();
    assert!(hint.contains("denied writing `out.txt`"), "{hint}");
    let off = case.run(&["run", "plan.yaml", "--sandbox", "off"]);
    assert!(!off.expect_code(0).stderr().contains("warning after"));
}

#[test]
fn a_second_file_is_named_beside_the_one_that_is_granted() {
    if !confines("a_second_file_is_named_beside_the_one_that_is_granted") {
        return;
    }
    let case = naive("echo hello > out.txt");
    mended(&case);
    let case = case.script(
        "skills/naive/run.sh",
        "#!/bin/sh\nset -e\necho hello > other.txt\n",
    );
    let said = case.run(&["run", "plan.yaml"]).expect_code(1).stderr();
    for want in [
        "the sandbox probably denied writing `other.txt`",
        r#"permissions: ["fs.write:out.txt", "fs.write:other.txt"]"#,
        "`fs.write:out.txt` grants this file alone",
    ] {
        assert!(said.contains(want), "{want}: {said}");
    }
}

#[test]
fn a_skill_that_asks_a_local_server_needs_one_edit() {
    let name = "a_skill_that_asks_a_local_server_needs_one_edit";
    if !(confines(name) && has_in(PATH, "curl", name)) {
        return;
    }
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut connection in server.incoming().flatten() {
            let request = BufReader::new(&connection).lines();
            let _end = request.map_while(Result::ok).find(String::is_empty);
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes";
            connection.write_all(answer).ok();
        }
    });
    let case = naive(&format!("curl -sS http://127.0.0.1:{port}/"));
    assert_eq!(mended(&case), format!(r#"permissions: ["net.tcp:{port}"]"#));
}

#[test]
fn a_skill_that_commits_with_git_needs_one_edit() {
    let name = "a_skill_that_commits_with_git_needs_one_edit";
    if !(confines(name) && has_in(PATH, "git", name)) {
        return;
    }
    let home = TempDir::new().unwrap();
    let identity = "[user]\n\tname = A Person\n\temail = person@example.com\n";
    std::fs::write(home.path().join(".gitconfig"), identity).unwrap();
    let case = naive("git add plan.yaml\ngit commit -q -m 'Add the plan'\ngit log --format=%an")
        .env("HOME", home.path().to_str().unwrap());
    let init = std::process::Command::new("git")
        .args(["init", "-q"])
        .current_dir(case.path())
        .env("PATH", PATH)
        .status()
        .unwrap();
    assert!(init.success());
    let want = r#"permissions: ["fs.write:.git/", "env:HOME", "fs.read:~/.gitconfig"]"#;
    assert_eq!(mended(&case), want);
    assert!(!home.path().join(".cache").exists());
}

#[test]
fn a_skill_that_runs_npm_needs_one_edit() {
    let name = "a_skill_that_runs_npm_needs_one_edit";
    if !(confines(name) && has_in(PATH, "npm", name)) {
        return;
    }
    let script = "cd app\nnpm init -y --offline >/dev/null\nnpm install --offline --no-audit --no-fund ../dep\n\
                  node -e 'console.log(require(\"dep\"))'";
    let case = naive(script)
        .file(
            "dep/package.json",
            r#"{"name": "dep", "version": "1.0.0", "main": "index.js"}"#,
        )
        .file("app/index.js", "")
        .file("dep/index.js", "module.exports = 'it works';\n");
    assert_eq!(mended(&case), r#"permissions: ["fs.write:app/"]"#);
    assert!(case.path().join("app/node_modules/dep").exists());
}

#[test]
fn a_skill_that_makes_a_venv_needs_one_edit() {
    let name = "a_skill_that_makes_a_venv_needs_one_edit";
    let has_venv = Path::new("/usr/bin/python3").exists()
        && std::process::Command::new("/usr/bin/python3")
            .args(["-c", "import ensurepip, venv"])
            .env("PATH", PATH)
            .status()
            .is_ok_and(|status| status.success());
    if !has_venv {
        crate::support::skip(name, "`python3 -m venv`");
    }
    if !(has_venv && confines(name)) {
        return;
    }
    let case = naive("python3 -m venv .venv\n.venv/bin/python -c 'print(1)'");
    assert_eq!(mended(&case), r#"permissions: ["fs.write:.venv/"]"#);
    let pip = case.path().join(".venv/bin/python");
    wait_for("the environment", || pip.exists());
}

#[test]
fn nothing_is_said_of_the_sandbox_if_it_is_off_or_not_the_cause() {
    for script in [
        "echo 'tee: out.txt: Permission denied' >&2\nexit 1",
        "cat nothing.txt",
    ] {
        let case = naive(script);
        let args = ["run", "plan.yaml", "--sandbox", "off", "--format", "none"];
        let stderr = case.run(&args).expect_code(1).stderr();
        assert!(!stderr.contains("the sandbox"), "{stderr}");
    }
    let stderr = naive("cat nothing.txt")
        .run(&["run", "plan.yaml"])
        .expect_code(1)
        .stderr();
    assert!(!stderr.contains("sandbox"), "{stderr}");
}
