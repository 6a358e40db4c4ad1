//! Tests how a process starts, and why it fails to start.

use std::os::unix::fs::PermissionsExt;

use super::*;

isolated! {
    fn codes_and_signals_are_told_apart() {
        with_launcher(async |launcher| {
            let code = simply(launcher, script("exit 42")).await.unwrap();
            assert_eq!(code.leader, LeaderExit::Code(42));
            let signal = simply(launcher, script("kill -TERM $$")).await.unwrap();
            assert_eq!(signal.leader, LeaderExit::Signal(15));
        });
    }
}

isolated! {
    fn nothing_of_obs_is_inherited() {
        with_launcher(async |launcher| {
            let text = "cat /proc/self/status
                ls /proc/self/fd; readlink /proc/self/cwd; cat /proc/self/oom_score_adj
                env | sort; ps -o sid= -p $$ | tr -d ' '; echo $$";
            let mut spec = script(text);
            spec.cwd = "/usr".into();
            spec.stdin = Some(b"x".to_vec());
            let exit = simply(launcher, spec).await.unwrap();
            let text = String::from_utf8(exit.stdout).unwrap();
            for line in ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000", "SigCgt:\t0000000000000000", "NoNewPrivs:\t1"] {
                assert!(text.contains(line), "{text}");
            }
            // 4 is the directory that ls reads.
            assert!(text.contains("\n0\n1\n2\n3\n4\n/usr\n"), "{text}");
            assert!(text.contains("\nPATH="), "{text}");
            assert!(!text.contains("OBS_PROCESS_TEST"), "{text}");
            let lines: Vec<_> = text.lines().rev().take(2).collect();
            assert_eq!(lines[0], lines[1], "not the leader of a session");
        });
    }
}

isolated! {
    fn a_failed_start_explains_itself() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let file = |name: &str, text: &str, mode: u32| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let plain = file("plain", "#!/bin/sh\n", 0o644);
        let missing = directory.path().join("missing").to_str().unwrap().to_owned();
        let cases = [
            (missing, "no such file".to_owned()),
            (plain.clone(), format!("it is not executable; try `chmod +x {plain}`")),
            (file("lost", "#!/no/such/shell -e\n", 0o755), "its interpreter `/no/such/shell` does not exist".to_owned()),
            (file("dos", "#!/bin/sh\r\n", 0o755), "its `#!` line ends in a carriage return; save the file with Unix line ends".to_owned()),
            (file("bare", "echo hi\n", 0o755), "it is neither a program for this machine nor a script with a `#!` line; put `#!/bin/sh` or the like into its first line".to_owned()),
            ("/usr".to_owned(), "it is a directory".to_owned()),
        ];
        with_launcher(async |launcher| {
            for (path, reason) in cases {
                let error = simply(launcher, program(&path, &["x"])).await.unwrap_err();
                assert_eq!(error.to_string(), format!("can't start `{path}`: {reason}"));
            }
            let mut spec = script("true");
            spec.cwd = "/no/such/directory".into();
            let shell = spec.program.display().to_string();
            let error = simply(launcher, spec).await.unwrap_err();
            assert_eq!(error.to_string(), format!("can't start `{shell}`: can't enter the working directory `/no/such/directory`: no such file or directory"));
            let mut spec = script("true");
            spec.argv.push("x".repeat(200_000).into());
            let error = simply(launcher, spec).await.unwrap_err();
            assert!(error.to_string().contains("too large for the system"), "{error}");
            // The supervisor still works.
            assert_eq!(simply(launcher, script("exit 3")).await.unwrap().leader, LeaderExit::Code(3));
        });
    }
}

isolated! {
    fn two_hundred_steps_share_one_supervisor() {
        with_launcher(async |launcher| {
            let mut parents = std::collections::HashSet::new();
            for _ in 0..200 {
                let exit = simply(launcher, script("echo $PPID; exit 5")).await.unwrap();
                assert_eq!(exit.leader, LeaderExit::Code(5));
                parents.insert(exit.stdout);
            }
            assert_eq!(parents.len(), 1);
        });
    }
}

isolated! {
    fn large_arguments_arrive_whole() {
        with_launcher(async |launcher| {
            let mut spec = script("printf %s \"$@\" | cksum; printf %s \"$V1$V7\" | wc -c");
            spec.argv.push("sh".into());
            spec.argv.extend((0..10).map(|_| "a".repeat(100_000).into()));
            spec.env.extend((0..8).map(|i| (format!("V{i}").into(), "b".repeat(100_000).into())));
            let exit = simply(launcher, spec).await.unwrap();
            let text = String::from_utf8(exit.stdout).unwrap();
            assert!(text.contains(" 1000000\n") && text.ends_with("200000\n"), "{text}");
        });
    }
}

isolated! {
    fn usage_is_the_whole_trees() {
        with_launcher(async |launcher| {
            let small = simply(launcher, program("/bin/true", &["true"])).await.unwrap();
            // A child starts with the pages of this executable that its supervisor has mapped,
            // which are some MiB more in a fresh copy.
            assert!(small.usage.peak_memory_bytes < 32 << 20, "{:?}", small.usage);
            assert!(small.usage.peak_memory_bytes > 0);
            // An orphan's CPU time counts too: the leader does not wait for it.
            let spin = "( i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo spun >&3 ) & read x";
            let mut spec = script(spin);
            spec.stdin = Some(b"\n".to_vec());
            spec.grace_period = EVENT_TIMEOUT;
            let (_sender, stop) = watch::channel(StopRequest::None);
            let exit = launcher.run(spec, stop, |_| {}).await.unwrap();
            assert!(exit.usage.cpu > small.usage.cpu, "{:?}", exit.usage);
        });
    }
}
