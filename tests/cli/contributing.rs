//! CONTRIBUTING.md names files and functions that exist.

use std::fs;

use crate::support::project_root;

#[test]
fn every_file_and_function_that_it_names_exists() {
    let text = fs::read_to_string(project_root().join("CONTRIBUTING.md")).unwrap();
    let quoted = text.split('`').skip(1).step_by(2);
    let mut functions = 0;
    for name in quoted {
        let is_path = ["src/", "tests/", "plans/", "benches/"]
            .iter()
            .any(|top| name.starts_with(top));
        if !is_path || name.contains("NAME") {
            continue;
        }
        let (path, function) = name.split_once("::").unwrap_or((name, ""));
        let path = project_root().join(path);
        assert!(path.exists(), "no file: {name}");
        if !function.is_empty() {
            functions += 1;
            let source = fs::read_to_string(path).unwrap();
            let is_defined = [format!("fn {function}("), format!("fn {function}<")]
                .iter()
                .any(|definition| source.contains(definition));
            assert!(is_defined, "no function: {name}");
        }
    }
    assert!(functions > 40, "{functions} functions");
}
