//! Tests of what the helper processes do ahead of the first step.

use super::*;

/// The pid of the supervisor that runs `spec`'s confinement, printed by the step.
async fn supervisor(launcher: &Launcher, mut spec: ProcessSpec) -> String {
    let shell = script("echo $PPID");
    (spec.program, spec.target, spec.argv) = (shell.program, shell.target, shell.argv);
    said(&simply(launcher, spec).await.unwrap())
}

/// The children of a process. If the kernel does not list them, prints that and returns `None`.
fn children(of: Pid) -> Option<String> {
    let of = of.as_raw_pid();
    let list = fs::read_to_string(format!("/proc/{of}/task/{of}/children"));
    if list.is_err() {
        skip("this kernel has no lists of children");
    }
    Some(list.ok()?.trim().to_owned())
}

isolated! {
    fn the_first_supervisor_is_there_and_serves_the_first_step() {
        let zygote = Zygote::start().unwrap();
        let first = zygote.pid;
        with_zygote(zygote, async |launcher| {
            let by = supervisor(launcher, script("")).await;
            let Some(children) = children(first) else { return };
            assert_eq!(children, by);
            assert_eq!(supervisor(launcher, script("")).await, by);
        });
    }
}

isolated! {
    fn a_trial_ahead_of_time_says_what_a_later_one_says() {
        let mut zygote = Zygote::start().unwrap();
        zygote.probe_ahead();
        assert!(zygote.is_probing);
        with_zygote(zygote, async |launcher| {
            let ahead = launcher.probe().await.unwrap();
            assert_eq!(ahead, launcher.probe().await.unwrap());
            assert_eq!(simply(launcher, script("exit 3")).await.unwrap().leader, LeaderExit::Code(3));
        });
    }
}

isolated! {
    fn what_was_made_ready_serves_its_own_kind_of_step_and_no_other() {
        let Some(arena) = Arena::new() else { return };
        let mut zygote = Zygote::start().unwrap();
        zygote.probe_ahead();
        let pid = zygote.pid;
        with_zygote(zygote, async |launcher| {
            let Some(first) = children(pid) else { return };
            let offline = arena.probe(&[], Network::None);
            launcher.prepare_ahead(offline.confinement.as_ref().unwrap());
            launcher.probe().await.unwrap();
            // It has the filter of the first kind, which can't be removed for the other.
            let online = supervisor(launcher, arena.probe(&[], Network::Full)).await;
            let ready = supervisor(launcher, offline.clone()).await;
            assert_eq!(ready, first);
            assert_ne!(ready, online);
            assert_eq!(supervisor(launcher, offline.clone()).await, ready);
            if !is_enforceable(launcher, offline.confinement.as_ref().unwrap()).await {
                return;
            }
            let secret = arena.text("outside/secret");
            let exit = simply(launcher, arena.probe(&["read", &secret], Network::None)).await.unwrap();
            assert!(said(&exit).starts_with("denied: "), "{exit:?}");
        });
    }
}

isolated! {
    fn helpers_that_are_not_needed_go_before_they_are_waited_for() {
        let mut zygote = Zygote::start().unwrap();
        zygote.probe_ahead();
        let pid = zygote.pid;
        with_zygote(zygote, async |launcher| {
            launcher.dismiss();
            until("the zygote has ended", || state(pid).0 == 'Z').await;
        });
        assert_eq!(state(pid).1, None, "nobody has reaped it");
    }
}

isolated! {
    fn a_zygote_that_is_killed_at_once_is_told() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let deadline = Instant::now() + EVENT_TIMEOUT;
        // It may reply before it is killed, which is not a failure.
        let error = loop {
            assert!(Instant::now() < deadline, "it always answered before");
            let zygote = Zygote::start().unwrap();
            kill(zygote.pid);
            if let Err(error) = runtime.block_on(async { Launcher::new(zygote, RunClock::new()) }) {
                break error;
            }
        };
        assert_eq!(error.to_string(), "the helper process `obs-zygote` was killed");
    }
}
