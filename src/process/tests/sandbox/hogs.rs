//! Tests of trees that exceed their limits.

use std::time::Instant;

use super::*;

/// All sizes are small, so that a failing test does no harm.
const MIB: u64 = 1 << 20;

fn memory(mib: u64) -> Limits {
    Limits {
        memory: Some(mib * MIB),
        ..Limits::default()
    }
}

fn processes(number: u64) -> Limits {
    Limits {
        processes: Some(number),
        ..Limits::NONE
    }
}

/// Runs a hog that must be killed, and returns the breach.
async fn breach(launcher: &Launcher, arena: &Arena, argv: &[&str], limits: Limits) -> LimitBreach {
    let mut spec = arena.hog(argv, limits);
    let mark = marked(&mut spec);
    let begun = Instant::now();
    let exit = simply(launcher, spec).await.unwrap();
    assert_eq!(alive(&mark), []);
    let after = begun.elapsed();
    assert!(after < EVENT_TIMEOUT / 3, "{argv:?}: {after:?}");
    assert_eq!(exit.leader, LeaderExit::Signal(libc::SIGKILL));
    exit.limit_breach
        .unwrap_or_else(|| panic!("{argv:?}: {exit:?}"))
}

isolated! {
    fn twenty_bombs_of_forks_are_ended() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            for _ in 0..20 {
                let breach = breach(launcher, &arena, &["bomb", "3000"], processes(64)).await;
                assert_eq!((breach.limit, breach.allowed), (ResourceKind::Processes, 64));
                assert!(breach.measured > 64, "{breach:?}");
            }
            assert_eq!(simply(launcher, script("exit 3")).await.unwrap().leader, LeaderExit::Code(3));
        });
    }
}

isolated! {
    fn a_tree_that_stood_still_because_the_machine_got_crowded_goes_on() {
        let temp = tempfile::tempdir().unwrap();
        let (up, went_on) = (temp.path().join("up"), temp.path().join("went-on"));
        let text = format!(
            "trap 'touch {}' CONT; touch {}; until [ -e {} ]; do sleep 0.01; done; echo done",
            went_on.display(), up.display(), went_on.display(),
        );
        with_launcher(async |launcher| {
            let mut spec = script(&text);
            spec.limits = processes(8);
            let mut crowd = Vec::new();
            let exit = with(launcher, spec, async |_| {
                until("it is up", || up.exists()).await;
                // Processes of others may end meanwhile, so the number is not fixed.
                until("it was stopped and went on", || {
                    if crowd.len() < 1000 {
                        let other = std::process::Command::new("sleep").arg("1000").spawn();
                        crowd.push(other.unwrap());
                    }
                    went_on.exists()
                })
                .await;
            })
            .await;
            for mut other in crowd {
                other.kill().unwrap();
                other.wait().unwrap();
            }
            let exit = exit.unwrap();
            assert_eq!((said(&exit), exit.limit_breach), ("done".to_owned(), None));
        });
    }
}

isolated! {
    fn twenty_memory_hogs_are_ended() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            for round in 0..20 {
                let kind = ["memory", "shared-memory"][round % 2];
                let breach = breach(launcher, &arena, &[kind, "1500"], memory(64)).await;
                assert_eq!((breach.limit, breach.allowed), (ResourceKind::Memory, 64 * MIB));
                assert!(breach.measured > 64 * MIB, "{breach:?}");
            }
        });
    }
}

isolated! {
    fn processes_that_fork_and_exit_do_not_keep_a_supervisor_busy() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            let limits = Limits { cpu: Some(Duration::from_millis(300)), ..Limits::default() };
            let mut spec = arena.hog(&["daemons", "1000000"], limits);
            let mark = marked(&mut spec);
            // A tree of one process that is replaced all the time is the hardest to sample. Its CPU
            // time is still seen, because the supervisor reaps every process.
            let exit = simply(launcher, spec).await.unwrap();
            assert_eq!(exit.limit_breach.map(|breach| breach.limit), Some(ResourceKind::Cpu));
            assert_eq!(alive(&mark), []);
        });
    }
}

isolated! {
    fn threads_are_limited_too() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            let breach = breach(launcher, &arena, &["threads", "200"], processes(16)).await;
            assert_eq!((breach.limit, breach.allowed), (ResourceKind::Threads, 128));
        });
    }
}

isolated! {
    fn cpu_time_is_that_of_the_living_and_the_dead() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            let limits = Limits { cpu: Some(Duration::from_millis(300)), ..Limits::default() };
            for kind in ["cpu", "cpu-children"] {
                let breach = breach(launcher, &arena, &[kind], limits).await;
                assert_eq!((breach.limit, breach.allowed), (ResourceKind::Cpu, 300));
                assert!((301..3000).contains(&breach.measured), "{breach:?}");
            }
        });
    }
}

isolated! {
    fn the_kernels_own_cpu_limit_counts_as_a_breach() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            let limits = Limits { cpu: Some(Duration::from_millis(50)), ..Limits::NONE };
            // Before the supervisor takes its first sample.
            let mut spec = arena.spec(Path::new("/bin/sh"), &["-c", "kill -XCPU $$"], Network::None);
            spec.limits = limits;
            let exit = simply(launcher, spec).await.unwrap();
            let breach = LimitBreach { limit: ResourceKind::Cpu, allowed: 50, measured: 50 };
            assert_eq!((exit.leader, exit.limit_breach), (LeaderExit::Signal(libc::SIGXCPU), Some(breach)));
            // Without a limit, SIGXCPU is a signal like any other; with one, SIGKILL is.
            let spec = arena.spec(Path::new("/bin/sh"), &["-c", "kill -XCPU $$"], Network::None);
            assert_eq!(simply(launcher, spec).await.unwrap().limit_breach, None);
            let mut spec = arena.spec(Path::new("/bin/sh"), &["-c", "kill -KILL $$"], Network::None);
            spec.limits = limits;
            let exit = simply(launcher, spec).await.unwrap();
            assert_eq!((exit.leader, exit.limit_breach), (LeaderExit::Signal(libc::SIGKILL), None));
        });
    }
}

isolated! {
    fn a_disk_filler_is_ended_at_the_size_of_a_file() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            let limits = Limits { file_size: Some(4 * MIB), ..Limits::NONE };
            let file = arena.text("scratch/large");
            let exit = simply(launcher, arena.hog(&["disk", "64", &file], limits)).await.unwrap();
            let breach = LimitBreach { limit: ResourceKind::FileSize, allowed: 4 * MIB, measured: 4 * MIB };
            assert_eq!((exit.leader, exit.limit_breach), (LeaderExit::Signal(libc::SIGXFSZ), Some(breach)));
            assert_eq!(fs::metadata(&file).unwrap().len(), 4 * MIB);
        });
    }
}

isolated! {
    fn the_peak_is_the_skills_and_not_that_of_obs() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            let ballast = vec![1_u8; 300 << 20];
            let true_program = arena.spec(Path::new("/bin/true"), &[], Network::None);
            let exit = simply(launcher, true_program).await.unwrap();
            assert_eq!(exit.leader, LeaderExit::Code(0));
            // The pages of the executable in the supervisor's memory count too. In an unoptimized
            // build with all tests, they are most of it.
            let most = if cfg!(debug_assertions) { 24 } else { 8 };
            assert!(exit.usage.peak_memory_bytes < most << 20, "{:?}", exit.usage);
            assert_eq!(ballast[ballast.len() - 1], 1);
        });
    }
}

isolated! {
    fn memory_is_that_of_the_tree() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            // Eight processes of 16 MiB each.
            let breach = breach(launcher, &arena, &["many-small", "16"], memory(64)).await;
            assert_eq!(breach.limit, ResourceKind::Memory);
            // Nine processes that share 40 MiB don't count as 360 MiB.
            for _ in 0..5 {
                let exit = simply(launcher, arena.hog(&["family", "40"], memory(64))).await.unwrap();
                assert_eq!((exit.leader, exit.limit_breach), (LeaderExit::Code(0), None));
            }
        });
    }
}

isolated! {
    fn memory_is_seen_if_the_first_thread_has_exited() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            for kind in ["first-thread-exits", "daemon-first-thread-exits"] {
                let breach = breach(launcher, &arena, &[kind, "1000"], memory(64)).await;
                assert_eq!((breach.limit, breach.allowed), (ResourceKind::Memory, 64 * MIB));
            }
        });
    }
}

isolated! {
    fn cpu_time_of_children_that_nobody_waits_for_is_estimated() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            let limits = Limits { cpu: Some(Duration::from_millis(300)), ..Limits::default() };
            for (kind, ms) in [
                ("burn-ignored", "4"),
                ("burn-ignored", "1"),
                ("burn-ignored", "70"),
                ("burn-nocldwait", "5"),
                ("burn-threads", "8"),
            ] {
                let breach = breach(launcher, &arena, &[kind, ms], limits).await;
                assert_eq!((breach.limit, breach.allowed), (ResourceKind::Cpu, 300), "{kind} {ms}");
            }
        });
    }
}

isolated! {
    fn cpu_time_of_children_that_are_waited_for_is_not_counted_twice() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            let limits = Limits { cpu: Some(Duration::from_secs(20)), ..Limits::default() };
            let exit = simply(launcher, arena.hog(&["waited", "500"], limits)).await.unwrap();
            assert_eq!((exit.leader, exit.limit_breach), (LeaderExit::Code(0), None));
            let limits = Limits::default();
            let unlimited = simply(launcher, arena.hog(&["waited", "500"], limits)).await.unwrap();
            let (cpu, without) = (exit.usage.cpu, unlimited.usage.cpu);
            assert!(cpu < 3 * without, "{cpu:?} with a limit, {without:?} without");
        });
    }
}

isolated! {
    fn what_is_reported_decides_even_if_no_look_has_seen_it() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            // Each of these may exceed its limit only between two samples.
            for _ in 0..5 {
                let exit = simply(launcher, arena.hog(&["spike", "96"], memory(64))).await.unwrap();
                let breach = exit.limit_breach.unwrap();
                assert_eq!((breach.limit, breach.allowed), (ResourceKind::Memory, 64 * MIB));
                assert!(exit.usage.peak_memory_bytes >= breach.measured);
                let limits = Limits { cpu: Some(Duration::from_millis(30)), ..Limits::default() };
                let exit = simply(launcher, arena.hog(&["burst", "40"], limits)).await.unwrap();
                let breach = exit.limit_breach.unwrap();
                assert_eq!((breach.limit, breach.allowed), (ResourceKind::Cpu, 30));
                assert!(exit.usage.cpu >= Duration::from_millis(breach.measured));
            }
            let exit = simply(launcher, arena.hog(&["spike", "32"], memory(64))).await.unwrap();
            assert_eq!((exit.leader, exit.limit_breach), (LeaderExit::Code(0), None));
        });
    }
}
