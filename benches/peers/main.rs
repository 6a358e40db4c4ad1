//! What a step costs, beside a C program that does as little as possible and what people use today.
//!
//! `cargo bench --bench peers` builds the C programs, runs everything side by side, each contender
//! once a round, and prints medians and ratios as a Markdown table. Nothing is installed; a peer
//! that is not there is named and left out. `OBS_BENCH_ROUNDS` says how many rounds (7),
//! `OBS_BENCH_ROWS` which rows (a part of their names), `OBS_BENCH_BIN` which obs.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a table for people"
)]

mod arena;
mod contender;
mod growth;
mod rounds;
mod validation;

use arena::{Arena, Skill};
use contender::Contender;
use rounds::Rounds;

/// How many steps the rows about steps have.
const STEPS: usize = 1000;

fn main() {
    let arena = Arena::build();
    let rounds = Rounds::from_environment();
    println!("{}\n", Arena::machine());
    steps(&rounds, &arena);
    whole_processes(&rounds, &arena);
    growth::many_steps(&rounds, &arena);
    growth::many_items(&rounds, &arena);
    growth::resident(&rounds, &arena);
    validation::ten_thousand_steps(&rounds, &arena);
    arena.size_of_obs();
}

/// Rows of a thousand steps.
fn steps(rounds: &Rounds, arena: &Arena) {
    let (echo, cat) = (Skill::Echo, Skill::Cat);
    rounds.compare(
        "1000 sequential steps, static echo child",
        vec![
            arena.c_loop(echo, STEPS, 1),
            arena.obs(echo, STEPS, 1),
            arena
                .obs(Skill::EchoOnce, STEPS, 1)
                .named("obs, not idempotent"),
            arena.make(echo, STEPS, 1),
            arena.ninja(echo, STEPS, 1),
            arena.just(echo, STEPS),
            arena.go_task(echo, STEPS),
            arena.bash(echo, STEPS),
            arena.python(echo, STEPS),
        ],
    );
    rounds.compare(
        "1000 sequential steps, /bin/cat",
        vec![
            arena.c_loop(cat, STEPS, 1),
            arena.obs(cat, STEPS, 1),
            arena.make(cat, STEPS, 1),
            arena.just(cat, STEPS),
            arena.bash(cat, STEPS),
        ],
    );
    for jobs in [2, 8] {
        rounds.compare(
            &format!("1000 independent steps, {jobs} at once"),
            vec![
                arena.c_loop(echo, STEPS, jobs),
                arena.obs(echo, STEPS, jobs),
                arena.obs(echo, STEPS, 1).named("obs, one job"),
                arena.make(echo, STEPS, jobs),
                arena.ninja(echo, STEPS, jobs),
                arena.xargs(echo, STEPS, jobs),
                arena.parallel(echo, STEPS, jobs),
            ],
        );
    }
}

/// Rows of little work.
fn whole_processes(rounds: &Rounds, arena: &Arena) {
    let echo = Skill::Echo;
    rounds.compare(
        "one step, the whole process",
        vec![
            arena.just(echo, 1),
            arena.obs(echo, 1, 1),
            arena.go_task(echo, 1),
            arena.python(echo, 1),
        ],
    );
    rounds.compare(
        "--version",
        vec![
            Contender::program("just", &["--version"]),
            arena.obs_version(),
            Contender::program("task", &["--version"]).named("go-task"),
        ],
    );
}
