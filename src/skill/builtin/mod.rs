//! Tools that need no process.
//!
//! Invariant: they see their arguments and, if [`Builtin::reads_files`], the workspace, and nothing
//! else. They are bounded: a `JSONPath` query that could walk the value over and over is refused
//! before it starts, because no timeout can end it.

mod files;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use serde_json_path::JsonPath;
use uuid::Uuid;

pub(crate) use self::files::Workspace;
use self::files::{MAX_LISTED, MAX_READ_BYTES};
use super::manifest::Manifest;
use super::permission::Permission;
use crate::document::{Document, Language, Source};
use crate::model::StepType;

/// The most steps that a query may take, by an estimate that is never too low.
const MAX_QUERY_STEPS: f64 = 1e8;

/// The longest query in bytes.
const MAX_QUERY_BYTES: usize = 4_096;

/// A tool that is built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    /// The time.
    Now,
    /// A new UUID.
    UuidGenerate,
    /// From JSON text to its value.
    JsonParse,
    /// `JSONPath`, RFC 9535.
    JsonQuery,
    /// From a value to its JSON text.
    JsonText,
    /// The files that a glob matches.
    ListFiles,
    /// The text of a file.
    ReadFile,
    /// The first value that is not null.
    First,
}

impl Builtin {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Now,
        Self::UuidGenerate,
        Self::JsonParse,
        Self::JsonQuery,
        Self::JsonText,
        Self::ListFiles,
        Self::ReadFile,
        Self::First,
    ];

    /// The tool with this id.
    pub fn find(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|builtin| builtin.id() == id)
    }

    /// Its id.
    pub fn id(self) -> &'static str {
        match self {
            Self::Now => "builtin.now",
            Self::UuidGenerate => "builtin.uuid_generate",
            Self::JsonParse => "builtin.json_parse",
            Self::JsonQuery => "builtin.json_query",
            Self::JsonText => "builtin.json_text",
            Self::ListFiles => "builtin.list_files",
            Self::ReadFile => "builtin.read_file",
            Self::First => "builtin.first",
        }
    }

    /// True if it reads files of the workspace. Its output then depends on more than its arguments,
    /// so a resumed run runs it again.
    pub fn reads_files(self) -> bool {
        matches!(self, Self::ListFiles | Self::ReadFile)
    }

    /// The tool's manifest.
    pub(super) fn manifest(self) -> Manifest {
        Manifest {
            description: self.description().to_owned(),
            kind: StepType::Tool,
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            input_schema: Some(self.input_schema()),
            output_schema: Some(self.output_schema()),
            permissions: self.permissions(),
            is_idempotent: true,
            ..Manifest::default()
        }
    }

    /// What policies see of what it reads.
    fn permissions(self) -> Vec<Permission> {
        let workspace = self.reads_files().then(|| Permission::parse("fs.read:."));
        workspace.and_then(Result::ok).into_iter().collect()
    }

    fn description(self) -> &'static str {
        match self {
            Self::Now => "The time now: RFC 3339 in UTC, and milliseconds since the Unix epoch",
            Self::UuidGenerate => "A new UUID: random (version 4) or ordered by time (version 7)",
            Self::JsonParse => {
                "The value of a JSON text; duplicate keys and trailing data are errors"
            }
            Self::JsonQuery => "The parts of a value that a JSONPath query (RFC 9535) matches",
            Self::JsonText => "The JSON text of a value",
            Self::ListFiles => "The files of the workspace that a glob matches, sorted by path",
            Self::ReadFile => "The text of a file of the workspace",
            Self::First => "The first of several values that is not null; null if all are",
        }
    }

    fn input_schema(self) -> Value {
        let (properties, required) = match self {
            Self::Now => (json!({}), json!([])),
            Self::UuidGenerate => (
                json!({"version": {"enum": [4, 7], "default": 4}}),
                json!([]),
            ),
            Self::JsonParse => (json!({"text": {"type": "string"}}), json!(["text"])),
            Self::JsonQuery => (
                json!({
                    "value": {"description": "the value to look into"},
                    "query": {"type": "string", "description": "such as `$.items[*].name`"},
                }),
                json!(["value", "query"]),
            ),
            Self::JsonText => (
                json!({"value": {"description": "any value"}}),
                json!(["value"]),
            ),
            Self::ListFiles => (
                json!({
                    "pattern": {
                        "type": "string", "minLength": 1,
                        "description": "a glob such as `docs/**/*.md`, relative to the workspace",
                    },
                    "exclude": {
                        "type": "array", "items": {"type": "string", "minLength": 1},
                        "description": "globs of files and directories to leave out",
                    },
                    "max": {
                        "type": "integer", "minimum": 1, "maximum": MAX_LISTED,
                        "description": "more files are an error; 10000 if it is left out",
                    },
                    "sha256": {"type": "boolean", "description": "with the digest of each file"},
                }),
                json!(["pattern"]),
            ),
            Self::First => (json!({"values": first_values()}), json!(["values"])),
            Self::ReadFile => (
                json!({
                    "path": {
                        "type": "string", "minLength": 1,
                        "description": "relative to the workspace",
                    },
                    "max_bytes": {
                        "type": "integer", "minimum": 0, "maximum": MAX_READ_BYTES,
                        "description": "a larger file is an error; 1 MiB if it is left out",
                    },
                }),
                json!(["path"]),
            ),
        };
        json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }

    fn output_schema(self) -> Value {
        let of = |properties: Value| {
            let names: Vec<&String> = properties
                .as_object()
                .into_iter()
                .flat_map(Map::keys)
                .collect();
            json!({
                "type": "object", "properties": properties, "required": names,
                "additionalProperties": false
            })
        };
        match self {
            Self::Now => of(json!({"now": {"type": "string"}, "unix_ms": {"type": "integer"}})),
            Self::UuidGenerate => of(json!({"uuid": {"type": "string"}})),
            Self::JsonParse | Self::First => json!({}),
            Self::JsonQuery => of(json!({"matches": {"type": "array"}})),
            Self::JsonText => of(json!({"text": {"type": "string"}})),
            Self::ListFiles => {
                let file = json!({
                    "type": "object",
                    "properties": {
                        "path": {"type": "string"}, "bytes": {"type": "integer"},
                        "sha256": {"type": "string"},
                    },
                    "required": ["path", "bytes"],
                    "additionalProperties": false,
                });
                of(json!({
                    "paths": {"type": "array", "items": {"type": "string"}},
                    "files": {"type": "array", "items": file},
                }))
            }
            Self::ReadFile => of(json!({
                "path": {"type": "string"}, "bytes": {"type": "integer"}, "text": {"type": "string"},
            })),
        }
    }

    /// Does what the tool does. The arguments have met `input_schema`; what is amiss all the same
    /// is an error.
    pub fn run(
        self,
        arguments: &Map<String, Value>,
        workspace: &Workspace<'_>,
    ) -> Result<Value, String> {
        let text = |name: &str| {
            let text = arguments.get(name).and_then(Value::as_str);
            text.ok_or_else(|| format!("the argument `{name}` must be text"))
        };
        match self {
            Self::Now => Ok(now(Timestamp::now())),
            Self::UuidGenerate => uuid(arguments.get("version")),
            Self::JsonParse => parse(text("text")?),
            Self::JsonQuery => {
                let value = arguments.get("value").unwrap_or(&Value::Null);
                query(value, text("query")?)
            }
            Self::JsonText => {
                let value = arguments.get("value").unwrap_or(&Value::Null);
                Ok(json!({"text": value.to_string()}))
            }
            Self::ListFiles => files::list_files(arguments, workspace),
            Self::ReadFile => files::read_file(arguments, workspace),
            Self::First => {
                let values = arguments.get("values").and_then(Value::as_array);
                let mut values = values.into_iter().flatten();
                let first = values.find(|value| !value.is_null());
                Ok(first.cloned().unwrap_or_default())
            }
        }
    }
}

/// The schema of `values` of [`Builtin::First`].
fn first_values() -> Value {
    json!({
        "type": "array", "minItems": 1,
        "description": "such as `{{a.id?}}` and `{{b.id?}}` of two branches",
    })
}

fn now(now: Timestamp) -> Value {
    json!({"now": format!("{now:.3}"), "unix_ms": now.as_millisecond()})
}

fn uuid(version: Option<&Value>) -> Result<Value, String> {
    let uuid = match version.map(Value::as_u64) {
        None | Some(Some(4)) => Uuid::new_v4(),
        Some(Some(7)) => Uuid::now_v7(),
        Some(_) => return Err("the argument `version` must be 4 or 7".to_owned()),
    };
    Ok(json!({"uuid": uuid.to_string()}))
}

/// Reads JSON with the strictness with which plans are read.
fn parse(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Err("the text is empty, which is not JSON".to_owned());
    }
    // `serde_json` takes a mapping with this key for a number or for text to be read anew.
    if text.contains("$serde_json::private") {
        return Err("the text contains a reserved key".to_owned());
    }
    let source = Source {
        name: String::new(),
        text: text.to_owned(),
        language: Language::Json,
    };
    let (document, problems) = Document::parse(source);
    let Some(problem) = problems.first() else {
        return Ok(document.value);
    };
    let at = document.bytes_of(&problem.location).start;
    let (line, column) = document.line_and_column(at);
    let message = &problem.message;
    Err(format!(
        "{message} at byte {at} (line {line}, column {column})"
    ))
}

fn query(value: &Value, query: &str) -> Result<Value, String> {
    if query.len() > MAX_QUERY_BYTES {
        return Err(format!("the query has more than {MAX_QUERY_BYTES} bytes"));
    }
    let path = JsonPath::parse(query)
        .map_err(|error| format!("the query is not valid JSONPath: {error}"))?;
    if steps(value, query) > MAX_QUERY_STEPS {
        return Err("the query could walk the value too often; \
                    use fewer `..`, `$` in filters and lists in brackets"
            .to_owned());
    }
    let matches = path.query(value).all();
    Ok(json!({"matches": matches}))
}

/// An upper bound on the steps that a query takes. One walk visits every node once, as parts below
/// different nodes are different. Only a further `..`, a `$` in a filter, which starts anew at
/// every node, and a list in brackets, which may name a node twice, multiply.
fn steps(value: &Value, query: &str) -> f64 {
    let count =
        |what: &str| f64::from(u16::try_from(query.matches(what).count()).unwrap_or(u16::MAX));
    let walks = 1.0 + (count("..") - 1.0).max(0.0) + (count("$") - 1.0).max(0.0);
    nodes(value).powf(walks) * count(",").exp2()
}

fn nodes(value: &Value) -> f64 {
    1.0 + match value {
        Value::Array(list) => list.iter().map(nodes).sum(),
        Value::Object(map) => map.values().map(nodes).sum(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::skill::Skill;

    fn try_run(id: &str, arguments: &Value) -> Result<Value, String> {
        let skill = Skill::builtin(Builtin::find(id).unwrap()).unwrap();
        let arguments = arguments.as_object().unwrap();
        assert!(skill.check_schemas().is_empty());
        let workspace = Workspace {
            path: Path::new(env!("CARGO_MANIFEST_DIR")),
            is_stopped: &|| false,
        };
        let outcome = Builtin::find(id).unwrap().run(arguments, &workspace);
        if let Ok(output) = &outcome {
            skill.check_output(output).unwrap();
        }
        outcome
    }

    #[test]
    fn every_tool_says_what_it_takes() {
        for builtin in Builtin::ALL {
            let skill = Skill::builtin(builtin).unwrap();
            assert_eq!(skill.kind(), StepType::Tool);
            assert!(!skill.manifest.description.is_empty());
            let stray = json!({"stray": 1});
            let problems = skill.check_arguments(stray.as_object().unwrap(), "/steps/0/arguments");
            assert!(problems.has_errors(), "{builtin:?}");
        }
        assert!(Builtin::find("builtin.shell").is_none());
    }

    #[test]
    fn now_is_rfc_3339_in_utc() {
        let at = Timestamp::from_millisecond(1_700_000_000_120).unwrap();
        assert_eq!(
            now(at),
            json!({"now": "2023-11-14T22:13:20.120Z", "unix_ms": 1_700_000_000_120_i64})
        );
        try_run("builtin.now", &json!({})).unwrap();
    }

    #[test]
    fn the_first_value_that_is_not_null_is_taken() {
        for (values, want) in [
            (json!([null, {"id": 1}, 2]), json!({"id": 1})),
            (json!([false, 1]), json!(false)),
            (json!([null, null]), json!(null)),
        ] {
            let output = try_run("builtin.first", &json!({"values": values}));
            assert_eq!(output.unwrap(), want);
        }
        assert!(Builtin::find("builtin.first").is_some());
    }

    #[test]
    fn uuids_have_the_version_that_is_asked_for() {
        for (arguments, version) in [
            (json!({}), '4'),
            (json!({"version": 4}), '4'),
            (json!({"version": 7}), '7'),
        ] {
            let output = try_run("builtin.uuid_generate", &arguments).unwrap();
            assert_eq!(
                output["uuid"].as_str().unwrap().chars().nth(14),
                Some(version)
            );
        }
        assert!(try_run("builtin.uuid_generate", &json!({"version": 1})).is_err());
    }

    #[test]
    fn json_is_read_exactly_or_not_at_all() {
        let read = |text: &str| try_run("builtin.json_parse", &json!({"text": text}));
        let exact = "[123456789012345678901234567890,1.50,null]";
        assert_eq!(read(exact).unwrap().to_string(), exact);
        assert_eq!(read("null").unwrap(), Value::Null);
        for (text, want) in [
            (" ", "the text is empty, which is not JSON"),
            (
                "{\"a\": 1,\n \"a\": 2}",
                "duplicate key `a` at byte 10 (line 2, column 2)",
            ),
            (
                "1 2",
                "invalid JSON: text follows the document at byte 2 (line 1, column 3)",
            ),
            (
                "1e999",
                "the number `1e999` is too large at byte 0 (line 1, column 1)",
            ),
            (
                r#"{"$serde_json::private::Number": "5"}"#,
                "the text contains a reserved key",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), want);
        }
        assert!(
            read(&"[".repeat(100_000))
                .unwrap_err()
                .contains("nested too deeply")
        );
    }

    #[test]
    fn values_become_exact_text() {
        let value = json!({"b": [1.5, null, "é\n"], "a": true});
        let output = try_run("builtin.json_text", &json!({"value": value})).unwrap();
        let back = try_run("builtin.json_parse", &json!({"text": output["text"]}));
        assert_eq!(back.unwrap(), value);
        let text = try_run("builtin.json_text", &json!({"value": "a"})).unwrap();
        assert_eq!(text["text"], "\"a\"");
    }

    #[test]
    fn files_are_read_as_their_schemas_say() {
        let output = try_run("builtin.read_file", &json!({"path": "Cargo.toml"})).unwrap();
        assert!(output["text"].as_str().unwrap().contains("name = \"obs\""));
        for sha256 in [true, false] {
            let arguments = json!({"pattern": "Cargo.*", "sha256": sha256});
            let output = try_run("builtin.list_files", &arguments).unwrap();
            assert_eq!(output["paths"], json!(["Cargo.lock", "Cargo.toml"]));
        }
    }

    #[test]
    fn queries_find_parts() {
        let value = json!({"items": [{"name": "a", "n": 1}, {"name": "b", "n": 2}]});
        let find = |query: &str| {
            try_run(
                "builtin.json_query",
                &json!({"value": value, "query": query}),
            )
        };
        assert_eq!(
            find("$.items[*].name").unwrap(),
            json!({"matches": ["a", "b"]})
        );
        assert_eq!(
            find("$.items[?@.n > 1].name").unwrap(),
            json!({"matches": ["b"]})
        );
        assert_eq!(find("$..n").unwrap(), json!({"matches": [1, 2]}));
        assert_eq!(find("$.none").unwrap(), json!({"matches": []}));
        assert!(
            find("items")
                .unwrap_err()
                .starts_with("the query is not valid JSONPath")
        );
    }

    #[test]
    fn queries_that_multiply_are_refused() {
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let wide = json!(vec![json!([1]); 20_000]);
        for (value, query) in [
            (&deep, format!("${}", "[0,0]".repeat(100))),
            (&wide, "$..[?count($..*) > 0]".to_owned()),
            (&wide, "$[?count($[*]) > 0]".to_owned()),
            (&deep, "$..*..*..*..*..*..*".to_owned()),
        ] {
            let arguments = json!({"value": value, "query": query});
            assert!(
                try_run("builtin.json_query", &arguments)
                    .unwrap_err()
                    .contains("too often"),
                "{query}"
            );
        }
        let arguments = json!({"value": wide, "query": "$..[0]"});
        assert_eq!(
            try_run("builtin.json_query", &arguments).unwrap()["matches"]
                .as_array()
                .unwrap()
                .len(),
            20_001
        );
    }
}
