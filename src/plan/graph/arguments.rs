//! Binds references in arguments to steps.
//!
//! Invariant: a reference binds to the longest name that it begins with, and only to a step that
//! has ended by then. Problems include a suggestion, which keeps to the same.

use std::cell::OnceCell;

use serde_json::{Map, Value, json};

use super::names::{self, NameIndex, NameTarget};
use crate::document::{Diagnostic, Diagnostics, Location, escape_token, in_backticks, nearest};
use crate::model::{
    ConditionSubject, ExecutionPlan, ItemSource, StepOrder, begins_path, parse_path,
};
use crate::plan::finally::waits_for_finally;
use crate::plan::reference::{
    PLACEHOLDER, Reference, ReferenceSource, ScanError, ScannedPart, Segment, Template, WRAPPERS,
    format_reference, normalize, scan,
};

/// How many inputs a message names.
const MAX_INPUTS: usize = 12;

/// Binds the references of one plan.
pub(super) struct Binder<'p> {
    pub(super) plan: &'p ExecutionPlan,
    pub(super) names: &'p NameIndex<'p>,
    /// The stage that each step is in; empty in a graph.
    stage_of: Vec<usize>,
    /// The steps that each step waits for by a valid name, computed for the first suggestion.
    waits_for: OnceCell<Vec<Vec<usize>>>,
}

/// Where a text with references stands.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    pub(super) step: usize,
    /// The key of the step that the text is part of.
    pub(super) key: &'static str,
    /// `{{item}}` has a value there.
    pub(super) has_item: bool,
}

struct ReferenceSite<'s> {
    scope: Scope,
    pointer: &'s str,
    text: &'s str,
}

impl<'p> Binder<'p> {
    /// For the steps of `plan`.
    pub(super) fn new(
        plan: &'p ExecutionPlan,
        names: &'p NameIndex<'p>,
        stage_of: Vec<usize>,
    ) -> Self {
        Self {
            plan,
            names,
            stage_of,
            waits_for: OnceCell::new(),
        }
    }

    /// A suggestion for a misspelled name of a step that `step` may wait for.
    pub(super) fn nearest(&self, step: usize, name: &str) -> Option<&'p str> {
        self.names
            .nearest(name, |target| self.may_wait_for(step, target))
    }

    /// True if the plan stays valid when `step` waits for `target`.
    fn may_wait_for(&self, step: usize, target: usize) -> bool {
        self.is_over_by_then(step, target).is_ok()
            && (self.plan.order == StepOrder::Sequence || !self.reaches(target, step))
    }

    /// True if `from` waits for `to`, directly or not.
    fn reaches(&self, from: usize, to: usize) -> bool {
        let waits_for = self.waits_for.get_or_init(|| {
            (0..self.plan.steps.len())
                .map(|step| self.targets(step))
                .collect()
        });
        let mut is_seen = vec![false; waits_for.len()];
        let mut open = vec![from];
        while let Some(step) = open.pop() {
            if step == to {
                return true;
            }
            if !std::mem::replace(&mut is_seen[step], true) {
                open.extend(&waits_for[step]);
            }
        }
        false
    }

    /// The steps that `step` names in `depends_on`, in its conditions and in its arguments.
    fn targets(&self, step: usize) -> Vec<usize> {
        let step = &self.plan.steps[step];
        let one = |meaning: Option<NameTarget>| match meaning {
            Some(NameTarget::One(target)) => Some(target),
            _ => None,
        };
        let for_each = step.for_each.as_ref().map(|for_each| &for_each.source);
        let mut targets: Vec<usize> = step
            .depends_on
            .iter()
            .filter_map(|name| one(self.names.find(name)))
            .collect();
        let tests = step.when.iter().flat_map(|condition| &condition.tests);
        let mut tested = Vec::new();
        for test in tests {
            match &test.subject {
                ConditionSubject::Value { reference, .. } => tested.push(reference.as_str()),
                ConditionSubject::Step { step, .. } => targets.extend(one(self.names.find(step))),
            }
        }
        let mut add = |text: &str| {
            for part in scan(text).into_iter().flatten() {
                if let ScannedPart::Reference { inner, .. } = part {
                    let (inner, _) = self.optional(inner);
                    let name = self.names.longest_in(inner);
                    targets.extend(one(name.map(|(_, meaning)| meaning)));
                }
            }
        };
        tested.into_iter().for_each(&mut add);
        if !step.has_plain_arguments {
            let values = step.arguments.values();
            values.for_each(|value| each_text(value, &mut add));
        }
        match for_each {
            Some(ItemSource::List { value, .. }) => each_text(value, &mut add),
            Some(ItemSource::Matrix(axes)) => {
                for axis in axes {
                    each_text(&axis.values, &mut add);
                }
            }
            Some(ItemSource::Unread) | None => {}
        }
        targets
    }

    /// The arguments of a step with their references; `None` if they hold none and nothing that
    /// reads like one.
    pub(super) fn arguments(&self, step: usize, problems: &mut Diagnostics) -> Option<Template> {
        let arguments = &self.plan.steps[step].arguments;
        if self.plan.steps[step].has_plain_arguments || !arguments.values().any(holds_braces) {
            return None;
        }
        let pointer = self.plan.pointer(step) + "/arguments";
        let scope = Scope {
            step,
            key: "arguments",
            has_item: self.plan.steps[step].for_each.is_some(),
        };
        Some(self.map(scope, arguments, &pointer, problems))
    }

    fn map(
        &self,
        scope: Scope,
        map: &Map<String, Value>,
        pointer: &str,
        problems: &mut Diagnostics,
    ) -> Template {
        let entry = |(key, value): (&String, &Value)| {
            let pointer = format!("{pointer}/{}", escape_token(key));
            (key.clone(), self.value(scope, value, &pointer, problems))
        };
        Template::map(map.iter().map(entry).collect())
    }

    pub(super) fn value(
        &self,
        scope: Scope,
        value: &Value,
        pointer: &str,
        problems: &mut Diagnostics,
    ) -> Template {
        match value {
            _ if !holds_braces(value) => Template::Fixed(value.clone()),
            Value::String(text) => {
                let site = ReferenceSite {
                    scope,
                    pointer,
                    text,
                };
                self.text(&site, problems)
            }
            Value::Array(list) => {
                let item = |(index, value): (usize, &Value)| {
                    self.value(scope, value, &format!("{pointer}/{index}"), problems)
                };
                Template::list(list.iter().enumerate().map(item).collect())
            }
            Value::Object(map) => self.map(scope, map, pointer, problems),
            _ => Template::Fixed(value.clone()),
        }
    }

    fn text(&self, site: &ReferenceSite<'_>, problems: &mut Diagnostics) -> Template {
        let parts = match scan(site.text) {
            Ok(parts) => parts,
            Err(error) => {
                problems.push_error_with(|| site.broken(error));
                return Template::Fixed(Value::from(site.text));
            }
        };
        let mut pieces = Vec::new();
        for part in parts {
            match part {
                ScannedPart::Text(text) => pieces.push(Segment::Text(text.into_owned())),
                ScannedPart::Reference { written, inner } => {
                    match self.reference(site.scope, written, inner) {
                        Ok(reference) => {
                            if reference.is_optional && written != site.text {
                                problems.push_error_with(|| site.optional_in_text(&reference));
                            }
                            pieces.push(Segment::Reference(reference));
                        }
                        Err(wrong) => {
                            problems.push_error_with(|| {
                                self.describe(site, written, inner, wrong).part(written)
                            });
                        }
                    }
                }
            }
        }
        match pieces.as_slice() {
            // Each reference was refused.
            [] => Template::Fixed(Value::from(site.text)),
            [Segment::Reference(reference)] if reference.written == site.text => {
                Template::Whole(reference.clone())
            }
            _ => Template::text(pieces),
        }
    }

    fn reference(
        &self,
        scope: Scope,
        written: &str,
        inner: &str,
    ) -> Result<Reference, ReferenceError> {
        let (inner, is_optional) = self.optional(inner);
        let begins_with = |name| inner.strip_prefix(name).is_some_and(begins_path);
        if begins_with("inputs") {
            return self.input(written, inner, is_optional);
        }
        if begins_with("run") {
            return self.run(scope.step, written, inner, is_optional);
        }
        for (name, origin) in ITEM_NAMES {
            if begins_with(name) {
                return item(scope, origin, name, written, inner, is_optional);
            }
        }
        let (name, meaning) = self
            .names
            .longest_in(inner)
            .ok_or(ReferenceError::Unknown)?;
        let target = match meaning {
            NameTarget::One(target) => target,
            NameTarget::Many(first, second) => {
                return Err(ReferenceError::Ambiguous(first, second));
            }
        };
        let path = path_after(inner, name).ok_or(ReferenceError::Odd)?;
        self.is_over_by_then(scope.step, target)?;
        Ok(Reference {
            origin: ReferenceSource::Step(target),
            name: name.to_owned(),
            path,
            is_optional,
            written: written.to_owned(),
        })
    }

    /// What stands before the mark of an optional reference, and whether it has one. A step's name
    /// may end like that.
    fn optional<'i>(&self, inner: &'i str) -> (&'i str, bool) {
        match inner.strip_suffix('?') {
            Some(marked) if self.names.find(inner).is_none() => (marked.trim_end(), true),
            _ => (inner, false),
        }
    }

    /// Binds a reference to one of the plan's inputs, whose value is not known yet.
    fn input(
        &self,
        written: &str,
        inner: &str,
        is_optional: bool,
    ) -> Result<Reference, ReferenceError> {
        let path = path_after(inner, "inputs").ok_or(ReferenceError::Odd)?;
        let name = path.first().ok_or(ReferenceError::NoInput)?;
        if !self.plan.inputs.contains_key(name) {
            return Err(ReferenceError::NoInput);
        }
        Ok(Reference {
            origin: ReferenceSource::Inputs,
            name: "inputs".to_owned(),
            path,
            is_optional,
            written: written.to_owned(),
        })
    }

    /// Binds a reference to the run itself, of which other steps than `finally` steps know the id.
    fn run(
        &self,
        step: usize,
        written: &str,
        inner: &str,
        is_optional: bool,
    ) -> Result<Reference, ReferenceError> {
        let path = path_after(inner, "run").ok_or(ReferenceError::Odd)?;
        let is_id = path.first().is_some_and(|field| field == "id");
        if step < self.plan.finally_from() && !is_id {
            return Err(ReferenceError::RunNotOver);
        }
        Ok(Reference {
            origin: ReferenceSource::Run,
            name: "run".to_owned(),
            path,
            is_optional,
            written: written.to_owned(),
        })
    }

    pub(super) fn is_over_by_then(&self, step: usize, target: usize) -> Result<(), ReferenceError> {
        if target == step {
            return Err(ReferenceError::Own);
        }
        let finally_from = self.plan.finally_from();
        if target >= finally_from && target > step {
            return Err(ReferenceError::Finally);
        }
        if step >= finally_from {
            return Ok(()); // All others are over, and so are earlier `finally` steps.
        }
        if self.plan.order == StepOrder::Graph {
            return Ok(()); // It waits for the other; circles are told by themselves.
        }
        match self.stage_of[target].cmp(&self.stage_of[step]) {
            std::cmp::Ordering::Less => Ok(()),
            std::cmp::Ordering::Equal => Err(ReferenceError::Sibling),
            std::cmp::Ordering::Greater => Err(ReferenceError::Later(target)),
        }
    }

    fn describe(
        &self,
        site: &ReferenceSite<'_>,
        written: &str,
        inner: &str,
        wrong: ReferenceError,
    ) -> Diagnostic {
        let place = Location::value(site.pointer);
        match wrong {
            ReferenceError::NoItem => site.no_item(written),
            ReferenceError::Ambiguous(first, second) => {
                let name = self.names.longest_in(inner).map_or(inner, |(name, _)| name);
                names::ambiguous(self.plan, name, (first, second), place)
            }
            ReferenceError::Own => {
                let message = format!("`{written}` refers to the output of this step itself");
                Diagnostic::error("own_output", place, message)
                    .help("write the name of another step")
            }
            ReferenceError::Sibling => {
                let message =
                    format!("`{written}` refers to the output of a step of the same group");
                Diagnostic::error("sibling_step", place, message)
                    .help("the steps of a group run together: take this one out of it")
            }
            ReferenceError::Later(target) => {
                let message = format!("`{written}` refers to the output of a later step");
                Diagnostic::error("later_step", place, message).help(format!(
                    "move step {target} before this one, or write `order: graph` in the plan"
                ))
            }
            ReferenceError::RunNotOver => {
                let message = format!("`{written}` is known only when the steps are over");
                Diagnostic::error("run_not_over", place, message)
                    .help("use it in a step of `finally`; `{{run.id}}` is known in every step")
            }
            ReferenceError::Finally => {
                let name = self.names.longest_in(inner).map_or(inner, |(name, _)| name);
                waits_for_finally(name, place)
            }
            ReferenceError::NoInput => self.no_input(site, written, inner),
            ReferenceError::Unknown if inner == PLACEHOLDER => site.unfilled(written),
            ReferenceError::Odd | ReferenceError::Unknown => {
                let message = if wrong == ReferenceError::Odd {
                    format!("`{written}` is not a name followed by fields")
                } else {
                    format!("`{written}` doesn't start with a step name")
                };
                let code = if wrong == ReferenceError::Odd {
                    "reference"
                } else {
                    "unknown_step"
                };
                self.with_likely(
                    Diagnostic::error(code, place, message),
                    site,
                    written,
                    inner,
                )
            }
        }
    }

    fn no_input(&self, site: &ReferenceSite<'_>, from: &str, inner: &str) -> Diagnostic {
        let message = format!("unknown input `{from}`");
        let problem = Diagnostic::error("unknown_input", Location::value(site.pointer), message);
        let (inner, _) = self.optional(inner);
        let mut path = path_after(&normalize(inner), "inputs").unwrap_or_default();
        let name = path.first().map_or("", String::as_str).to_owned();
        let known: Vec<&str> = self.plan.inputs.keys().map(String::as_str).collect();
        match (nearest(&name, known.iter().copied()), name.as_str()) {
            (_, "") => problem.help("write `{{inputs.name}}` with the name of an input"),
            (Some(near), _) => {
                near.clone_into(&mut path[0]);
                let likely = format_reference("inputs", &path);
                problem
                    .help(format!("did you mean `{likely}`?"))
                    .expected(likely.as_str())
                    .fix(site.replace(from, &likely))
            }
            (None, name) if known.is_empty() => problem.help(format!(
                "add `inputs: {{{name}: {{type: string}}}}` to the plan, with its type"
            )),
            (None, _) => {
                let some = in_backticks(&known[..known.len().min(MAX_INPUTS)]);
                problem.help(format!("the inputs are {some}"))
            }
        }
    }

    /// Adds a suggestion.
    fn with_likely(
        &self,
        problem: Diagnostic,
        site: &ReferenceSite<'_>,
        from: &str,
        inner: &str,
    ) -> Diagnostic {
        let (inner, _) = self.optional(inner);
        let plain = normalize(inner);
        if let Some((name, NameTarget::One(target))) = self.names.longest_in(&plain)
            && self.may_wait_for(site.scope.step, target)
            && let Some(mut path) = path_after(&plain, name)
        {
            if plain != inner
                && path
                    .first()
                    .is_some_and(|at| WRAPPERS.contains(&at.as_str()))
            {
                path.remove(0);
            }
            let likely = format_reference(name, &path);
            return problem
                .help(format!("did you mean `{likely}`?"))
                .expected(likely.as_str())
                .fix(site.replace(from, &likely));
        }
        let ends = plain.match_indices('.').map(|(at, _)| at);
        let near = std::iter::once(plain.len())
            .chain(ends)
            .take(8)
            .find_map(|end| Some((end, self.nearest(site.scope.step, &plain[..end])?)));
        match near {
            Some((end, near)) => {
                let likely = format!("{{{{{near}{}}}}}", &plain[end..]);
                let problem = problem.help(format!("did you mean `{likely}`?"));
                problem.expected(likely.as_str())
            }
            None => problem.help(
                "write `{{name.field}}` with the name or the step_id of a step that has ended by \
                 then, or `{{{{` for two braces",
            ),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReferenceError {
    NoItem,
    NoInput,
    Unknown,
    Odd,
    Ambiguous(usize, usize),
    Own,
    Sibling,
    Later(usize),
    /// A `finally` step that comes after the step.
    Finally,
    /// What is known of the run when the steps are over.
    RunNotOver,
}

/// The references to an item.
const ITEM_NAMES: [(&str, ReferenceSource); 2] = [
    ("item", ReferenceSource::Item),
    ("item_index", ReferenceSource::ItemIndex),
];

/// Binds a reference to an item of the step itself.
fn item(
    scope: Scope,
    origin: ReferenceSource,
    name: &str,
    written: &str,
    inner: &str,
    is_optional: bool,
) -> Result<Reference, ReferenceError> {
    if !scope.has_item {
        return Err(ReferenceError::NoItem);
    }
    let path = path_after(inner, name).ok_or(ReferenceError::Odd)?;
    if origin == ReferenceSource::ItemIndex && !path.is_empty() {
        return Err(ReferenceError::Odd);
    }
    Ok(Reference {
        origin,
        name: name.to_owned(),
        path,
        is_optional,
        written: written.to_owned(),
    })
}

impl ReferenceSite<'_> {
    fn unfilled(&self, written: &str) -> Diagnostic {
        let message = format!("the placeholder `{written}` is still to be replaced");
        let below = self.pointer.splitn(5, '/').nth(4).unwrap_or_default();
        let name = below.split('/').next().unwrap_or_default();
        let argument = name.replace("~1", "/").replace("~0", "~");
        Diagnostic::error("placeholder", Location::value(self.pointer), message)
            .help(format!("write the value of `{argument}` in its place"))
    }

    /// There is no item here.
    fn no_item(&self, written: &str) -> Diagnostic {
        let place = Location::value(self.pointer);
        if self.scope.key == "for_each" {
            let message = format!("`{written}` has no value in `for_each` itself");
            return Diagnostic::error("no_item", place, message)
                .help("it stands for one item of this list; write it in `arguments`");
        }
        let message = format!("`{written}` has a value only in a step with `for_each`");
        Diagnostic::error("no_item", place, message)
            .help("add `for_each:` with a list to this step; a step called `item` needs a step_id")
    }

    fn broken(&self, error: ScanError<'_>) -> Diagnostic {
        let place = Location::value(self.pointer);
        let help = "write `{{name.field}}`, or `{{{{` for two braces; `references: false` on the \
                    step makes all of its arguments plain text";
        let message = match error {
            ScanError::Unclosed(_) => "a `{{` is not closed by `}}`".to_owned(),
            ScanError::Empty(written) => format!("empty reference `{written}`"),
        };
        Diagnostic::error("reference", place, message).help(help)
    }

    fn optional_in_text(&self, reference: &Reference) -> Diagnostic {
        let written = &reference.written;
        let message = format!("`{written}` may be null, so it can't be a part of a longer text");
        let likely = format_reference(&reference.name, &reference.path);
        Diagnostic::error("reference", Location::value(self.pointer), message)
            .help(format!(
                "make it the whole argument, or write `{likely}`, which fails the step without a value"
            ))
            .expected(likely.as_str())
    }

    fn replace(&self, from: &str, to: &str) -> Value {
        let text = self.text.replace(from, to);
        json!([{"op": "replace", "path": self.pointer, "value": text}])
    }
}

/// The path that follows `name`; `None` if it is none.
fn path_after(inner: &str, name: &str) -> Option<Vec<String>> {
    let is_word = |token: &str| !token.is_empty() && !token.contains(['[', ']', '|', '?', '\n']);
    parse_path(inner.strip_prefix(name).unwrap_or_default(), is_word)
}

/// Calls `see` with each text that holds `{{`.
fn each_text(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) if text.contains("{{") => see(text),
        Value::Array(list) => list.iter().for_each(|item| each_text(item, see)),
        Value::Object(map) => map.values().for_each(|item| each_text(item, see)),
        _ => {}
    }
}

fn holds_braces(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        Value::Array(list) => list.iter().any(holds_braces),
        Value::Object(map) => map.values().any(holds_braces),
        _ => false,
    }
}
