// What every target that reads a file does with its problems.

use obs::document::{Document, Problems, render};

/// Tells all problems, in each form that there is.
pub fn tell(problems: &Problems, document: &Document) {
    for problem in problems.iter() {
        render::snippet(problem, document, true);
        render::machine(problem, document);
        render::github(problem, document);
    }
}
