//! Tests that start no process.

use super::*;
use crate::process::capture::{
    CapStatus, CappedBuffer, EventLines, HeadTailBuffer, MAX_EVENT_LINE,
};
use crate::process::sandbox::Layers;
use crate::process::spec::StartStage;
use crate::process::tree_usage::TreeUsage;
use crate::process::wire::{
    CommandFrame, FrameReader, Request, SupervisorReport, encode_start, send,
};

#[test]
fn stderr_keeps_head_and_tail_and_counts_the_rest() {
    let mut kept = HeadTailBuffer::default();
    for _ in 0..1000 {
        kept.push(&[b'a'; 100]);
    }
    kept.push(b"the end");
    let excerpt = kept.into_excerpt();
    assert_eq!(excerpt.head.len(), 16 * 1024);
    assert_eq!(excerpt.tail.len(), 16 * 1024);
    assert!(excerpt.tail.ends_with("athe end"));
    assert_eq!(excerpt.omitted_bytes, 100_007 - 32 * 1024);
}

#[test]
fn stderr_is_whole_up_to_both_halves() {
    let mut kept = HeadTailBuffer::default();
    kept.push(&vec![b'x'; 32 * 1024]);
    let excerpt = kept.into_excerpt();
    assert_eq!((excerpt.head.len(), excerpt.omitted_bytes), (32 * 1024, 0));
}

#[test]
fn a_cut_character_is_left_out_whole() {
    let mut kept = HeadTailBuffer::default();
    // Two-byte characters at odd offsets: both cuts go through one.
    let text = format!("x{}", "é".repeat(40_000));
    kept.push(text.as_bytes());
    let excerpt = kept.into_excerpt();
    assert!(!excerpt.text().contains('\u{fffd}'));
    let shown = excerpt.head.len() + excerpt.tail.len();
    assert_eq!(shown as u64 + excerpt.omitted_bytes, text.len() as u64);
}

#[test]
fn output_fits_to_the_byte() {
    let mut output = CappedBuffer::new(4);
    assert_eq!(output.push(b"1234"), (&b"1234"[..], CapStatus::Whole));
    assert_eq!(output.push(b"5"), (&b""[..], CapStatus::OverCap));
    assert_eq!(output.into_bytes(), b"1234");
}

#[test]
fn event_lines_are_cut_dropped_and_counted() {
    let mut lines = EventLines::default();
    let mut seen = Vec::new();
    let long = "l".repeat(MAX_EVENT_LINE);
    let mut keep = |line: &str| seen.push(line.to_owned());
    lines.push(b"one\n\ntw", &mut keep);
    lines.push(b"o\n\xff\n", &mut keep);
    lines.push(format!("{long}\n{long}+\nlast").as_bytes(), &mut keep);
    assert_eq!(lines.finish(&mut keep), 2);
    assert_eq!(seen, ["one", "two", &long, "last"]);
}

#[tokio::test(start_paused = true)]
async fn the_clock_stands_still_while_suspended() {
    let clock = RunClock::new();
    let start = clock.now();
    let before = tokio::time::Instant::now();
    let sleeper = clock.clone();
    let sleep = tokio::spawn(async move {
        sleeper
            .sleep_until_elapsed(start, Duration::from_secs(10))
            .await;
    });
    tokio::time::sleep(Duration::from_secs(9)).await;
    clock.add_suspended(Duration::from_secs(5));
    sleep.await.unwrap();
    assert_eq!(before.elapsed().as_secs(), 15);
    assert_eq!(clock.elapsed(start).as_secs(), 10);
    assert_eq!(clock.suspended_total(), Duration::from_secs(5));
}

#[test]
fn frames_survive_the_way() {
    use std::os::unix::ffi::OsStringExt;
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut spec = program("/bin/x", &["x", "", "two words"]);
    spec.stdin = Some(Vec::new());
    let odd = std::ffi::OsString::from_vec(vec![0xff, b'=']);
    spec.env = vec![("A".into(), odd)];
    let mut bytes = encode_start(&spec).unwrap();
    bytes.extend(CommandFrame::Stop.encode());
    assert_eq!(send(&ours, &bytes, &[]).unwrap(), bytes.len());
    let mut frames = FrameReader::default();
    assert!(frames.receive(std::os::fd::AsFd::as_fd(&theirs)).unwrap());
    let frame = frames.next_frame().unwrap().unwrap();
    let Request::Start(start) = Request::decode(&frame).unwrap() else {
        panic!("not a start");
    };
    assert!(start.with_stdin);
    assert_eq!(start.argv, [c"x", c"", c"two words"]);
    assert_eq!(start.env, [c"A=\xff="]);
    let frame = frames.next_frame().unwrap().unwrap();
    assert!(matches!(
        Request::decode(&frame).unwrap(),
        Request::Command(CommandFrame::Stop)
    ));
    assert!(frames.next_frame().unwrap().is_none());
}

#[test]
fn reports_survive_the_way() {
    let reports = [
        SupervisorReport::Started {
            pid: 7,
            applied: Applied {
                enforced: Layers::from_list(&Layer::ALL),
                missing: Layers::from_list(&[Layer::Limits]),
            },
        },
        SupervisorReport::StartFailed {
            stage: StartStage::Exec,
            errno: -1,
        },
        SupervisorReport::LeaderExited {
            status: 9,
            stopped: true,
            tree_empty: true,
        },
        SupervisorReport::TreeEnded {
            usage: TreeUsage {
                cpu: Duration::from_micros(5),
                peak_memory_bytes: 1 << 40,
            },
            breach: Some(LimitBreach {
                limit: ResourceKind::FileSize,
                allowed: 1,
                measured: 2,
            }),
            breach_to_end: Duration::from_micros(7),
            leaked: leaked(3, &["a b", "sh"]),
        },
        SupervisorReport::Acknowledged,
    ];
    for report in reports {
        let mut frame = Vec::new();
        report.encode(&mut frame);
        assert_eq!(SupervisorReport::decode(&frame).unwrap(), report);
        for cut in 0..frame.len() {
            let partly = SupervisorReport::decode(&frame[..cut]);
            assert!(partly.is_err(), "{cut} bytes of {report:?}");
        }
    }
}

#[test]
fn a_nul_is_refused_before_anything_starts() {
    let mut spec = program("/bin/true", &["true"]);
    spec.argv.push("a\0b".into());
    let error = ProcessError::start(
        &spec,
        StartStage::Arguments,
        encode_start(&spec).unwrap_err(),
    );
    assert_eq!(
        error.to_string(),
        format!(
            "can't start `{}`: an argument, a variable or a path contains a NUL byte",
            spec.program.display()
        )
    );
}
