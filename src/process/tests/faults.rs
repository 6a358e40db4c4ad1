//! Tests that no process survives if obs, the zygote or a supervisor is killed.

use super::*;
use crate::process::sys::{self, Forked};
use crate::process::tree::{OutsideProcesses, SignalDomain, SignalDomainRules};
use rustix::process::{WaitOptions, getpid, waitpid};

/// The supervisor and the zygote of the tree with `mark`.
fn supervisor_and_zygote(mark: &str) -> (Pid, Pid) {
    let tree = alive(mark);
    let supervisor = tree
        .iter()
        .filter_map(|pid| state(*pid).1)
        .find(|parent| name(*parent) == "obs-super")
        .unwrap();
    let zygote = state(supervisor).1.unwrap();
    assert_eq!(name(zygote), "obs-zygote");
    (supervisor, zygote)
}

fn name(pid: Pid) -> String {
    let path = format!("/proc/{}/comm", pid.as_raw_pid());
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

isolated! {
    fn a_killed_supervisor_takes_its_step_with_it() {
        with_launcher(async |launcher| {
            let mut spec = script(STUBBORN);
            let mark = marked(&mut spec);
            let outcome = with(launcher, spec, async |_| {
                until("the tree is complete", || is_complete(&mark, 1)).await;
                kill(supervisor_and_zygote(&mark).0);
            }).await;
            assert!(matches!(outcome, Err(ProcessError::SupervisorDied)), "{outcome:?}");
            assert_eq!(alive(&mark), []);
            assert_eq!(simply(launcher, script("exit 2")).await.unwrap().leader, LeaderExit::Code(2));
        });
    }
}

isolated! {
    fn an_idle_supervisor_that_was_killed_is_replaced() {
        with_launcher(async |launcher| {
            let exit = simply(launcher, script("echo $PPID")).await.unwrap();
            let pid = String::from_utf8(exit.stdout).unwrap().trim().parse().unwrap();
            let supervisor = Pid::from_raw(pid).unwrap();
            assert_eq!(name(supervisor), "obs-super");
            kill(supervisor);
            until("it is gone", || name(supervisor).is_empty()).await;
            assert_eq!(simply(launcher, script("exit 2")).await.unwrap().leader, LeaderExit::Code(2));
        });
    }
}

isolated! {
    fn without_the_zygote_steps_run_on_and_obs_sweeps() {
        with_launcher(async |launcher| {
            let mut spec = script(STUBBORN);
            let mark = marked(&mut spec);
            let outcome = with(launcher, spec, async |_| {
                until("the tree is complete", || is_complete(&mark, 1)).await;
                let (supervisor, zygote) = supervisor_and_zygote(&mark);
                kill(zygote);
                until("obs has adopted the supervisor", || state(supervisor).1 == Some(getpid())).await;
                assert_eq!(alive(&mark).len(), STUBBORN_COUNT);
                let refused = simply(launcher, script("true")).await;
                assert!(matches!(refused, Err(ProcessError::ZygoteDied)), "{refused:?}");
                kill(supervisor);
            }).await;
            assert!(matches!(outcome, Err(ProcessError::SupervisorDied)), "{outcome:?}");
            assert_eq!(alive(&mark), []);
        });
    }
}

isolated! {
    fn without_the_zygote_a_step_still_ends_well() {
        with_launcher(async |launcher| {
            let mut spec = script(STUBBORN);
            let mark = marked(&mut spec);
            let exit = with(launcher, spec, async |stop| {
                until("the tree is complete", || is_complete(&mark, 1)).await;
                let (supervisor, zygote) = supervisor_and_zygote(&mark);
                kill(zygote);
                until("obs has adopted the supervisor", || state(supervisor).1 == Some(getpid())).await;
                stop.send(StopRequest::Kill).unwrap();
            }).await.unwrap();
            assert_eq!(exit.leader, LeaderExit::Signal(9));
            assert_eq!(alive(&mark), []);
            // Its supervisor still works.
            assert_eq!(simply(launcher, script("exit 2")).await.unwrap().leader, LeaderExit::Code(2));
        });
    }
}

isolated! {
    fn the_sweep_of_obs_spares_what_is_not_its_own() {
        if rustix::thread::no_new_privs().unwrap() {
            return skip("under no_new_privs obs can't tell its own from others'");
        }
        // A child from before the zygote, as from a shell that executed obs, and one from after.
        let mut before = Command::new("/bin/sleep").arg("1000").spawn().unwrap();
        let mut after = None;
        with_launcher(async |launcher| {
            after = Some(Command::new("/bin/sleep").arg("1000").spawn().unwrap());
            let mut spec = script(STUBBORN);
            let mark = marked(&mut spec);
            let outcome = with(launcher, spec, async |_| {
                until("the tree is complete", || is_complete(&mark, 1)).await;
                let (supervisor, zygote) = supervisor_and_zygote(&mark);
                kill(zygote);
                kill(supervisor);
            }).await;
            assert!(matches!(outcome, Err(ProcessError::SupervisorDied)), "{outcome:?}");
            assert_eq!(alive(&mark), []);
        });
        for child in [&mut before, after.as_mut().unwrap()] {
            assert!(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

isolated! {
    fn nothing_outlives_obs() {
        const NAME: &str = concat!(module_path!(), "::nothing_outlives_obs");
        const STEPS: &str = "OBS_PROCESS_TEST_STEPS";
        // In the process that will be killed.
        if let Ok(mark) = std::env::var(STEPS) {
            with_launcher(async |launcher| {
                let run = || {
                    let mut spec = script(STUBBORN);
                    spec.env.push((MARK.into(), (&mark).into()));
                    simply(launcher, spec)
                };
                let _ended = tokio::join!(run(), run(), run());
            });
            return;
        }
        let (steps, helpers) = (uuid::Uuid::new_v4().to_string(), uuid::Uuid::new_v4().to_string());
        let mut obs = test_command(NAME, &helpers).env(STEPS, &steps).spawn().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            until("three trees are complete", || is_complete(&steps, 3)).await;
            // obs, its zygote and three supervisors.
            assert_eq!(alive(&helpers).len(), 5);
            obs.kill().unwrap();
            obs.wait().unwrap();
            until("the trees are gone", || alive(&steps).is_empty()).await;
            until("the helpers are gone", || alive(&helpers).is_empty()).await;
        });
    }
}

isolated! {
    fn a_skill_can_not_kill_its_supervisor() {
        if !has_signal_scopes() {
            return;
        }
        with_launcher(async |launcher| {
            let text = "kill -9 $PPID 2>/dev/null && echo killed; kill -0 $$ && echo own";
            let exit = simply(launcher, script(text)).await.unwrap();
            assert_eq!(exit.stdout, b"own\n");
        });
    }
}

/// The exit code of a forked process.
fn forked(life: impl FnOnce() -> bool) -> Option<i32> {
    match sys::fork().unwrap() {
        Forked::Child => sys::run_forked_child(|| {
            if life() {
                Ok(())
            } else {
                Err(std::io::Error::from_raw_os_error(1))
            }
        }),
        Forked::Parent(pid) => {
            let (_, status) = waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap();
            status.exit_status()
        }
    }
}

fn has_signal_scopes() -> bool {
    let here = OutsideProcesses {
        zygote: getpid(),
        obs: getpid(),
    };
    forked(|| SignalDomain::enter(here, SignalDomainRules::Signals).is_isolated()) == Some(0)
}

isolated! {
    fn the_guard_refuses_outside_of_a_domain() {
        let here = OutsideProcesses { zygote: getpid(), obs: getpid() };
        assert_eq!(forked(|| SignalDomain::fake_for_test(here).is_isolated()), Some(1));
        assert_eq!(forked(|| SignalDomain::enter(here, SignalDomainRules::None).is_isolated()), Some(1));
        // The machines of the CI have signal scopes. Without them, `is_isolated` is always false.
        if has_signal_scopes() {
            let stranger = Pid::INIT;
            let elsewhere = OutsideProcesses { zygote: stranger, obs: stranger };
            assert_eq!(forked(|| SignalDomain::enter(elsewhere, SignalDomainRules::Signals).is_isolated()), Some(1));
            let obs_only = OutsideProcesses { zygote: stranger, ..here };
            assert_eq!(forked(|| SignalDomain::enter(obs_only, SignalDomainRules::Signals).is_isolated()), Some(0));
        }
    }
}

isolated! {
    fn helpers_are_gone_with_the_launcher() {
        let mut helpers = Vec::new();
        with_launcher(async |launcher| {
            let exit = simply(launcher, script("echo $PPID")).await.unwrap();
            let supervisor = String::from_utf8(exit.stdout).unwrap().trim().parse().unwrap();
            let supervisor = Pid::from_raw(supervisor).unwrap();
            helpers.extend([Some(supervisor), state(supervisor).1]);
        });
        for helper in helpers.into_iter().flatten() {
            assert_eq!(name(helper), "");
        }
    }
}

isolated! {
    fn a_process_whose_first_thread_has_exited_dies_with_its_supervisor() {
        let Some(arena) = super::sandbox::Arena::new() else { return };
        with_launcher(async |launcher| {
            for kind in ["first-thread-exits", "daemon-first-thread-exits"] {
                let mut spec = arena.hog(&[kind, "1"], Limits::NONE);
                let mark = marked(&mut spec);
                let outcome = with(launcher, spec, async |_| {
                    let ended = |pid: &Pid| state(*pid).0 == 'Z';
                    until("a first thread has exited", || alive(&mark).iter().any(ended)).await;
                    let tree = alive(&mark);
                    let leader = tree.iter().filter_map(|pid| state(*pid).1);
                    let supervisor = leader.into_iter().find(|parent| name(*parent) == "obs-super");
                    kill(supervisor.unwrap());
                }).await;
                assert!(matches!(outcome, Err(ProcessError::SupervisorDied)), "{outcome:?}");
                assert_eq!(alive(&mark), [], "{kind}");
            }
        });
    }
}
