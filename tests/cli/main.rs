//! The `obs` program from the outside: one binary, whole outputs.
//!
//! Each test writes files into a directory of its own with [`support::Case`], runs obs there and
//! compares all of its output. No test asserts a speed; waiting for an event ends after 30 seconds.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod streaming;
mod support;

mod approval;
mod architecture;
mod arguments;
mod blocked_output;
mod call_limits;
mod circuits;
mod completion;
mod confinement;
mod contributing;
mod cookbook;
mod denials;
mod doctor;
mod documents;
mod endings;
mod examples;
mod exit_codes;
mod file_tools;
mod finally;
mod flows;
mod for_each;
mod for_each_resume;
mod generated;
mod graph;
mod hidden;
mod hostile_output;
mod hostile_plan;
mod init;
mod inputs;
mod kills;
mod large_plans;
mod leaks;
mod ledger;
mod limits;
mod links;
mod locks;
mod log;
mod logs;
mod manifest_execution;
mod manual;
mod mistakes;
mod new;
mod next_step;
mod outputs;
mod pager;
mod pipes;
mod policy;
mod programs;
mod references;
mod resume;
mod retention;
mod retries;
mod reuse;
mod reuse_random;
mod run;
mod run_names;
mod runs;
mod screens;
mod secrets;
mod selection;
mod show;
mod skill_files;
mod skills;
mod skills_check;
mod skills_show;
mod state;
mod step_directories;
mod terminals;
mod torture;
mod tour;
mod validate;
mod variables;
mod verbs;
mod waiting;
mod write_targets;
mod wrong_approvals;
mod wrong_for_each;
mod wrong_plans;
