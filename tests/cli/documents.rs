//! The documents agree with each other and with the program.

use std::collections::BTreeSet;
use std::fs;

use crate::support::{Case, project_root};

const DOCUMENTS: [&str; 6] = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "plans/README.md",
    "plans/operations.md",
    "plans/security.md",
];

fn text(path: &str) -> String {
    fs::read_to_string(project_root().join(path)).expect(path)
}

/// The text outside of fenced blocks.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect()
}

#[test]
fn operations_names_every_key_of_a_record() {
    let text = text("plans/operations.md");
    let records = text
        .split("## ")
        .find(|part| part.starts_with("Records"))
        .unwrap();
    let is_row = |line: &&str| line.starts_with('|');
    let first_table = records.lines().skip_while(|line| !is_row(line));
    let rows = first_table.take_while(is_row);
    let rows = rows.filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    let documented: BTreeSet<&str> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let source = fs::read_to_string(project_root().join("src/model/record.rs")).unwrap();
    let fields = source
        .split("pub struct ExecutionLogRecord {")
        .nth(1)
        .unwrap();
    let fields = fields.split("\n}").next().unwrap();
    let mut renamed = None;
    let name = |line| {
        let line: &str = str::trim(line);
        if let Some((_, after)) = line.split_once("rename = \"") {
            renamed = after.split('"').next();
        }
        let name = line.strip_prefix("pub ")?.split(':').next()?;
        Some(renamed.take().unwrap_or(name))
    };
    let fields: BTreeSet<&str> = fields.lines().filter_map(name).collect();
    assert_eq!(documented, fields);
}

/// The anchors of the headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut links = 0;
    for document in DOCUMENTS {
        let directory = project_root().join(document).parent().unwrap().to_owned();
        let prose = prose(&text(document));
        let targets = prose
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap());
        for target in targets.filter(|target| !target.contains("://")) {
            links += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() {
                project_root().join(document)
            } else {
                directory.join(path)
            };
            assert!(file.exists(), "{document}: no file for {target}");
            if !anchor.is_empty() {
                let anchors = anchors(&self::prose(&fs::read_to_string(&file).unwrap()));
                assert!(
                    anchors.contains(anchor),
                    "{document}: no heading for {target}"
                );
            }
        }
    }
    assert!(links > 40, "{links} links");
}

#[test]
fn the_contents_of_the_reference_name_every_heading() {
    let text = text("plans/README.md");
    let (_, contents) = text.split_once("\n## Contents\n").unwrap();
    let contents = contents.split("\n## ").next().unwrap();
    for anchor in anchors(&prose(&text)) {
        let is_in = contents.contains(&format!("(#{anchor})"));
        let is_above = ["plans-and-manifests", "contents"].contains(&&*anchor);
        assert!(is_in || is_above, "not in the contents: {anchor}");
    }
}

#[test]
fn the_layers_of_the_security_page_are_those_of_doctor() {
    let doctor = Case::new().run(&["doctor"]).stdout();
    let rows: Vec<Vec<String>> = text("plans/security.md")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect();
    let layers: Vec<&str> = doctor
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .collect();
    assert_eq!(rows.len(), layers.len(), "{doctor}");
    for (row, layer) in rows.iter().zip(layers) {
        let name = row[1].trim_matches('`');
        assert!(layer.starts_with(&format!("{name} ")), "{row:?}: {layer}");
        assert!(layer.contains(&row[3]), "{row:?}: {layer}");
    }
}
