//! Side by side: each contender once a round, so that what else the machine does meets all of them.

use std::time::Duration;

use crate::contender::Contender;

/// How often, and which rows.
pub(crate) struct Rounds {
    count: usize,
    rows: Option<String>,
}

/// The times of one contender, sorted.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn new(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    pub(crate) fn median(&self) -> Duration {
        self.0[self.0.len() / 2]
    }

    /// The median, the least and the most in milliseconds, as cells of a table.
    pub(crate) fn spread(&self) -> String {
        self.cells(1e3, "ms")
    }

    /// The same in a unit of which a second has so many.
    pub(crate) fn cells(&self, per_second: f64, unit: &str) -> String {
        let number = |time: Duration| time.as_secs_f64() * per_second;
        let (least, most) = (self.0[0], self.0[self.0.len() - 1]);
        format!(
            "{:.1} {unit} | {:.1} to {:.1}",
            number(self.median()),
            number(least),
            number(most)
        )
    }
}

impl Rounds {
    pub(crate) fn from_environment() -> Self {
        let count = std::env::var("OBS_BENCH_ROUNDS").ok();
        Self {
            count: count.and_then(|count| count.parse().ok()).unwrap_or(7),
            rows: std::env::var("OBS_BENCH_ROWS").ok(),
        }
    }

    /// True if the row is asked for.
    pub(crate) fn wants(&self, row: &str) -> bool {
        self.rows.as_ref().is_none_or(|rows| row.contains(rows))
    }

    /// The times of all contenders, after a round that warms up and does not count.
    pub(crate) fn times(&self, contenders: &mut [&mut dyn FnMut() -> Duration]) -> Vec<Times> {
        let mut times = vec![Vec::new(); contenders.len()];
        for round in 0..=self.count {
            for (times, contender) in times.iter_mut().zip(contenders.iter_mut()) {
                let took = contender();
                if round > 0 {
                    times.push(took);
                }
            }
        }
        times.into_iter().map(Times::new).collect()
    }

    /// Prints the table of one row, with ratios to the first contender.
    pub(crate) fn compare(&self, row: &str, contenders: Vec<Contender>) {
        if !self.wants(row) {
            return;
        }
        let (mut present, absent): (Vec<_>, Vec<_>) =
            contenders.into_iter().partition(Contender::is_there);
        println!("| {row} | median | least to most | ratio |\n|---|---|---|---|");
        let mut runs: Vec<_> = present
            .iter_mut()
            .map(|contender| || contender.run())
            .collect();
        let mut runs: Vec<&mut dyn FnMut() -> Duration> = runs
            .iter_mut()
            .map(|run| run as &mut dyn FnMut() -> Duration)
            .collect();
        let times = self.times(&mut runs);
        let base = times[0].median().as_secs_f64();
        for (contender, times) in present.iter().zip(&times) {
            let ratio = times.median().as_secs_f64() / base;
            println!("| {} | {} | {ratio:.2} |", contender.name, times.spread());
        }
        for contender in absent {
            println!(
                "| {} | left out: it is not on this machine | | |",
                contender.name
            );
        }
        println!();
    }
}
