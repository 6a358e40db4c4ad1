//! What can't be tried is not told as what the kernel lacks.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Case, Output, has, skip};

/// What the doctor says of each layer, by its name.
fn layers(output: &Output) -> BTreeMap<String, Value> {
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let layers = document["layers"].as_array().unwrap();
    let name = |layer: &Value| layer["layer"].as_str().unwrap().to_owned();
    layers
        .iter()
        .map(|layer| (name(layer), layer.clone()))
        .collect()
}

fn run_under(case: &Case, wrapper: &[&str], args: &[&str]) -> Output {
    let output = case.command_under(wrapper, args).output().unwrap();
    Output::new(case, output)
}

#[test]
fn without_descriptors_no_layer_is_said_to_be_missing_that_is_not() {
    let case = Case::new()
        .sh_skill("ok", "echo 1", "")
        .plan("- {name: ok, type: skill}\n");
    let args = ["doctor", "--format", "json"];
    let usual = layers(&case.run(&args).expect_code(0));
    let has_all = usual.values().all(|layer| layer["enforced"] == true);
    let mut untried = 0;
    for files in 3..40 {
        let limit = format!("ulimit -n {files} && exec \"$@\"");
        let wrapper = ["sh", "-c", &limit, "sh"];
        let output = run_under(&case, &wrapper, &args);
        if output.code != 0 {
            // obs itself could not begin, and says why.
            assert!(says_why(&output), "{files}: {}", output.whole());
            continue;
        }
        for (name, layer) in layers(&output) {
            if layer["enforced"] == usual[&name]["enforced"] {
                continue;
            }
            untried += 1;
            assert_eq!(layer["tried"], false, "{files}: {layer}");
            let reason = layer["missing"].as_str().unwrap();
            assert!(
                reason.starts_with("could not be tried: "),
                "{files}: {layer}"
            );
        }
        let output = run_under(&case, &wrapper, &["run", "plan.yaml"]);
        let lies = ["can't confine", "lacks a layer", "needs L", "not available"];
        // What the machine lacks anyway is said truly.
        let lies = lies.iter().filter(|_| has_all);
        let lie = lies.copied().find(|lie| output.whole().contains(lie));
        assert_eq!(lie, None, "{files}: {}", output.whole());
    }
    assert!(
        untried > 0 || usual.is_empty(),
        "the limits were not low enough"
    );
}

fn says_why(output: &Output) -> bool {
    let said = output.stderr();
    // Below the loader's own needs nothing of obs runs.
    said.contains("Too many open files")
        || said.contains("No file descriptors available")
        || said.contains("error while loading shared libraries")
        || said.contains("too many open files")
}

#[test]
fn without_proc_only_what_reads_it_is_missing() {
    let test = "doctor::without_proc_only_what_reads_it_is_missing";
    if !has("unshare", test) || !has("mount", test) {
        return;
    }
    let case = Case::new();
    let mount = "mount -t tmpfs none /proc && exec \"$@\"";
    let wrapper = ["unshare", "--mount", "sh", "-c", mount, "sh"];
    let may = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", "mount -t tmpfs none /proc"])
        .output();
    if !may.is_ok_and(|output| output.status.success()) {
        return skip(test, "the right to mount");
    }
    let args = ["doctor", "--format", "json"];
    let usual = layers(&case.run(&args).expect_code(0));
    for (name, layer) in layers(&run_under(&case, &wrapper, &args).expect_code(0)) {
        if name == "limits" {
            let reason = "needs a readable /proc; it fails on this machine: No such file or directory (os error 2)";
            assert_eq!(layer["missing"], reason);
        } else {
            assert_eq!(layer["enforced"], usual[&name]["enforced"], "{layer}");
        }
    }
}
