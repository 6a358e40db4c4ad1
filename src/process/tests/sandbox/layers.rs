//! Tests of kernels that lack a layer, and of what is reported about it.

use super::*;
use crate::process::sandbox::LayerStatus;

/// Makes Landlock unavailable to this process and everything that it starts.
#[expect(unsafe_code, reason = "a filter that only tests need")]
fn without_landlock() {
    let instruction = |code: u32, k: u32, jt, jf| libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt,
        jf,
        k,
    };
    let number = |number: libc::c_long| u32::try_from(number).unwrap();
    let filter = [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(
            libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K,
            number(libc::SYS_landlock_create_ruleset),
            0,
            2,
        ),
        instruction(
            libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K,
            number(libc::SYS_landlock_restrict_self),
            1,
            0,
        ),
        instruction(
            libc::BPF_RET | libc::BPF_K,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs(),
            0,
            0,
        ),
        instruction(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).unwrap(),
        filter: filter.as_ptr().cast_mut(),
    };
    rustix::thread::set_no_new_privs(true).unwrap();
    // SAFETY: the kernel copies the program, which is alive.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program,
        )
    };
    assert_eq!(result, 0);
    assert_eq!(
        sys::landlock_abi().unwrap_err().raw_os_error(),
        Some(libc::ENOSYS)
    );
}

isolated! {
    fn without_landlock_require_starts_nothing_and_says_what_is_missing() {
        let Some(mut arena) = Arena::new() else { return };
        arena.best_effort = false;
        without_landlock();
        with_launcher(async |launcher| {
            let confinement = arena.confinement(Network::Some { tcp: vec![443], dns: false });
            let missing = launcher.probe().await.unwrap().missing(&confinement);
            assert_eq!(missing, [
                "files: needs Landlock ABI 1 (Linux 5.13); not available on this machine",
                "tcp: needs Landlock ABI 4 (Linux 6.7); not available on this machine",
            ]);
            let started = arena.path("workspace/out/started");
            let text = format!("touch {}", started.display());
            let argv = ["-c", text.as_str()];
            let error = simply(launcher, arena.spec(Path::new("/bin/sh"), &argv, Network::None)).await.unwrap_err();
            assert!(error.to_string().ends_with("this kernel lacks a layer of the sandbox that is required"), "{error}");
            assert!(!started.exists());
            // The supervisor still works.
            assert_eq!(simply(launcher, script("exit 3")).await.unwrap().leader, LeaderExit::Code(3));
        });
    }
}

isolated! {
    fn without_landlock_best_effort_does_what_it_can_and_says_what_it_can_not() {
        let Some(arena) = Arena::new() else { return };
        without_landlock();
        with_launcher(async |launcher| {
            let best = |argv: &[&str]| {
                let mut spec = arena.probe(argv, Network::None);
                Arc::make_mut(spec.confinement.as_mut().unwrap()).best_effort = true;
                spec
            };
            let exit = simply(launcher, best(&["read", &arena.text("home/notes")])).await.unwrap();
            assert_eq!(said(&exit), "out");
            let missing: Vec<_> = exit.applied.missing.iter().map(Layer::name).collect();
            assert_eq!(missing, ["files", "device-ioctl", "abstract-sockets", "signals", "tree-end"]);
            for layer in [Layer::Seccomp, Layer::Truncate, Layer::Capabilities, Layer::NoNewPrivileges] {
                assert!(exit.applied.enforced.contains(layer), "{:?}", exit.applied);
            }
            for argv in [&["truncate", &arena.text("outside/victim")][..], &["tcp", "9"], &["io-uring"], &["capabilities"]] {
                let exit = simply(launcher, best(argv)).await.unwrap();
                assert!(said(&exit).starts_with("denied: "), "{argv:?}: {exit:?}");
            }
            // Trees are still ended.
            let limits = Limits { processes: Some(32), ..Limits::NONE };
            let mut bomb = arena.hog(&["bomb", "300"], limits);
            Arc::make_mut(bomb.confinement.as_mut().unwrap()).best_effort = true;
            let mark = marked(&mut bomb);
            let exit = simply(launcher, bomb).await.unwrap();
            assert_eq!(exit.limit_breach.map(|breach| breach.limit), Some(ResourceKind::Processes));
            assert_eq!(alive(&mark), []);
        });
    }
}

isolated! {
    fn a_probe_tries_and_changes_nothing() {
        with_launcher(async |launcher| {
            let before = fs::read_to_string("/proc/self/status").unwrap();
            let probed = launcher.probe().await.unwrap();
            assert_eq!(probed.layers.len(), Layer::ALL.len());
            if probed.landlock_abi >= 6 {
                let missing: Vec<_> = probed.layers.iter().filter(|layer| !layer.is_enforced()).collect();
                assert_eq!(missing, Vec::<&LayerStatus>::new());
            }
            let caps = |status: &str| status.lines().filter(|line| line.starts_with("Cap") || line.starts_with("Seccomp")).collect::<Vec<_>>().join(" ");
            assert_eq!(caps(&before), caps(&fs::read_to_string("/proc/self/status").unwrap()));
            // The supervisor that ran the probe still has its capabilities and no filter.
            let exit = simply(launcher, script("grep -E 'Cap|Seccomp:' /proc/$PPID/status")).await.unwrap();
            assert_eq!(said(&exit).replace('\n', " "), caps(&before).split(" Seccomp_filters").next().unwrap());
            assert_eq!(probed, launcher.probe().await.unwrap());
        });
    }
}

isolated! {
    fn what_is_applied_is_reported() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            let confinement = arena.confinement(Network::None);
            let probed = launcher.probe().await.unwrap();
            if !is_enforceable(launcher, &confinement).await {
                return;
            }
            let exit = simply(launcher, arena.probe(&["exit"], Network::None)).await.unwrap();
            assert_eq!(exit.applied.missing, confinement.wanted().without(probed.enforced()));
            assert!(confinement.required().without(exit.applied.enforced).is_empty());
            // Without a confinement nothing is missing, and little is enforced.
            let exit = simply(launcher, script("true")).await.unwrap();
            assert!(exit.applied.missing.is_empty());
            assert!(!exit.applied.enforced.contains(Layer::Files));
            assert!(exit.applied.enforced.contains(Layer::NoNewPrivileges));
        });
    }
}

isolated! {
    fn older_landlock_is_used_as_far_as_it_goes() {
        use crate::process::sandbox::{SandboxBuilder, encode};
        use crate::process::symlinks::Opener;
        let Some(arena) = Arena::new() else { return };
        let confinement = |network| Confinement { best_effort: true, ..arena.confinement(network) };
        let probed = sys::landlock_abi().unwrap_or(0);
        for abi in 1..=probed.min(7) {
            let mut builder = SandboxBuilder::with_abi(abi);
            let encoded = |confinement: &Confinement| {
                let mut out = Vec::new();
                encode(&mut out, confinement);
                out
            };
            let full = builder.prepare(Some(&encoded(&confinement(Network::Full))), &Limits::NONE, &mut Opener::default());
            assert!(full.is_ok(), "{abi}");
            let tcp = Network::Some { tcp: vec![443], dns: true };
            let strict = Confinement { best_effort: false, ..confinement(tcp) };
            let outcome = builder.prepare(Some(&encoded(&strict)), &Limits::NONE, &mut Opener::default()).map(drop);
            assert_eq!(outcome.is_ok(), abi >= 4, "{abi}: {outcome:?}");
        }
    }
}
