//! Tests how a tree is ended.

use std::cell::Cell;

use super::*;

/// Ends a stubborn tree with the given request and checks that no process is left.
async fn end_stubborn(launcher: &Launcher, request: StopRequest) {
    let mut spec = script(STUBBORN);
    spec.grace_period = Duration::from_millis(200);
    let mark = marked(&mut spec);
    let exit = with(launcher, spec, async |stop| {
        until("the tree is complete", || is_complete(&mark, 1)).await;
        stop.send(request).unwrap();
    })
    .await
    .unwrap();
    assert_eq!(exit.leader, LeaderExit::Signal(9));
    assert_eq!(alive(&mark), []);
}

isolated! {
    fn a_stubborn_tree_is_ended() {
        with_launcher(async |launcher| {
            end_stubborn(launcher, StopRequest::Terminate).await;
            end_stubborn(launcher, StopRequest::Kill).await;
            // On the same supervisor, which must be free of it.
            assert_eq!(simply(launcher, script("exit 1")).await.unwrap().leader, LeaderExit::Code(1));
        });
    }
}

isolated! {
    fn a_stubborn_tree_is_ended_by_walking() {
        without_signal_scopes(async |launcher| {
            end_stubborn(launcher, StopRequest::Terminate).await;
            end_stubborn(launcher, StopRequest::Kill).await;
            assert_eq!(simply(launcher, script("exit 1")).await.unwrap().leader, LeaderExit::Code(1));
        });
    }
}

isolated! {
    fn sigterm_lets_a_tree_tidy_up() {
        for rules in [SignalDomainRules::SignalsAndRefer, SignalDomainRules::None] {
            with_launcher_rules(rules, async |launcher| {
                let text = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
                let mut spec = script(text);
                spec.grace_period = EVENT_TIMEOUT;
                let (sender, stop) = watch::channel(StopRequest::None);
                let mut endings = 0;
                let exit = launcher.run(spec, stop, |event| match event {
                    ProcessEvent::Stdout(b"ready\n") => drop(sender.send(StopRequest::Terminate)),
                    ProcessEvent::Ending { grace } => {
                        assert_eq!(grace, EVENT_TIMEOUT);
                        endings += 1;
                    }
                    _ => {}
                }).await.unwrap();
                assert_eq!(exit.leader, LeaderExit::Code(3));
                assert_eq!(exit.stdout, b"ready\nbye\n");
                assert_eq!(endings, 1);
            });
        }
    }
}

isolated! {
    fn nothing_starts_after_a_stop() {
        with_launcher(async |launcher| {
            for stop in [StopRequest::Terminate, StopRequest::Kill] {
                let mut spec = script("sleep 1000");
                let mark = marked(&mut spec);
                let (_sender, stop) = watch::channel(stop);
                let outcome = launcher.run(spec, stop, |event| panic!("{event:?}")).await;
                assert!(matches!(outcome, Err(ProcessError::Stopped)), "{outcome:?}");
                assert_eq!(alive(&mark), []);
            }
            // The supervisor is free for the next step.
            let (_sender, stop) = watch::channel(StopRequest::None);
            let exit = launcher.run(script("exit 3"), stop, |_| {}).await.unwrap();
            assert_eq!(exit.leader, LeaderExit::Code(3));
        });
    }
}

isolated! {
    fn a_daemon_that_holds_stdout_is_ended_after_the_grace() {
        with_launcher(async |launcher| {
            let mut spec = script("trap '' TERM; setsid sleep 1000 & head -c 60000 /dev/zero; echo end");
            spec.grace_period = Duration::from_millis(200);
            let mark = marked(&mut spec);
            let (_sender, stop) = watch::channel(StopRequest::None);
            let mut reported = false;
            let exit = launcher.run(spec, stop, |event| {
                reported |= matches!(event, ProcessEvent::EndingSurvivors { .. });
            }).await.unwrap();
            assert_eq!(exit.leader, LeaderExit::Code(0));
            assert_eq!(exit.leaked, Some(leaked(1, &["sleep"])));
            assert!(exit.ended_by_itself && reported);
            assert_eq!(exit.stdout.len(), 60_004);
            assert!(exit.stdout.ends_with(b"end\n"));
            assert_eq!(alive(&mark), []);
        });
    }
}

isolated! {
    fn what_ends_by_itself_right_after_its_leader_is_left_alone() {
        with_launcher(async |launcher| {
            let mut spec = script("( sleep 0.1; echo late ) & echo early");
            spec.leak_timeout = EVENT_TIMEOUT;
            let exit = simply(launcher, spec).await.unwrap();
            assert_eq!(exit.stdout, b"early\nlate\n");
            assert!(exit.ended_by_itself && exit.leaked.is_none());
        });
    }
}

isolated! {
    fn a_dropped_future_leaves_nothing() {
        with_launcher(async |launcher| {
            let mut spec = script(STUBBORN);
            let mark = marked(&mut spec);
            let (_sender, stop) = watch::channel(StopRequest::None);
            let run = launcher.run(spec, stop, |_| {});
            tokio::select! {
                outcome = run => panic!("ended: {outcome:?}"),
                () = until("the tree is complete", || is_complete(&mark, 1)) => {}
            }
            until("all are gone", || alive(&mark).is_empty()).await;
            assert_eq!(simply(launcher, script("exit 4")).await.unwrap().leader, LeaderExit::Code(4));
        });
    }
}

isolated! {
    fn steps_side_by_side_do_not_touch_one_another() {
        with_launcher(async |launcher| {
            let mut doomed = script(STUBBORN);
            let mark = marked(&mut doomed);
            let (gate, held) = watch::channel(StopRequest::None);
            let bystander = script("trap 'echo alive; exit' USR1; echo ready; while :; do sleep 0.05; done");
            let (ready, leader) = (Cell::new(false), Cell::new(None));
            let bystander = launcher.run(bystander, held, |event| match event {
                ProcessEvent::Started { pid } => leader.set(Pid::from_raw(pid)),
                ProcessEvent::Stdout(b"ready\n") => ready.set(true),
                _ => {}
            });
            let doomed = with(launcher, doomed, async |stop| {
                until("both are ready", || is_complete(&mark, 1) && ready.get()).await;
                stop.send(StopRequest::Kill).unwrap();
                until("one is gone", || alive(&mark).is_empty()).await;
                kill_process(leader.get().unwrap(), Signal::USR1).unwrap();
            });
            let (bystander, doomed) = tokio::join!(bystander, doomed);
            assert_eq!(doomed.unwrap().leader, LeaderExit::Signal(9));
            let bystander = bystander.unwrap();
            assert_eq!((bystander.leader, bystander.stdout.as_slice()), (LeaderExit::Code(0), &b"ready\nalive\n"[..]));
            drop(gate);
        });
    }
}

isolated! {
    fn a_bomb_of_forks_is_ended() {
        with_launcher(async |launcher| {
            // The depth is bounded, so that a failure of this test does not overload the machine.
            let mut spec = script("f() { [ $1 -gt 0 ] || { sleep 1000; return; }; f $(($1-1)) & f $(($1-1)) & wait; }; f 8");
            spec.grace_period = Duration::ZERO;
            let mark = marked(&mut spec);
            with(launcher, spec, async |stop| {
                until("many", || alive(&mark).len() > 50).await;
                stop.send(StopRequest::Kill).unwrap();
            }).await.unwrap();
            assert_eq!(alive(&mark), []);
        });
    }
}
