//! Tests what each network grant allows and denies.

use super::*;

/// Makes the attempts in `cases`, each with whether it is allowed.
async fn expect(launcher: &Launcher, arena: &Arena, network: &Network, cases: &[(&[&str], bool)]) {
    for (argv, allowed) in cases {
        let exit = simply(launcher, arena.probe(argv, network.clone()))
            .await
            .unwrap();
        let said = said(&exit);
        assert_eq!(said == "out", *allowed, "{network:?} {argv:?}: {said}");
        assert!(*allowed || said.starts_with("denied: "), "{said}");
    }
}

isolated! {
    fn a_grant_of_the_network_opens_what_it_says() {
        let Some(arena) = Arena::new() else { return };
        let servers = ["127.0.0.1:0"; 2].map(|at| std::net::TcpListener::bind(at).unwrap());
        let [granted, other] = servers.each_ref().map(|server| server.local_addr().unwrap().port());
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let (yes, no) = (granted.to_string(), other.to_string());
        let datagrams = udp.local_addr().unwrap().port().to_string();
        let path = arena.text("outside/socket");
        let _path = std::os::unix::net::UnixListener::bind(&path).unwrap();
        with_launcher(async |launcher| {
            let some = |tcp: &[u16], dns| Network::Some { tcp: tcp.to_vec(), dns };
            if !is_enforceable(launcher, &arena.confinement(some(&[], true))).await {
                return;
            }
            let never: &[(&[&str], bool)] = &[
                (&["path-socket", &path], false),
                (&["pair-to-socket", &path], false),
                (&["packet"], false),
                (&["raw"], false),
                (&["vsock"], false),
                (&["uevents"], false),
                (&["io-uring"], false),
            ];
            let tcp = some(&[granted], false);
            expect(launcher, &arena, &tcp, never).await;
            expect(launcher, &arena, &tcp, &[
                (&["tcp", &yes], true),
                (&["tcp", &no], false),
                (&["mptcp", &no], false),
                (&["udp", &datagrams], false),
                (&["listen"], false),
                (&["listen-unbound"], false),
                (&["fastopen", &no], false),
                (&["netlink"], false),
            ]).await;
            let dns = some(&[], true);
            expect(launcher, &arena, &dns, never).await;
            expect(launcher, &arena, &dns, &[
                (&["tcp", &yes], false),
                (&["udp", &datagrams], true),
                (&["netlink"], true),
            ]).await;
            expect(launcher, &arena, &Network::Full, never).await;
            expect(launcher, &arena, &Network::Full, &[
                (&["tcp", &yes], true),
                (&["tcp", &no], true),
                (&["udp", &datagrams], true),
                (&["listen"], true),
                (&["fastopen", &no], true),
                (&["netlink"], true),
            ]).await;
        });
    }
}

isolated! {
    fn names_are_resolved_with_either_grant() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            if !is_enforceable(launcher, &arena.confinement(Network::None)).await {
                return;
            }
            let networks = [
                Network::None,
                Network::Some { tcp: vec![443], dns: false },
                Network::Some { tcp: vec![443], dns: true },
                Network::Full,
            ];
            for network in networks {
                // The address is in /etc/hosts, so no server is asked; the resolver still opens
                // what it needs to reach one.
                let spec = arena.spec(Path::new("/usr/bin/getent"), &["ahosts", "localhost"], network);
                let exit = simply(launcher, spec).await.unwrap();
                assert_eq!(exit.leader, LeaderExit::Code(0), "{exit:?}");
                assert!(said(&exit).contains("localhost"), "{exit:?}");
            }
        });
    }
}
