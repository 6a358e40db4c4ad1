// What every target that reads a file does with its problems.

use obs::document::Problems;
use obs::document::{Document, render};

/// Tells all problems, in each form that there is.
pub fn tell(problems: &Problems, document: &Document) {
    for problem in problems.iter() {
        render::snippet(problem, document, true);
        render::machine(problem, document);
        render::github(problem, document);
    }
}
