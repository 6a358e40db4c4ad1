//! Ordinary programs as skills: confinement does not break what people use. Each needs hard links
//! or renames between two directories, or calls that the filter denies in part.

use crate::support::{Case, confines, has_in};

/// Where skills find programs. One in somebody's home directory is hidden from them.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What a skill can write to.
#[derive(Clone, Copy)]
enum Place {
    Scratch,
    Workspace,
}

/// True if all programs of `needs` are there and skills are confined.
fn is_possible(needs: &[&str], test: &str) -> bool {
    let test = format!("programs::{test}");
    confines(&test) && needs.iter().all(|program| has_in(PATH, program, &test))
}

/// What `script` prints as a confined skill whose working directory is `place`.
fn said_in(place: Place, script: &str) -> String {
    let (directory, permissions) = match place {
        Place::Scratch => ("$TMPDIR", "[]"),
        Place::Workspace => ("work", "[\"fs.write:.\"]"),
    };
    let manifest = format!(
        "description: d\npermissions: {permissions}\n\
         execution: {{command: [./run.sh], stdin: none, output: text}}\n"
    );
    let case = Case::new()
        .env("PATH", PATH)
        .file("work/empty", "")
        .file("skills/probe/manifest.yaml", manifest)
        .script(
            "skills/probe/run.sh",
            &format!("#!/bin/sh\nset -eu\ncd \"{directory}\"\n{script}\n"),
        )
        .plan("- {name: probe, type: skill}\n");
    let output = case.run(&["run", "plan.yaml", "--print", "probe"]);
    output.expect_code(0).stdout()
}

#[track_caller]
fn expect_in_both(script: &str, said: &str) {
    for place in [Place::Scratch, Place::Workspace] {
        assert_eq!(said_in(place, script), said);
    }
}

#[test]
fn git_clone_local_makes_hard_links() {
    if !is_possible(&["git", "find"], "git_clone_local_makes_hard_links") {
        return;
    }
    let script = "git init -q origin
        git -C origin -c user.name=x -c user.email=x@y commit -q --allow-empty -m first
        git clone -q --local origin copy
        git -C copy log --format=%s
        find copy/.git/objects -type f -links 1";
    expect_in_both(script, "first\n");
}

#[test]
fn cp_copies_as_hard_links_and_with_attributes() {
    if !is_possible(
        &["cp", "install"],
        "cp_copies_as_hard_links_and_with_attributes",
    ) {
        return;
    }
    let script = "mkdir -p tree/deep
        echo text > tree/deep/file
        chmod 640 tree/deep/file
        cp -al tree linked
        cp -a tree copied
        install -m 750 tree/deep/file installed
        stat -c '%h %a' linked/deep/file copied/deep/file installed";
    expect_in_both(script, "2 640\n1 640\n1 750\n");
}

#[test]
fn tar_extracts_hard_links() {
    if !is_possible(&["tar"], "tar_extracts_hard_links") {
        return;
    }
    let script = "mkdir -p tree/deep out
        echo text > tree/one
        ln tree/one tree/deep/two
        tar -cf tree.tar tree
        tar -xpf tree.tar -C out
        stat -c %h out/tree/one
        cat out/tree/deep/two";
    expect_in_both(script, "2\ntext\n");
}

#[test]
fn python_and_node_rename_and_link_between_directories() {
    let test = "python_and_node_rename_and_link_between_directories";
    let prepare = "mkdir -p a b/c; echo text > a/file";
    if is_possible(&["python3"], test) {
        let python = "python3 -c 'import os
os.rename(\"a/file\", \"b/c/file\"); os.link(\"b/c/file\", \"a/again\"); os.rename(\"b/c\", \"a/c\")
print(open(\"a/c/file\").read(), os.stat(\"a/again\").st_nlink)'";
        expect_in_both(&format!("{prepare}\n{python}"), "text\n 2\n");
    }
    if is_possible(&["node"], test) {
        let node = "node -e 'const fs = require(\"fs\");
fs.renameSync(\"a/file\", \"b/c/file\"); fs.linkSync(\"b/c/file\", \"a/again\"); fs.renameSync(\"b/c\", \"a/c\");
console.log(fs.readFileSync(\"a/c/file\", \"utf8\"), fs.statSync(\"a/again\").nlink)'";
        expect_in_both(&format!("{prepare}\n{node}"), "text\n 2\n");
    }
}

#[test]
fn pip_installs_a_project() {
    let test = "pip_installs_a_project";
    if !is_possible(&["python3"], test) || !succeeds("pip and setuptools", CAN_BUILD, test) {
        return;
    }
    let script = "mkdir project; cd project
        echo 'answer = 42' > deep_thought.py
        echo 'from setuptools import setup; setup(name=\"deep-thought\", version=\"1\", py_modules=[\"deep_thought\"])' > setup.py
        python3 -m pip install --quiet --no-index --no-build-isolation --disable-pip-version-check --target ../lib . >&2
        cd ..
        PYTHONPATH=lib python3 -c 'import deep_thought; print(deep_thought.answer)'";
    expect_in_both(script, "42\n");
}

#[test]
fn python_makes_a_virtual_environment() {
    let test = "python_makes_a_virtual_environment";
    if !is_possible(&["python3"], test)
        || !succeeds("venv and ensurepip", "import venv, ensurepip", test)
    {
        return;
    }
    let script = "python3 -m venv env >&2
        env/bin/python -c 'import sys, pip; print(sys.prefix != sys.base_prefix)'";
    assert_eq!(said_in(Place::Workspace, script), "True\n");
}

#[test]
fn npm_installs_a_local_package() {
    if !is_possible(&["node", "npm"], "npm_installs_a_local_package") {
        return;
    }
    // As a link to the directory, and as an archive that goes through npm's cache.
    let script = "mkdir first second app
        for name in first second; do
          printf '{\"name\": \"%s\", \"version\": \"1.0.0\", \"main\": \"index.js\"}' $name > $name/package.json
          printf 'module.exports = \"%s\"' $name > $name/index.js
        done
        echo '{\"name\": \"app\", \"version\": \"1.0.0\"}' > app/package.json
        export npm_config_offline=true npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
        npm pack --silent ./second >&2
        cd app
        npm install --silent ../first ../second-1.0.0.tgz >&2
        node -p 'require(\"first\") + \" \" + require(\"second\")'";
    expect_in_both(script, "first second\n");
}

#[test]
fn a_program_is_started_with_less_priority_and_on_one_cpu() {
    let needs = ["nice", "ionice", "chrt", "taskset"];
    let test = "a_program_is_started_with_less_priority_and_on_one_cpu";
    if !is_possible(&needs, test) {
        return;
    }
    let script = "cpu=$(taskset -pc $$ | sed 's/.*: //; s/[-,].*//')
        base=$(nice); export base
        nice -n 5 ionice -c 3 chrt --batch 0 taskset -c $cpu sh -c 'expr $(nice) - $base; ionice; chrt -p $$ | head -n 1 | sed \"s/.*: //\"'";
    assert_eq!(said_in(Place::Scratch, script), "5\nidle\nSCHED_BATCH\n");
}

#[test]
fn tail_follows_a_file_by_polling() {
    if !is_possible(&["tail"], "tail_follows_a_file_by_polling") {
        return;
    }
    let script = "echo one > file
        (sleep 0.3; echo two >> file) &
        tail -f -s 0.1 --pid=$! file";
    assert_eq!(said_in(Place::Scratch, script), "one\ntwo\n");
}

/// Fails if pip needs more than setuptools to build: the package `wheel`, unless setuptools has it
/// or pip is old enough to do without.
const CAN_BUILD: &str = "import setuptools, pip
from importlib.util import find_spec
version = tuple(map(int, pip.__version__.split('.')[:2]))
assert find_spec('wheel') or find_spec('setuptools.command.bdist_wheel') or version < (23, 1)";

/// True if the Python of skills runs `program`; says that `needs` is missing if not.
fn succeeds(needs: &str, program: &str, test: &str) -> bool {
    let output = std::process::Command::new("/usr/bin/env")
        .args(["python3", "-c", program])
        .env("PATH", PATH)
        .output()
        .unwrap();
    if !output.status.success() {
        crate::support::skip(&format!("programs::{test}"), &format!("Python's {needs}"));
    }
    output.status.success()
}
