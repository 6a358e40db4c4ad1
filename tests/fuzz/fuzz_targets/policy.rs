// Any bytes as a file of policies; where they are some, a step is judged by them.
#![no_main]

#[path = "bound.rs"]
mod bound;
#[path = "tell.rs"]
mod tell;

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use obs::Identity;
use obs::internal::{CedarGate, FlagPolicies, load_policies};
use tempfile::TempDir;

static DIR: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a directory"));
static FILE: LazyLock<PathBuf> = LazyLock::new(|| DIR.path().join("all.cedar"));

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("a file");
    bound::bounded(|| {
        let Ok(files) = load_policies(&FILE) else {
            return;
        };
        for file in &files {
            tell::tell(&file.problems, &file.document);
        }
        let rules = files.into_iter().flat_map(|file| file.rules).collect();
        // Two of one id are refused.
        drop(CedarGate::new(
            Some(rules),
            &FlagPolicies::default(),
            Identity::default(),
        ));
    });
});
