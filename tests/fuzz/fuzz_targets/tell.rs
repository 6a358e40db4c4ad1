// What every target that reads a file does with its problems.

use obs::Diagnostics;
use obs::internal::{Document, render};

/// Tells all problems, in each form that there is.
pub fn tell(problems: &Diagnostics, document: &Document) {
    for problem in problems.iter() {
        render::render_snippet(problem, document, true, None);
        render::render_json(problem, document);
        render::render_github(problem, document);
    }
}
