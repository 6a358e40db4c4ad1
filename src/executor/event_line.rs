//! Lines that a skill may write to its events descriptor: one JSON object each.

use serde::Deserialize;

use crate::model::strict_json;

/// The fields of a line that obs knows.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub struct EventLine {
    /// From 0 to 1.
    #[serde(default)]
    pub progress: Option<f64>,
    /// The skill's own words.
    #[serde(default)]
    pub message: Option<String>,
    /// Added up over all lines.
    #[serde(default)]
    pub tokens_used: u64,
}

/// Parses a line; `None` if it is not such an object, by the rules of outputs. Unknown keys are
/// allowed.
pub fn read_event_line(line: &str) -> Option<EventLine> {
    // Serde would read a list as a struct too.
    if !line.trim_start().starts_with('{') {
        return None;
    }
    let json = strict_json(line.as_bytes()).ok()??;
    let mut event: EventLine = serde_json::from_str(json.get()).ok()?;
    event.progress = event.progress.map(|progress| progress.clamp(0.0, 1.0));
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_skills_say() {
        let line = r#"{"progress": 0.4, "message": "page 4 of 10", "more": [1]}"#;
        let message = Some("page 4 of 10".to_owned());
        let want = EventLine {
            progress: Some(0.4),
            message,
            tokens_used: 0,
        };
        assert_eq!(read_event_line(line), Some(want));
        assert_eq!(
            read_event_line(r#"{"tokens_used": 512}"#)
                .unwrap()
                .tokens_used,
            512
        );
        assert_eq!(
            read_event_line(r#"{"progress": 7}"#).unwrap().progress,
            Some(1.0)
        );
        for line in [
            "",
            "x",
            "[]",
            "{\"tokens_used\": -1}",
            "{\"message\": 1}",
            "null",
            r#"{"message": "\ud83d"}"#,
            r#"{"x": ["\udc00"]}"#,
            r#"{"x": 1e9999, "message": "m"}"#,
            r#"{"x": 1, "x": 2}"#,
        ] {
            assert_eq!(read_event_line(line), None, "{line}");
        }
    }
}
