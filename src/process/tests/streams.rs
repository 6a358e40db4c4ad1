//! Tests of standard input, output, error and events.

use super::*;

isolated! {
    fn a_mebibyte_goes_through_cat() {
        with_launcher(async |launcher| {
            let mut spec = program("/bin/cat", &["cat"]);
            let input: Vec<u8> = (0..1 << 20).map(|i: u32| i.to_le_bytes()[0]).collect();
            spec.stdin = Some(input.clone());
            let exit = simply(launcher, spec).await.unwrap();
            assert_eq!(exit.leader, LeaderExit::Code(0));
            assert!(exit.stdout == input, "{} bytes", exit.stdout.len());
            assert!(!exit.output_limit_exceeded && exit.leaked.is_none());
        });
    }
}

isolated! {
    fn sixty_four_mebibytes_go_through_cat() {
        with_launcher(async |launcher| {
            let mut spec = program("/bin/cat", &["cat"]);
            spec.max_output_bytes = 64 << 20;
            let input: Vec<u8> = (0..64_u32 << 20).map(|i| (i / 7).to_le_bytes()[0]).collect();
            spec.stdin = Some(input.clone());
            let exit = simply(launcher, spec).await.unwrap();
            assert!(exit.stdout == input, "{} bytes", exit.stdout.len());
            assert!(!exit.output_limit_exceeded);
        });
    }
}

isolated! {
    fn unread_input_is_no_fault() {
        with_launcher(async |launcher| {
            for _ in 0..50 {
                let mut spec = program("/bin/true", &["true"]);
                spec.stdin = Some(vec![b'x'; 1 << 20]);
                let exit = simply(launcher, spec).await.unwrap();
                assert_eq!(exit.leader, LeaderExit::Code(0));
            }
        });
    }
}

isolated! {
    fn output_over_the_cap_ends_the_tree() {
        with_launcher(async |launcher| {
            let mut spec = script("yes & yes");
            let mark = marked(&mut spec);
            let exit = simply(launcher, spec).await.unwrap();
            assert!(exit.output_limit_exceeded);
            assert_eq!(exit.stdout.len(), 10 << 20);
            assert_eq!(exit.leader, LeaderExit::Signal(9));
            assert_eq!(alive(&mark), []);
        });
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < 64 * 1024, "{peak} KiB");
    }
}

isolated! {
    fn output_of_exactly_the_cap_is_fine() {
        with_launcher(async |launcher| {
            let mut spec = script("printf 12345");
            spec.max_output_bytes = 5;
            let exit = simply(launcher, spec).await.unwrap();
            assert_eq!((exit.stdout.as_slice(), exit.output_limit_exceeded), (&b"12345"[..], false));
            let mut spec = script("printf 123456");
            spec.max_output_bytes = 5;
            let exit = simply(launcher, spec).await.unwrap();
            assert_eq!((exit.stdout.as_slice(), exit.output_limit_exceeded), (&b"12345"[..], true));
        });
    }
}

isolated! {
    fn streams_and_events_are_kept_apart() {
        with_launcher(async |launcher| {
            let text = "echo out; echo err >&2; echo '{\"progress\": 1}' >&3; head -c 70000 /dev/zero >&3; echo >&3; printf last >&3";
            let (_sender, stop) = watch::channel(StopRequest::None);
            let mut events = Vec::new();
            let exit = launcher.run(script(text), stop, |event| {
                if let ProcessEvent::EventLine(line) = event {
                    events.push(line.to_owned());
                }
            }).await.unwrap();
            assert_eq!(exit.stdout, b"out\n");
            assert_eq!(exit.stderr.text(), "err\n");
            assert_eq!(events, ["{\"progress\": 1}", "last"]);
            assert_eq!(exit.dropped_event_lines, 1);
        });
    }
}

isolated! {
    fn a_large_stderr_does_not_block() {
        with_launcher(async |launcher| {
            let exit = simply(launcher, script("head -c 5000000 /dev/zero >&2; echo done >&2")).await.unwrap();
            assert_eq!(exit.leader, LeaderExit::Code(0));
            assert!(exit.stderr.tail.ends_with("done\n"));
            let kept = exit.stderr.head.len() + exit.stderr.tail.len();
            assert_eq!(kept as u64 + exit.stderr.omitted_bytes, 5_000_005);
        });
    }
}

isolated! {
    fn closing_stdout_is_not_the_end() {
        with_launcher(async |launcher| {
            let exit = simply(launcher, script("echo before; exec >&- 2>&- 3>&-; sleep 0.3; exit 7")).await.unwrap();
            assert_eq!(exit.leader, LeaderExit::Code(7));
            assert_eq!(exit.stdout, b"before\n");
        });
    }
}
