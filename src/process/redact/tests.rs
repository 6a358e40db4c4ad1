use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn secrets(values: &[&str]) -> Secrets {
    Secrets::new(values.iter().map(|value| value.as_bytes().to_vec()))
}

fn pieces(values: &[&str], pieces: &[&[u8]]) -> Vec<u8> {
    let mut redactor = Redactor::new(secrets(values));
    let mut seen = Vec::new();
    for piece in pieces {
        seen.extend_from_slice(&redactor.feed(piece));
    }
    seen.append(&mut redactor.flush(false));
    seen
}

fn masked(values: &[&str], text: &str) -> String {
    secrets(values).mask_text(text).into_owned()
}

#[test]
fn a_value_in_two_writes_is_masked() {
    let shown = |values: &[&str], of: &[&str]| {
        let of: Vec<&[u8]> = of.iter().map(|piece| piece.as_bytes()).collect();
        String::from_utf8(pieces(values, &of)).unwrap()
    };
    assert_eq!(shown(&["s3cret"], &["a s3c", "ret b"]), "a *** b");
    assert_eq!(shown(&["s3cret"], &["s3cs3cret", "s3c"]), "s3c***s3c");
    assert_eq!(shown(&["abcd", "abcdef"], &["abcd", "ef abcd"]), "*** ***");
    assert_eq!(shown(&["abcd", "abcdef"], &["abcde"]), "***e");
    assert_eq!(shown(&["a/bc"], &[r"a\", "/b", "c."]), "***.");
    assert_eq!(shown(&["a/bc"], &["a%", "2", "fbc."]), "***.");
    assert_eq!(shown(&["ab😀c"], &[r"ab\ud8", r"3d\", r"uDE00c"]), "***");
    assert_eq!(shown(&[""], &["plain"]), "plain");
}

#[test]
fn all_escapes_of_json_are_found() {
    for (secret, text) in [
        ("abc/def", r"abc\/def"),
        ("abc&def", r"abc\u0026def"),
        ("pässwort", r"p\u00e4sswort"),
        ("pässwort", r"p\u00E4sswort"),
        ("ABCD", r"\u0041\u0042C\u0044"),
        ("a\"b\\c", r#"a\"b\\c"#),
        ("a\"b\\c", r"a\u0022b\u005Cc"),
        // JSON text nested in JSON text, twice.
        ("a\"b\\c", r#"a\\\"b\\\\c"#),
        ("abc/def", r"abc\\/def"),
        ("abc&def", r"abc\\\\u0026def"),
        ("key\nline", r"key\nline"),
        ("tab\there", r"tab\u0009here"),
        ("x😀yz", r"x\uD83D\uDE00yz"),
        ("x😀yz", r"x\ud83d\ude00yz"),
        (r"end\", r"end\\"),
        (r"\\\\\\\\", r"\\\\\\\\\\\\\\\\"),
    ] {
        assert_eq!(masked(&[secret], &format!("<{text}>")), "<***>", "{text}");
    }
}

#[test]
fn percent_encoded_forms_are_found() {
    for (secret, text) in [
        ("p&ss w/rd", "p%26ss%20w%2Frd"),
        ("p&ss w/rd", "p%26ss+w%2frd"),
        ("p&ss w/rd", "%70%26%73%73%20%77%2F%72%64"),
        ("pässwort", "p%C3%A4sswort"),
        ("pässwort", "p%c3%a4sswort"),
        ("a/b/c/d", "a%252Fb%2525252Fc%2Fd"),
        ("100%ok", "100%25ok"),
        ("100%ok", "100%2525ok"),
        ("100%25ok", "100%2525ok"),
    ] {
        assert_eq!(masked(&[secret], &format!("<{text}>")), "<***>", "{text}");
    }
}

#[test]
fn lines_of_a_value_are_found_alone() {
    let key = "-----BEGIN KEY-----\r\n  MIIEvQIBADAN\nshort\n\n-----END KEY-----\n\n";
    assert_eq!(masked(&[key], "a MIIEvQIBADAN b"), "a *** b");
    assert_eq!(masked(&[key], ">-----END KEY-----<"), ">***<");
    assert_eq!(masked(&[key], "short"), "short");
    assert_eq!(masked(&[key], key), "***\n\n");
    assert_eq!(masked(&["abcdefgh\n"], "[abcdefgh]"), "[***]");
    assert_eq!(masked(&["pass word phrase"], "word"), "word");
}

#[test]
fn a_short_value_is_not_registered() {
    for value in ["", "abc", " a \n", "äöü"] {
        assert!(!is_maskable(value.as_bytes()), "{value}");
        assert!(secrets(&[value]).is_empty(), "{value}");
    }
    assert!(is_maskable("äöüß".as_bytes()));
}

#[test]
fn overlapping_values_are_masked_whole() {
    assert_eq!(masked(&["abcX", "Xdef"], "abcXdef."), "***.");
    assert_eq!(masked(&["abcd", "cdefgh"], "abcdefgh"), "***");
    assert_eq!(masked(&["abca"], "abcabca."), "***.");
    assert_eq!(masked(&["****"], "a **** b"), "a *** b");
    let shown = pieces(&["abcX", "Xdef"], &[b"abcX", b"de", b"f."]);
    assert_eq!(shown, b"***.");
}

#[test]
fn a_long_value_is_masked_once_however_it_comes() {
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let mut long = String::new();
    for number in 0..40 {
        write!(long, "{line}{number}").unwrap();
    }
    for value in [long.as_str(), &"a".repeat(1000), &"ab".repeat(65)] {
        let text = format!("<{value}>");
        assert_eq!(masked(&[value], &text), "<***>");
        for size in [1, 7, 63, 64, 65, 500] {
            let parts: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let seen = pieces(&[value], &parts);
            assert_eq!(
                String::from_utf8_lossy(&seen),
                "<***>",
                "in pieces of {size}"
            );
        }
        // Two occurrences give two masks if there is something between them.
        assert_eq!(masked(&[value], &format!("{value} {value}")), "*** ***");
        let mut escaped = String::new();
        for c in value.chars() {
            write!(escaped, "\\u{:04x}", u32::from(c)).unwrap();
        }
        assert_eq!(masked(&[value], &escaped), "***");
    }
    // A part that is long enough to be a secret.
    let part = &long[..long.len() / 2];
    let shown = masked(&[&long], &format!("<{part}>"));
    assert!(shown.starts_with("<***") && shown.len() < 80, "{shown}");
}

#[test]
fn bytes_that_are_no_text_are_masked() {
    let one =
        |bytes: &[u8]| Secrets::new([b"\xff\xfe\x00secret".to_vec()]).mask_bytes(bytes, false);
    assert_eq!(one(b"a\xff\xfe\x00secretb"), b"a***b");
    assert_eq!(pieces(&["s3cret"], &[b"\xc3s3cret\xff"]), b"\xc3***\xff");
}

#[test]
fn a_value_that_is_cut_is_masked() {
    let secret = secrets(&["hunter2secret"]);
    assert_eq!(secret.mask_bytes(b"xx hunter2s", true), b"xx ***");
    assert_eq!(secret.mask_bytes(b"xx hunter2s", false), b"xx hunter2s");
}

/// Writes each character of `secret` in one of its forms.
fn encoded(secret: &str, choices: &[u8]) -> String {
    let mut text = String::new();
    for (c, choice) in secret.chars().zip(choices.iter().cycle()) {
        let mut utf16 = [0; 2];
        match choice % 4 {
            0 => text.push(c),
            1 => {
                for code in c.encode_utf16(&mut utf16) {
                    write!(text, "\\u{code:04X}").unwrap();
                }
            }
            2 => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    write!(text, "%{byte:02x}").unwrap();
                }
            }
            _ => {
                let json = serde_json::Value::from(c.to_string()).to_string();
                text.push_str(&json[1..json.len() - 1]);
            }
        }
    }
    text
}

proptest! {
    #[test]
    fn a_secret_never_passes(text in "[abc]{0,60}", cut in 0usize..60) {
        let cut = cut.min(text.len());
        let values = ["abca", "bbbb"];
        let seen = pieces(&values, &[&text.as_bytes()[..cut], &text.as_bytes()[cut..]]);
        let seen = String::from_utf8(seen).unwrap();
        prop_assert!(!seen.contains("abca") && !seen.contains("bbbb"), "{} -> {}", text, seen);
        prop_assert_eq!(seen, masked(&values, &text));
    }

    #[test]
    fn every_mixture_of_forms_is_found(
        secret in r#"[a-c%\\"/ &ä😀]{4,10}"#,
        choices in prop::collection::vec(any::<u8>(), 1..10),
        cuts in prop::collection::vec(0usize..80, 0..4),
    ) {
        prop_assume!(is_maskable(secret.as_bytes()));
        let text = format!("<{}>", encoded(secret.trim(), &choices));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % text.len()).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
        let seen = pieces(&[secret.as_str()], &parts);
        prop_assert_eq!(String::from_utf8_lossy(&seen), "<***>", "{} in {}", secret, text);
    }
}
