use crate::document::Location;
use crate::document::yaml::parse;

/// `marked: message; help` of the one problem of a text that can't be read.
fn told(text: &str) -> String {
    let (document, problems) = parse(text);
    assert!(document.is_none(), "{text}");
    assert_eq!(problems.len(), 1, "{text}{problems:?}");
    let problem = &problems[0];
    let Location::Bytes(bytes) = &problem.location else {
        panic!("{problem:?}");
    };
    let message = problem.message.strip_prefix("invalid YAML: ");
    let message = message.unwrap_or(&problem.message);
    let line = 1 + text[..bytes.start].matches('\n').count();
    let help = problem.help.as_deref().unwrap_or_default();
    format!("{line} {:?}: {message}; {help}", &text[bytes.clone()])
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_mistake_has_its_name_and_place() {
    let mut failures = Vec::new();
    for (text, want) in [
        // Texts without quotes.
        (
            "a: First: look\n",
            "1 \"First: look\": a text with `: ` in it is not in quotes; put the value of `a` in \
             quotes: `a: \"…\"`",
        ),
        (
            "a:\n- b:\n    c: Hello: world\n",
            "3 \"Hello: world\": a text with `: ` in it is not in quotes; put the value of `c`",
        ),
        (
            "- a: at http://x: now\n",
            "1 \"at http://x: now\": a text with `: ` in it is not in quotes; put the value of `a`",
        ),
        (
            "a: x:\n  - b\n",
            "1 \"x:\": a text with `: ` in it is not in quotes; put",
        ),
        (
            "a: *.txt\n",
            "1 \"*.txt\": a text that begins with `*` is not in quotes; put it",
        ),
        (
            "a: {b: *x}\n",
            "1 \"*x\": a text that begins with `*` is not in quotes; put it",
        ),
        (
            "a: & b\n",
            "1 \"&\": a text that begins with `&` is not in quotes; put it in quotes",
        ),
        (
            "a: %d\n",
            "1 \"%d\": a text that begins with `%` is not in quotes; put it in quotes",
        ),
        (
            "a: @b\n",
            "1 \"@b\": a text that begins with `@` is not in quotes; put it in quotes",
        ),
        (
            "a: `b`\n",
            "1 \"`b`\": a text that begins with ``` is not in quotes; put it in quotes",
        ),
        (
            "a: [x] done\n",
            "1 \"done\": text follows a complete value; put the whole value",
        ),
        (
            "a: \"x\" y\n",
            "1 \"y\": text follows a closing quote; put the whole value in quotes",
        ),
        (
            "a: 'it's'\n",
            "1 \"s'\": text follows a closing quote; write `''` for an apostrophe",
        ),
        (
            "a: \"\\d\"\n",
            "1 \"\\\"\": an invalid escape in double quotes; write `\\\\`",
        ),
        (
            "a: | x\n  y\n",
            "1 \"| x\": text follows a `|` or `>`; write the text on the next line",
        ),
        // Spaces and tabs.
        (
            "a:b\nc: d\n",
            "1 \":\": a space is missing after a `:`; write a space after the `:`",
        ),
        (
            "a: b\nc:d\n",
            "2 \":\": a space is missing after a `:`; write a space after the `:`",
        ),
        (
            "a:\n\t- b\n",
            "2 \"\\t\": a tab in the indentation; indent with spaces",
        ),
        (
            "- a: b\n\tc: d\n",
            "2 \"\\t\": a tab in the indentation; indent with spaces",
        ),
        (
            "a:\n  b:\n  \t c: 1\n",
            "3 \"\\t \": a tab in the indentation; indent with spaces",
        ),
        (
            "steps:\n- name text\n  type: skill\n",
            "2 \"name text\": a line without a key; write `key: value`, or indent what follows",
        ),
        // Comments of other languages.
        (
            "a: b\n// note\nc: d\n",
            "2 \"// note\": a comment of another language; write `#`",
        ),
        (
            "/* note */\na: b\n",
            "1 \"/* note */\": a comment of another language; write `#`",
        ),
        ("{\n  // note\n  \"a\": 1}\n", "2 \"// note"),
        // Indentation.
        (
            "- name: a\n   type: b\n",
            "2 \"   \": bad indentation: 3 spaces; indent it by 2 spaces, as `name` in line 1",
        ),
        (
            "steps:\n  - name: a\n      type: b\n",
            "3 \"      \": bad indentation: 6 spaces; indent it by 4 spaces, as `name` in line 2",
        ),
        (
            "steps:\n  - name: a\n   type: b\n",
            "3 \"   \": bad indentation: 3 spaces; indent it by 4 spaces, as `name` in line 2",
        ),
        (
            "a: b\n  c: d\n",
            "2 \"  \": bad indentation: 2 spaces; indent it by 0 spaces, as `a` in line 1",
        ),
        (
            "s:\n  - name: a\n    type: b\n - name: c\n",
            "4 \" \": bad indentation: 1 space; indent it by 2 spaces, as the `-` in line 2",
        ),
        (
            "a:\n    b: 1\n  # note\n\n  c: 2\n",
            "5 \"  \": bad indentation: 2 spaces; indent it by ",
        ),
        (
            "a: - b\n",
            "1 \"- b\": a list item behind a key; write each `- ` on a line of its own",
        ),
        // Brackets and quotes.
        (
            "a: \"b\nc: d\n",
            "1 \"\\\"b\": a quote is not closed; close it where the text ends",
        ),
        (
            "a: 'b\nc: d\n",
            "1 \"'b\": a quote is not closed; close it where the text ends",
        ),
        (
            "a: {b: c\n",
            "1 \"{\": the `{` is not closed; write `}` where it ends",
        ),
        (
            "a: [{b: c}\n",
            "1 \"[\": the `[` is not closed; write `]` where it ends",
        ),
        (
            "a: [b}\n",
            "1 \"[\": the `[` is closed by `}`; write `]`, or what is missing",
        ),
        (
            "a: b]\nc: ]\n",
            "2 \"]\": a closing bracket too many; remove it",
        ),
        (
            "a: [\"b\" \"c\"]\n",
            "1 \"\\\"\": a `,` is missing before this text; write `,` between",
        ),
        (
            "a: [- b]\n",
            "1 \"-\": a `- ` inside brackets; write the elements without `- `",
        ),
        // Lines that are no entries.
        (
            "a: [b]\nThat is all.\n",
            "2 \"That is all.\": a line without a key; write `key: value`",
        ),
        ("a: b\nc: [d]\n- e\n", "3 "),
    ] {
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let told = told(&text);
            if !told.starts_with(want) {
                failures.push(format!("{text}{told}\nwant {want}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn no_error_is_told_in_the_words_of_the_parser() {
    let pieces = [
        "a: ", "b", "- ", "\n", "  ", "\t", "{", "}", "[", "]", ",", ":", "\"", "'", "*x", "&y ",
        "!t ", "%", "| ", "> ", "#", "? ", "---\n", "...\n", "@", "\\", "é", ": ", "-", "\r\n",
        "\u{feff}",
    ];
    let mut seed = 3_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap()
    };
    let (mut errors, mut vague) = (0, 0);
    for _ in 0..40_000 {
        let length = next() % 12;
        let text: String = (0..length).map(|_| pieces[next() % pieces.len()]).collect();
        for problem in parse(&text)
            .1
            .iter()
            .filter(|problem| problem.code == "syntax")
        {
            let Location::Bytes(bytes) = &problem.location else {
                panic!("{problem:?}");
            };
            assert!(text.get(bytes.clone()).is_some(), "{text:?} {bytes:?}");
            for word in ["parsing", "scanning", "context", "scalar", "expected"] {
                assert!(
                    !problem.message.contains(word),
                    "{text:?}: {}",
                    problem.message
                );
            }
            errors += 1;
            vague += usize::from(problem.message.contains("can't be read from here"));
        }
    }
    assert!(errors > 1_000, "{errors}");
    assert!(vague * 10 < errors, "{vague} of {errors}");
}

#[test]
fn a_message_shows_no_value_and_little_of_a_key() {
    for text in [
        "token: a: s3cret\n",
        "token: *s3cret\n",
        "token: \"s3cret\nb: 1\n",
        "token: [x] s3cret\n",
        "token: 's3cret's\n",
    ] {
        assert!(
            !told(text).split_once("\": ").unwrap().1.contains("s3cret"),
            "{}",
            told(text)
        );
    }
    let long = format!("{}: a: b\n", "k".repeat(1_000));
    let (_, problems) = parse(&long);
    let help = problems[0].help.as_deref().unwrap_or_default();
    assert!(help.len() < 400, "{}", help.len());
}

#[test]
fn huge_texts_are_looked_at_in_part() {
    for text in [
        format!("a: b\n{}\t c: d\n", "\n".repeat(1_000_000)),
        format!("x:\n{}   y: 1\n", "- 1\n".repeat(60_000)),
        format!("a: {}: b\n", "x ".repeat(500)),
        format!("a: {}\n", "[".repeat(100)),
    ] {
        let (_, problems) = parse(&text);
        assert!(problems.has_errors());
    }
}
