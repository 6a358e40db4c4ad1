//! A directory with the programs, and the same work written down for each contender.
//!
//! Every contender starts the same program for each step, gives it the same 210 bytes of JSON and
//! keeps what it writes: the C and the Python loop in memory, obs in its database, the others in a
//! file for each step.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::contender::Contender;

const PYTHON_LOOP: &str = r"
import subprocess, sys
program, steps, text = sys.argv[1], int(sys.argv[2]), sys.stdin.buffer.read()
kept = [subprocess.run([program], input=text, stdout=subprocess.PIPE, check=True).stdout for _ in range(steps)]
assert all(output == text for output in kept)
";

const BASH_LOOP: &str =
    r#"for ((i = 0; i < $2; i++)); do "$1" < input.json > "out/$i" || exit 1; done"#;

/// What a step calls.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Skill {
    /// The static echo child.
    Echo,
    /// The same as a skill that obs must not call twice.
    EchoOnce,
    /// `/bin/cat`.
    Cat,
}

/// The directory of one benchmark.
pub(crate) struct Arena {
    dir: TempDir,
    /// Outside of the workspace: skills may read that.
    state: TempDir,
    obs: PathBuf,
}

impl Skill {
    fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::EchoOnce => "echo-once",
            Self::Cat => "cat",
        }
    }
}

impl Arena {
    /// Compiles the C programs and writes the skills.
    pub(crate) fn build() -> Self {
        let obs = std::env::var_os("OBS_BENCH_BIN");
        let arena = Self {
            dir: TempDir::new().unwrap(),
            state: TempDir::new().unwrap(),
            obs: obs.map_or_else(|| env!("CARGO_BIN_EXE_obs").into(), PathBuf::from),
        };
        arena.compile("echo", include_str!("echo.c"), "-static");
        arena.compile("spawn_loop", include_str!("spawn_loop.c"), "-pthread");
        for (skill, more) in [
            (Skill::Echo, "idempotent: true\n"),
            (Skill::EchoOnce, ""),
            (Skill::Cat, "idempotent: true\n"),
        ] {
            let program = arena.program_of(skill);
            arena.skill(skill.name(), program.to_str().unwrap(), more);
        }
        arena.write("input.json", &arguments().to_string());
        fs::create_dir(arena.path("out")).unwrap();
        arena
    }

    /// A skill that runs `program`, with `more` in its manifest.
    pub(crate) fn skill(&self, name: &str, program: &str, more: &str) {
        let manifest =
            format!("description: A skill.\nexecution:\n  command: [\"{program}\"]\n{more}");
        self.write(&format!("skills/{name}/manifest.yaml"), &manifest);
    }

    fn compile(&self, name: &str, source: &str, flag: &str) {
        self.write(&format!("{name}.c"), source);
        let mut compiler = Command::new("cc");
        compiler
            .current_dir(self.dir.path())
            .args(["-O2", flag, "-o", name, &format!("{name}.c")]);
        assert!(compiler.status().unwrap().success(), "cc {name}.c");
    }

    /// Writes a file, with the directories above it, and gives its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn program_of(&self, skill: Skill) -> PathBuf {
        match skill {
            Skill::Echo | Skill::EchoOnce => self.path("echo"),
            Skill::Cat => "/bin/cat".into(),
        }
    }

    fn shell_line(&self, skill: Skill, output: &str) -> String {
        let program = self.program_of(skill);
        format!("{} < input.json > out/{output}", program.display())
    }

    /// What this machine is.
    pub(crate) fn machine() -> String {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map_or("unknown", |model| {
                model.trim_start_matches([' ', '\t', ':'])
            });
        let cores = std::thread::available_parallelism().unwrap();
        format!("Linux {}, {cores} cores, {model}", kernel.trim())
    }

    /// The size of the program that is measured.
    pub(crate) fn size_of_obs(&self) {
        let kib = fs::metadata(&self.obs).unwrap().len() >> 10;
        let mib = f64::from(u32::try_from(kib).unwrap()) / 1024.0;
        println!("size of obs: {mib:.1} MiB");
    }

    /// obs with arguments.
    pub(crate) fn obs_with<A: AsRef<OsStr>>(&self, args: &[A]) -> Contender {
        Contender::file(&self.obs, args)
            .named("obs")
            .within(self.dir.path())
            .env("OBS_STATE_DIR", self.state.path())
    }

    pub(crate) fn obs_version(&self) -> Contender {
        self.obs_with(&["--version"])
    }

    /// obs with all its guarantees: confined, committed, chained.
    pub(crate) fn obs(&self, skill: Skill, steps: usize, jobs: usize) -> Contender {
        let order = if jobs == 1 { "sequence" } else { "graph" };
        let plan = format!("plan-{}-{steps}-{order}.json", skill.name());
        self.write(&plan, &plan_of(order, steps, skill.name()).to_string());
        let jobs = jobs.to_string();
        let size = "10485760";
        self.obs_with(&["run", &plan, "-q", "--jobs", &jobs, "--max-plan-size", size])
    }

    pub(crate) fn c_loop(&self, skill: Skill, steps: usize, threads: usize) -> Contender {
        let program = self.program_of(skill);
        let (steps, threads) = (steps.to_string(), threads.to_string());
        let args = [program.as_os_str(), steps.as_ref(), threads.as_ref()];
        self.reader(Contender::file(&self.path("spawn_loop"), &args))
            .named("C, posix_spawn")
    }

    pub(crate) fn python(&self, skill: Skill, steps: usize) -> Contender {
        let script = self.write("loop.py", PYTHON_LOOP);
        let (program, steps) = (self.program_of(skill), steps.to_string());
        let args = [script.as_os_str(), program.as_ref(), steps.as_ref()];
        self.reader(Contender::program("python3", &args))
    }

    pub(crate) fn bash(&self, skill: Skill, steps: usize) -> Contender {
        let (program, steps) = (self.program_of(skill), steps.to_string());
        let args = ["-c", BASH_LOOP, "loop"].map(OsStr::new);
        let args = [&args[..], &[program.as_ref(), steps.as_ref()]].concat();
        self.within(Contender::program("bash", &args))
    }

    pub(crate) fn make(&self, skill: Skill, steps: usize, jobs: usize) -> Contender {
        let mut text = format!(".PHONY: all {}\n", numbers(steps, " "));
        writeln!(text, "all: {}", numbers(steps, " ")).unwrap();
        writeln!(
            text,
            "{}:\n\t@{}",
            numbers(steps, " "),
            self.shell_line(skill, "$@")
        )
        .unwrap();
        let file = format!("{}-{steps}.mk", skill.name());
        self.write(&file, &text);
        let args = ["-s", "-j", &jobs.to_string(), "-f", &file, "all"].map(str::to_owned);
        self.within(Contender::program("make", &args))
    }

    pub(crate) fn ninja(&self, skill: Skill, steps: usize, jobs: usize) -> Contender {
        let line = self.shell_line(skill, "$out");
        let mut text = format!("rule step\n  command = {line}\nrule never\n  command = true\n");
        for step in 0..steps {
            writeln!(text, "build s{step}: step | always").unwrap();
        }
        text.push_str("build always: never\n");
        let file = format!("{}-{steps}.ninja", skill.name());
        self.write(&file, &text);
        let args = ["--quiet", "-j", &jobs.to_string(), "-f", &file].map(str::to_owned);
        self.within(Contender::program("ninja", &args))
    }

    pub(crate) fn just(&self, skill: Skill, steps: usize) -> Contender {
        let mut text = "all:\n".to_owned();
        for step in 0..steps {
            writeln!(text, "    @{}", self.shell_line(skill, &step.to_string())).unwrap();
        }
        let file = format!("{}-{steps}.just", skill.name());
        self.write(&file, &text);
        let args = ["--justfile", &file, "all"];
        self.within(Contender::program("just", &args))
    }

    pub(crate) fn go_task(&self, skill: Skill, steps: usize) -> Contender {
        let mut text = "version: '3'\ntasks:\n  all:\n    silent: true\n    cmds:\n".to_owned();
        for step in 0..steps {
            writeln!(
                text,
                "      - {}",
                self.shell_line(skill, &step.to_string())
            )
            .unwrap();
        }
        let file = format!("{}-{steps}.task.yml", skill.name());
        self.write(&file, &text);
        self.within(Contender::program("task", &["--taskfile", &file, "all"]))
            .named("go-task")
    }

    pub(crate) fn xargs(&self, skill: Skill, steps: usize, jobs: usize) -> Contender {
        let line = self.shell_line(skill, "\"$0\"");
        let args = ["-P", &jobs.to_string(), "-n", "1", "sh", "-c", &line].map(str::to_owned);
        self.each(Contender::program("xargs", &args), steps)
    }

    pub(crate) fn parallel(&self, skill: Skill, steps: usize, jobs: usize) -> Contender {
        let line = self.shell_line(skill, "{}");
        let args = ["--jobs", &jobs.to_string(), &line].map(str::to_owned);
        self.each(Contender::program("parallel", &args), steps)
            .named("GNU parallel")
    }

    /// Once for each number that it reads.
    fn each(&self, contender: Contender, steps: usize) -> Contender {
        let list = self.write(&format!("numbers-{steps}"), &(numbers(steps, "\n") + "\n"));
        self.within(contender).reading(list)
    }

    fn reader(&self, contender: Contender) -> Contender {
        self.within(contender).reading(self.path("input.json"))
    }

    fn within(&self, contender: Contender) -> Contender {
        contender.within(Path::new(self.dir.path()))
    }
}

fn numbers(steps: usize, between: &str) -> String {
    let numbers: Vec<_> = (0..steps).map(|step| step.to_string()).collect();
    numbers.join(between)
}

/// What each step gets. One value, because a plan holds 65 536 at most.
fn arguments() -> Value {
    json!({"text": "x".repeat(198)})
}

/// A plan of steps that call one skill.
pub(crate) fn plan_of(order: &str, steps: usize, skill: &str) -> Value {
    let step = |step: usize| json!({"name": skill, "step_id": format!("s{step}"), "type": "skill", "arguments": arguments()});
    let steps: Vec<_> = (0..steps).map(step).collect();
    json!({"assistant_id": "bench", "order": order, "steps": steps})
}
