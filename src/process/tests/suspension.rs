//! Tests of suspension with the terminal.

use super::*;

fn states(mark: &str) -> Vec<char> {
    alive(mark).into_iter().map(|pid| state(pid).0).collect()
}

isolated! {
    fn trees_stop_and_go_on() {
        for rules in [SignalDomainRules::Signals, SignalDomainRules::None] {
            with_launcher_rules(rules, async |launcher| {
                let mut spec = script(STUBBORN);
                let mark = marked(&mut spec);
                let exit = with(launcher, spec, async |stop| {
                    until("the tree is complete", || is_complete(&mark, 1)).await;
                    launcher.suspend().await;
                    until("all stopped", || states(&mark) == ['T'; STUBBORN_COUNT]).await;
                    launcher.resume().await;
                    until("all go on", || states(&mark).iter().all(|state| *state != 'T')).await;
                    assert_eq!(alive(&mark).len(), STUBBORN_COUNT);
                    stop.send(StopRequest::Kill).unwrap();
                }).await.unwrap();
                assert_eq!(exit.leader, LeaderExit::Signal(9));
                assert_eq!(alive(&mark), []);
            });
        }
    }
}

isolated! {
    fn a_stopped_tree_acts_on_sigterm() {
        for rules in [SignalDomainRules::Signals, SignalDomainRules::None] {
            with_launcher_rules(rules, async |launcher| {
                let mut spec = script("trap 'exit 3' TERM; while :; do sleep 0.05; done");
                spec.grace_period = EVENT_TIMEOUT;
                let mark = marked(&mut spec);
                let exit = with(launcher, spec, async |stop| {
                    until("it runs", || alive(&mark).len() == 2).await;
                    launcher.suspend().await;
                    until("it stopped", || states(&mark).contains(&'T')).await;
                    stop.send(StopRequest::Terminate).unwrap();
                }).await.unwrap();
                assert_eq!(exit.leader, LeaderExit::Code(3));
            });
        }
    }
}

isolated! {
    fn nothing_starts_while_suspended() {
        with_launcher(async |launcher| {
            launcher.suspend().await;
            let mut spec = script("exit 6");
            let mark = marked(&mut spec);
            let exit = with(launcher, spec, async |_| {
                tokio::time::sleep(Duration::from_millis(50)).await;
                assert_eq!(alive(&mark), []);
                launcher.resume().await;
            }).await.unwrap();
            assert_eq!(exit.leader, LeaderExit::Code(6));
        });
    }
}
