//! Random plans, cut off at a random step, and resumed after random changes: what is reused is what
//! a simple oracle says.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};

use crate::resume::calls;
use crate::reuse::{reasons, resume};
use crate::support::processes::marked;
use crate::support::random::Random;
use crate::support::{Case, concat, number_from, say, wait_for};

/// How many plans; `OBS_TEST_REUSE` says otherwise.
fn plans() -> u64 {
    number_from("OBS_TEST_REUSE").unwrap_or(25)
}

const SKILLS: [&str; 3] = ["a", "b", "once"];

/// Fails if `fails` names its argument, and waits for its end if `cut` does.
const SCRIPT: &str = "read -r line; n=${line#*:}; n=${n%%,*}; n=${n%\\}}; echo $n >> calls; \
    grep -qx $n fails 2>/dev/null && exit 1; \
    test \"$(cat cut 2>/dev/null)\" = $n && echo $n > ready && sleep 60; echo $n";

/// A step of a random plan.
struct Step {
    skill: &'static str,
    /// The steps that must be over before it starts.
    after: Vec<usize>,
    is_tolerated: bool,
    fails: bool,
    /// An argument without a meaning.
    mark: u64,
}

struct Plan {
    is_graph: bool,
    steps: Vec<Step>,
}

impl Plan {
    fn random(random: &mut Random) -> Self {
        let is_graph = random.below(2) == 0;
        let count = usize::try_from(2 + random.below(7)).unwrap();
        let mut steps = Vec::new();
        for n in 0..count {
            let mut after: Vec<usize> = (0..n).collect();
            if is_graph {
                after.retain(|_| random.below(3) == 0);
            }
            steps.push(Step {
                skill: random.of(&SKILLS),
                after,
                is_tolerated: random.below(2) == 0,
                fails: random.below(5) == 0,
                mark: 0,
            });
        }
        Self { is_graph, steps }
    }

    fn text(&self) -> String {
        let order = if self.is_graph { "graph" } else { "sequence" };
        let mut text = format!("assistant_id: a\norder: {order}\nsteps:\n");
        for (n, step) in self.steps.iter().enumerate() {
            let after: Vec<String> = step.after.iter().map(|n| format!("s{n}")).collect();
            let after = format!("depends_on: [{}], ", after.join(", "));
            writeln!(
                text,
                "- {{name: {}, step_id: s{n}, type: skill, {}continue_on_error: {}, \
                 arguments: {{n: {n}, mark: {}}}}}",
                step.skill,
                if self.is_graph { &*after } else { "" },
                step.is_tolerated,
                step.mark,
            )
            .unwrap();
        }
        text
    }

    /// True for a step that is as good as it was, and so is all before it.
    fn is_sound(&self, step: usize, is_same: &dyn Fn(usize) -> bool) -> bool {
        let mut before = self.steps[step].after.iter();
        is_same(step) && before.all(|before| self.is_sound(*before, is_same))
    }
}

/// Ends obs while its step waits; it may be over before.
fn end(case: &Case, mut obs: Child, signal: &str) {
    let ready = case.path().join("ready");
    let mut is_over = false;
    wait_for("the step or the end", || {
        is_over = obs.try_wait().unwrap().is_some();
        is_over || ready.exists()
    });
    if !is_over {
        let mut kill = Command::new("kill");
        kill.args([signal, &obs.id().to_string()]).status().unwrap();
    }
    obs.wait().unwrap();
    let marker = format!("OBS_STATE_DIR={}", case.state().display());
    wait_for("the end of the helpers", || marked(&marker).is_empty());
}

/// A run that was cut off.
struct CutRun {
    case: Case,
    what: String,
    /// The step that was waiting for its end.
    cut: Option<usize>,
    /// A step that was called and does not fail has succeeded, but for the one that was cut off.
    succeeded: Vec<bool>,
    calls: BTreeMap<usize, usize>,
}

fn run_and_cut(plan: &Plan, random: &mut Random) -> CutRun {
    let mut case = Case::new();
    for skill in SKILLS {
        let is_safe = skill != "once";
        case = case.sh_skill(
            skill,
            SCRIPT,
            if is_safe { "idempotent: true\n" } else { "" },
        );
    }
    let numbers = 0..plan.steps.len();
    let fails = numbers.clone().filter(|n| plan.steps[*n].fails);
    let cut = usize::try_from(random.below(9)).unwrap();
    let case = case
        .file("plan.yaml", plan.text())
        .file("fails", concat(fails.map(|n| format!("{n}\n"))))
        .file("cut", cut.to_string());
    let flags: &[&str] = random.of(&[&["--keep-going"][..], &[], &["--fail-fast"]]);
    let signal = random.of(&["-KILL", "-TERM", "-INT"]);
    let mut command = case.command(&[&["run", "plan.yaml", "-q"], flags].concat());
    end(
        &case,
        command.stderr(Stdio::null()).spawn().unwrap(),
        signal,
    );
    let cut = case.path().join("ready").exists().then_some(cut);
    let calls = calls(&case);
    let succeeded = |n: usize| calls.contains_key(&n) && !plan.steps[n].fails && cut != Some(n);
    CutRun {
        what: format!("{signal}, {flags:?}:\n{}", plan.text()),
        cut,
        succeeded: numbers.map(succeeded).collect(),
        calls,
        case,
    }
}

/// Changes the files of a skill, or an argument, or neither.
fn change(plan: &mut Plan, case: &Case, random: &mut Random) -> Option<&'static str> {
    let step = usize::try_from(random.below(20)).unwrap();
    if let Some(step) = plan.steps.get_mut(step) {
        step.mark = 1;
    }
    let write = |file: &str, text: &str| std::fs::write(case.path().join(file), text).unwrap();
    write("plan.yaml", &plan.text());
    write("cut", "");
    write("fails", "");
    let skill = (random.below(3) == 0).then(|| random.of(&SKILLS))?;
    write(&format!("skills/{skill}/more.sh"), "echo");
    Some(skill)
}

fn check(seed: u64) {
    let mut random = Random::new(seed);
    let mut plan = Plan::random(&mut random);
    let run = run_and_cut(&plan, &mut random);
    let changed_skill = change(&mut plan, &run.case, &mut random);
    let (case, what) = (&run.case, format!("seed {seed}, {}", run.what));
    let is_same = |n: usize| {
        let step = &plan.steps[n];
        run.succeeded[n] && step.mark == 0 && changed_skill != Some(step.skill)
    };
    let numbers = 0..plan.steps.len();
    let expected: Vec<bool> = numbers
        .clone()
        .map(|n| plan.is_sound(n, &is_same))
        .collect();
    let is_unsafe = numbers.clone().any(|n| {
        let had_effect = run.succeeded[n] || run.cut == Some(n);
        !expected[n] && plan.steps[n].skill == "once" && had_effect
    });
    let resumed = resume(case);
    if is_unsafe {
        assert_eq!(resumed.code, 65, "{what}{}", resumed.whole());
        assert_eq!(calls(case), run.calls, "{what}");
        let told: Vec<bool> = reasons(case).iter().map(|(r, _)| r.is_empty()).collect();
        assert_eq!(told, expected, "{what}");
        case.run(&["run", "plan.yaml", "--resume", "--rerun-unsafe"])
            .expect_code(0);
    } else {
        assert_eq!(resumed.code, 0, "{what}{}", resumed.whole());
    }
    let now = calls(case);
    for n in numbers {
        let more = now[&n] - run.calls.get(&n).copied().unwrap_or_default();
        assert_eq!(more, usize::from(!expected[n]), "{what}step {n}");
    }
    case.run(&["verify", "--all"]).expect_code(0);
}

#[test]
fn what_is_reused_is_what_a_simple_oracle_says() {
    let seed = number_from("OBS_TEST_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    for seed in seed..seed + plans() {
        check(seed);
    }
    say(&format!("resumed {} random plans (seed {seed})\n", plans()));
}
