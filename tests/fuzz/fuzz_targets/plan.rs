// Any bytes as a plan, in both languages: read, checked, proven against no skills, and told.
#![no_main]

#[path = "bound.rs"]
mod bound;
#[path = "tell.rs"]
mod tell;

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use obs::plan;
use obs::document::Source;
use obs::executor::BaseEnvironment;
use obs::model::SandboxMode;
use obs::prove::{Question, TimeFlags, prove};
use obs::skill::{Registry, SandboxPolicy};

fuzz_target!(|bytes: &[u8]| {
    bound::bounded(|| {
        for name in ["plan.json", "plan.yaml"] {
            let Ok(source) = Source::from_bytes(name.to_owned(), bytes.to_vec()) else {
                continue;
            };
            let mut loaded = plan::load(source);
            let question = Question {
                registry: &Registry::new(Vec::new()),
                workspace: Path::new("/tmp"),
                environment: &BaseEnvironment::of_this_process(),
                limits: TimeFlags::default(),
                sandbox: &SandboxPolicy {
                    mode: SandboxMode::Require,
                    max_memory_mb: None,
                    max_cpu: None,
                    max_processes: None,
                    max_disk_mb: None,
                    home: None,
                },
                retry_unsafe: false,
                inputs: None,
            };
            let proof = prove(&mut loaded, &question);
            assert!(proof.plan.is_none() || !loaded.problems.has_errors());
            tell::tell(&loaded.problems, &loaded.document);
        }
    });
});
