use super::*;

/// `start..end: message; help` of the first mistake.
fn told(text: &str) -> String {
    let Some(problem) = first_mistake(text) else {
        return String::new();
    };
    let Location::Bytes(bytes) = problem.location else {
        panic!("{problem:?}");
    };
    let message = problem.message.strip_prefix("invalid JSON: ");
    let message = message.unwrap_or(&problem.message);
    format!(
        "{}: {message}; {}",
        &text[bytes],
        problem.help.unwrap_or_default()
    )
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_mistake_has_its_name_and_place() {
    for (text, want) in [
        ("{\n  // note\n  \"a\": 1}", "// note: a comment; remove it"),
        (
            "{\"a\": 1, /* x\ny */ \"b\": 2}",
            "/* x\ny */: a comment; remove it",
        ),
        ("/* not closed\n{}", "/* not closed: a comment; remove it"),
        ("{} # end", "# end: a comment; remove it"),
        ("[1, # x\n2]", "# x: a comment; remove it"),
        ("{\"a\" /* x */ : 1}", "/* x */: a comment; remove it"),
        ("{\"a\": 1,\n}", ",: a trailing comma; remove the comma"),
        ("[1, 2 ,\t]", ",: a trailing comma; remove the comma"),
        ("{\"a\": 1},", ",: a trailing comma; remove the comma"),
        (
            "[1,,2]",
            ",: a comma without a value before it; remove the comma",
        ),
        (
            "{,\"a\": 1}",
            ",: a comma without a value before it; remove the comma",
        ),
        ("{'a': 1}", "'a': single quotes; write `\"…\"`"),
        ("{\"a\": 'it'}", "'it': single quotes; write `\"…\"`"),
        ("['open", "': single quotes; write `\"…\"`"),
        ("{\"a\": `x`}", "`x`: backticks; write `\"…\"`"),
        ("{“a”: 1}", "“a”: typographic quotes; write `\"…\"`"),
        ("[‘a’]", "‘a’: typographic quotes; write `\"…\"`"),
        (
            "{\"a\": \"b”,\n}",
            "\"b”,: a text has no closing `\"`; write `\"` at its end, not a typographic",
        ),
        ("{a: 1}", "a: the key `a` is not in quotes; write `\"a\"`"),
        (
            "{a-b_1: 1}",
            "a-b_1: the key `a-b_1` is not in quotes; write `\"a-b_1\"`",
        ),
        ("{1: 1}", "1: the key `1` is not in quotes; write `\"1\"`"),
        (
            "{\"a\": True}",
            "True: `True` is not a word of JSON; write `true`",
        ),
        ("[None]", "None: `None` is not a word of JSON; write `null`"),
        (
            "[-Infinity]",
            "-Infinity: `-Infinity` is not a number in JSON; write another number",
        ),
        (
            "[NaN]",
            "NaN: `NaN` is not a number in JSON; write another number",
        ),
        (
            "{\"a\": look}",
            "look: a text is not in quotes; write `\"…\"` around it",
        ),
        (
            "{\"a\": /etc/passwd}",
            "/etc/passwd: a text is not in quotes; write",
        ),
        (
            "[01]",
            "01: `01` is not a number; a number does not begin with zero",
        ),
        ("[+1]", "+1: `+1` is not a number; write it without the `+`"),
        (
            "[.5]",
            ".5: `.5` is not a number; write a `0` before the point",
        ),
        (
            "[1.]",
            "1.: `1.` is not a number; write a digit after the point",
        ),
        (
            "[0x1F]",
            "0x1F: `0x1F` is not a number; write it in decimal digits",
        ),
        (
            "[1_000]",
            "1_000: `1_000` is not a number; write it in decimal digits",
        ),
        (
            "[1.2.3]",
            "1.2.3: `1.2.3` is not a number; write it in decimal digits",
        ),
        (
            "{\"a\": 1\n\"b\": 2}",
            ": a `,` is missing; write `,` after this value",
        ),
        ("[{} {}]", ": a `,` is missing; write `,` after this value"),
        (
            "[\"a\" \"b\"]",
            ": a `,` is missing; write `,` after this value",
        ),
        (
            "{\"a\": 1; \"b\": 2}",
            ";: a `;`; write `,` between entries",
        ),
        (
            "{\"a\": \"say \"hi\" now\"}",
            "\": a `\"` inside a text; write `\\\"`",
        ),
        (
            "{\"a\" 1}",
            ": a `:` is missing; write `:` and a value after the key",
        ),
        ("{\"a\" = 1}", "=: a `=`; write `:` between key and value"),
        (
            "{\"a\": }",
            ":: an entry has no value; write the value after the `:`",
        ),
        (
            "{\"a\":, \"b\": 1}",
            ":: an entry has no value; write the value after the `:`",
        ),
        ("[\"a\": 1]", ":: a list has no keys; write `{` and `}`"),
        (
            "{\"a\": [1, 2}",
            "}: `}` where the `[` of line 1 is still open; write `]` before it",
        ),
        (
            "{\n\"a\": 1]",
            "]: `]` where the `{` of line 1 is still open; write `}` before it",
        ),
        (
            "[}",
            "}: `}` where the `[` of line 1 is still open; write `]` before it",
        ),
        (
            "{]",
            "]: `]` where the `{` of line 1 is still open; write `}` before it",
        ),
        (
            "{\"a\": 1",
            "{: the `{` is not closed; write `}` at the end",
        ),
        (
            "{\"a\": [",
            "[: the text ends with 2 brackets open; write `]}` at the end",
        ),
        (
            "{\"a\": [1, {\"b\": 2}",
            "[: the text ends with 2 brackets open; write `]}` at the end",
        ),
        (
            "{\"a\":",
            "{: the `{` is not closed; the text was cut off: write the rest",
        ),
        (
            "{\"a\": \"b,\n\"c\": 1}",
            "\"b,: a text has no closing `\"`; write `\"` at its end; a line",
        ),
        (
            "{\"a\": \"b",
            "\"b: a text has no closing `\"`; write `\"` at its end",
        ),
        ("[\"a\tb\"]", "\t: a tab inside a text; write `\\t`"),
        (
            "[\"a\u{1}b\"]",
            "\u{1}: the control character U+0001 inside a text; write `\\u0001`",
        ),
        (
            "[\"\\d\"]",
            "\\d: `\\d` is not an escape; write `\\\\` for a backslash",
        ),
        (
            "[\"\\é\"]",
            "\\é: `\\é` is not an escape; write `\\\\` for a backslash",
        ),
        (
            "[\"\\u12\"]",
            "\\u: `\\u` without four hexadecimal digits; write",
        ),
        (
            "[\"\\u+123\"]",
            "\\u: `\\u` without four hexadecimal digits; write",
        ),
        (
            "[\"\\ud83d!\"]",
            "\\ud83d: one half of a surrogate pair; write the character",
        ),
        (
            "[\"a\\\nb\"]",
            "\\: a `\\` at the end of a line; write `\\\\`",
        ),
        ("{}}", "}: a `}` too many; remove it: nothing is open here"),
        (
            "{} {}",
            "{: a second document starts here; a file holds one document",
        ),
        (
            "{}\nThat is all.",
            "That is all.: text follows the document; remove what follows",
        ),
        (
            "[1, ...]",
            "...: `...` stands for something left out; write what belongs here",
        ),
        (
            "[1, …]",
            "…: `...` stands for something left out; write what belongs here",
        ),
        (
            "{\u{a0}\"a\": 1}",
            "\u{a0}: the character U+00A0 looks like a space; write a plain space",
        ),
        (
            "[\u{200b}1]",
            "\u{200b}: the character U+200B looks like a space; write a plain",
        ),
        ("[<x>]", "<: `<` is unexpected here; write a value here"),
    ] {
        assert!(
            told(text).starts_with(want),
            "{text}\n{}\n{want}",
            told(text)
        );
    }
}

#[test]
fn what_the_parser_takes_has_no_mistake_and_what_it_refuses_has_one() {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"",
        "1",
        "-",
        "true",
        " ",
        "\n",
        "'",
        "//",
        "\\",
        "é",
        "nul",
        "0",
        ".",
        "\"\\u00e9\"",
        "”",
        "#",
        "x-y",
        "\r",
        "1e5",
    ];
    let mut seed = 7_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap()
    };
    for _ in 0..40_000 {
        let length = next() % 9;
        let text: String = (0..length).map(|_| pieces[next() % pieces.len()]).collect();
        let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        let found = first_mistake(&text);
        if is_json {
            assert_eq!(found, None, "{text:?}");
        } else if !text.trim().is_empty() {
            assert!(found.is_some(), "{text:?}");
        }
        if let Some(Location::Bytes(bytes)) = found.map(|problem| problem.location) {
            assert!(text.get(bytes.clone()).is_some(), "{text:?} {bytes:?}");
        }
    }
}

#[test]
fn a_message_shows_no_value_and_little_of_a_word() {
    for text in [
        "{\"token\": 's3cret'}",
        "{\"token\": “s3cret”}",
        "{\"token\": s3cret}",
        "{\"token\": \"s3cret}",
        "{\"token\": \"s3cret\" \"x\": 1}",
        "{\"token\": \"s3cret\"",
        "{\"a\": \"x\"} s3cret",
    ] {
        let problem = first_mistake(text).unwrap();
        let told = format!("{} {}", problem.message, problem.help.unwrap());
        assert!(!told.contains("s3cret"), "{told}");
    }
    let long = format!("{{{}: 1}}", "k".repeat(1_000_000));
    assert!(first_mistake(&long).unwrap().message.len() < 200);
}

#[test]
fn huge_texts_are_read_once() {
    for text in [
        format!("[{}", "1, ".repeat(300_000)),
        format!("[{}'", "\"a\", ".repeat(200_000)),
        format!("{{\"a\": \"{}", "\\\\".repeat(500_000)),
        format!("[{}", "'".repeat(1_000_000)),
        format!("[{}", "/*".repeat(500_000)),
        format!("[{}", "-".repeat(1_000_000)),
    ] {
        assert!(first_mistake(&text).is_some());
    }
}
