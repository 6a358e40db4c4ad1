//! obs runs execution plans: lists of steps, most of them written by a language model, each step a
//! call of a skill with JSON arguments.
//!
//! # The way of one plan
//!
//! A straight line; no module reaches back to an earlier one.
//!
//! 1. [`cli`] turns argv into options. `run` forks the [`process::Zygote`] first of all, while the
//!    process is small and has one thread.
//! 2. [`document::Source`] turns a path into text, [`document::Document`] text into data that knows
//!    its place, [`plan::load()`] data into an [`model::ExecutionPlan`] and *all* problems. Its
//!    [`plan::DependencyGraph`] says which step waits for which, and where one uses what another
//!    gives.
//! 3. [`skill::Registry`] finds the skills, [`mod@prove`] proves the plan against them: programs,
//!    arguments, inputs, references, environment, time. Until here nothing has run.
//! 4. [`engine`] asks a [`policy`], where one is in force, about the whole plan, and a person about
//!    what is critical. Then it starts each step when its turn has come. A step's life owns time
//!    and signals: references become values, are asked about once more, and each attempt goes to a
//!    [`engine::SkillExecutor`].
//! 5. [`executor::NativeExecutor`] expands the skill's command and asks the [`process::Launcher`]
//!    for a process tree of its own, fed, read, capped and ended whole.
//! 6. The outcome becomes an [`model::ExecutionLogRecord`]. It is in the log ([`store`]) before
//!    anybody hears of it.
//! 7. [`event::RunEvent`]s feed the [`report`]: table, JSON lines, document, progress, failures.
//! 8. [`cli::exit_code`] turns the outcome into a number that scripts can rely on.
//!
//! # Modules
//!
//! Imports go one way: `cli → {report, store, policy} → prove → executor → engine → skill → {plan,
//! process, event} → document → model`.
//!
//! The domain (plan, step, request, result, record, breaker) is that of the Go package
//! `openbotstack-core/execution`; its types and traits are here under the same names.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "obs needs Linux: it confines and ends process trees with Linux's own means (on Windows use WSL2)"
);

pub mod cli;
pub mod document;
pub mod engine;
pub mod event;
pub mod executor;
pub mod model;
pub mod plan;
pub mod policy;
pub mod process;
pub mod prove;
pub mod report;
pub mod skill;
pub mod store;
