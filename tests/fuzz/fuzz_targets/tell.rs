// What every target that reads a file does with its problems.

use obs::model::Problems;
use obs::plan::{Document, diagnostic};

/// Tells all problems, in each form that there is.
pub fn tell(problems: &Problems, document: &Document) {
    for problem in problems.iter() {
        diagnostic::snippet(problem, document, true);
        diagnostic::machine(problem, document);
        diagnostic::github(problem, document);
    }
}
