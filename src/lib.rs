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
//! Imports go down this list, and no two files import each other; `tests/cli/architecture.rs`
//! checks both.
//!
//! ```text
//! cli → {report, store, policy} → prove → executor → engine → skill → {plan, process, event} → document → model
//! ```
//!
//! # Glossary
//!
//! The domain is that of the Go package `openbotstack-core/execution` (OpenBotStack): its types are
//! here under the same names.
//!
//! | term | meaning |
//! |---|---|
//! | plan | a JSON or YAML list of steps |
//! | step | one call of a skill, with its arguments |
//! | skill | a directory with a manifest; its program takes JSON on stdin and gives JSON on stdout |
//! | tool | a skill that is built into obs |
//! | run | one execution of a plan |
//! | record | the outcome of one step of a run |
//! | attempt | one start of a skill for a step; retries make more than one |
//! | breaker | the circuit breaker of a skill that keeps failing |
//! | grace period | the time between SIGTERM and SIGKILL |
//! | workspace | the directory in which skills work |
//! | run directory | `$RUN_DIR`, the directory for files between the steps of a run |
//! | scratch directory | the private temporary directory of one step |
//! | grant | a path and what a skill may do with it |
//! | layer | one mechanism of the sandbox, such as Landlock's file rules |
//! | supervisor | the process that starts a skill, enforces its limits and kills its tree |
//! | zygote | the process, forked first of all, that forks supervisors |
//! | chain | the hashes of a run's records, each over the one before |
//! | head | the hash of the last record of a chain |
//! | ledger | the chain of all starts, ends and removals of runs in a state |
//! | state | the directory with the database of runs, records and circuits |

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
