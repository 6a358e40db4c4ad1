//! `obs approvals`, `obs approve` and `obs deny`: steps that wait for a person, and the answers.
//!
//! Invariant: no text of a plan, of a skill or of a person reaches the screen unescaped. Arguments
//! are shown as their record has them, with secrets masked; what an answer is bound to is the
//! digest of the real ones.

use std::fmt::Write as _;

use jiff::Timestamp;
use rustix::process::getuid;
use serde_json::{Map, Value, json};

use super::args::{AnswerArgs, ApprovalsArgs, DataFormat, StateArgs};
use super::error::{CommandError, CommandResult, ErrorKind};
use super::plan_path::{from_here, is_path};
use super::printer::Printer;
use super::state::{not_found, unreadable};
use super::{data, exit_code, next_step};
use crate::document::nearest;
use crate::model::{Escaped, ExecutionLogRecord, RequestedItems, json_line};
use crate::store::{
    AnswerError, ApprovalRow, RecordFilter, RunName, RunRow, StateReader, StoreError,
};

/// The longest comment.
const MAX_COMMENT_BYTES: usize = 4096;

/// How many steps an error names.
const MAX_NAMED: usize = 12;

/// A request with its run and what its record says.
struct Request {
    row: ApprovalRow,
    short_id: String,
    run: RunRow,
    record: Option<ExecutionLogRecord>,
}

/// Lists requests.
pub(super) fn approvals(
    args: &ApprovalsArgs,
    state: &StateArgs,
    printer: &Printer,
) -> CommandResult {
    let (history, run) = match &args.run {
        Some(selector) => {
            let (history, run) = state.find_run(selector)?;
            (Some(history), Some(run))
        }
        None => (state.open_reader()?, None),
    };
    let now = Timestamp::now();
    let requests = match &history {
        Some(history) => requests(history, run.as_ref(), args.all, now)?,
        None => Vec::new(),
    };
    if requests.is_empty() && args.format == DataFormat::Table {
        printer.info("no step waits for an approval");
        return Ok(exit_code::SUCCESS);
    }
    let rows: Vec<Value> = requests
        .iter()
        .map(|request| machine(request, now))
        .collect();
    data::print(&rows, &rows, || text(&requests, now), args.format, printer);
    Ok(exit_code::SUCCESS)
}

fn requests(
    history: &StateReader,
    run: Option<&RunRow>,
    all: bool,
    now: Timestamp,
) -> Result<Vec<Request>, CommandError> {
    let rows = history.approvals(run).map_err(|error| unreadable(&error))?;
    let rows = rows
        .into_iter()
        .filter(|row| all || row.status(now) == "waiting");
    rows.map(|row| with_record(history, row)).collect()
}

fn with_record(history: &StateReader, row: ApprovalRow) -> Result<Request, CommandError> {
    let wrong = |error: StoreError| unreadable(&error);
    let run = history.find(&RunName::Id(row.run_id.clone()));
    let run = run.map_err(|error| not_found(&error))?;
    let mut record = None;
    let filter = RecordFilter {
        run: Some(run.clone()),
        step: Some(row.step_id.clone()),
        ..RecordFilter::default()
    };
    let is_asking =
        |record: &ExecutionLogRecord| record.step_index == row.step_index && record.is_waiting();
    history
        .records(&filter, |_, line| {
            let parsed = serde_json::from_str::<ExecutionLogRecord>(line).ok();
            record = parsed.filter(is_asking);
            record.is_none()
        })
        .map_err(wrong)?;
    Ok(Request {
        short_id: history.short_id(&row.run_id).map_err(wrong)?,
        row,
        run,
        record,
    })
}

impl Request {
    fn message(&self) -> Option<&str> {
        let approval = self.record.as_ref()?.approval.as_ref()?;
        approval.message.as_deref()
    }

    fn items(&self) -> Option<&RequestedItems> {
        self.record.as_ref()?.approval.as_ref()?.items.as_ref()
    }

    fn arguments(&self) -> Option<&Map<String, Value>> {
        self.record.as_ref().map(|record| &*record.arguments)
    }
}

fn text(requests: &[Request], now: Timestamp) -> String {
    let mut text = String::new();
    for request in requests {
        let row = &request.row;
        if !text.is_empty() {
            text.push('\n');
        }
        // Writing to a String can't fail.
        writeln!(
            text,
            "{}  {}  {}",
            request.short_id,
            Escaped(&row.step_id),
            row.status(now)
        )
        .ok();
        let mut field = |name: &str, value: &str| {
            writeln!(text, "  {}: {}", Escaped(name), Escaped(value)).ok();
        };
        field("plan", &from_here(&request.run.plan));
        field("skill", &row.skill_id);
        if let Some(message) = request.message() {
            field("message", &one_line(&message.into()));
        }
        for (name, value) in request.arguments().into_iter().flatten() {
            field(&format!("with {name}"), &one_line(value));
        }
        for line in request.items().iter().flat_map(|items| item_lines(items)) {
            field("items", &line);
        }
        field("asked", &time(row.requested_at()));
        field("expires", &time(row.expires_at()));
        if let Some(answer) = &row.answer {
            field(answer.verb(), &format!("by {}", answer.by));
            if let Some(comment) = &answer.comment {
                field("comment", &one_line(&comment.as_str().into()));
            }
        }
        if let Some(by) = &row.resumed_by {
            field("resumed by", by);
        }
    }
    text
}

fn item_lines(items: &RequestedItems) -> Vec<String> {
    let head = format!("{}, SHA-256 of all {}", items.count, items.digest);
    let samples = items
        .samples
        .iter()
        .map(|sample| json_line(sample).unwrap_or_default());
    std::iter::once(head).chain(samples).collect()
}

fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn one_line(value: &Value) -> String {
    // A value always has a JSON form.
    json_line(value).unwrap_or_default()
}

fn machine(request: &Request, now: Timestamp) -> Value {
    let row = &request.row;
    let answer = row.answer.as_ref();
    let answered_at =
        answer.and_then(|answer| Timestamp::from_millisecond(answer.answered_ms).ok());
    json!({
        "run_id": row.run_id,
        "plan": request.run.plan,
        "step_index": row.step_index,
        "step_id": row.step_id,
        "skill_id": row.skill_id,
        "status": row.status(now),
        "message": request.message(),
        "arguments": request.arguments(),
        "items": request.items(),
        "digest": row.digest,
        "requested_at": row.requested_at(),
        "expires_at": row.expires_at(),
        "answered_at": answered_at,
        "answered_by": answer.map(|answer| &answer.by),
        "comment": answer.and_then(|answer| answer.comment.as_ref()),
        "resumed_by": row.resumed_by,
    })
}

/// Approves or denies a step that waits.
pub(super) fn answer(
    args: &AnswerArgs,
    is_approved: bool,
    state: &StateArgs,
    printer: &Printer,
) -> CommandResult {
    let comment = args.comment.as_deref().filter(|text| !text.is_empty());
    if comment.is_some_and(|comment| comment.len() > MAX_COMMENT_BYTES) {
        let message = format!("the comment is longer than {MAX_COMMENT_BYTES} bytes");
        return Err(CommandError::new(ErrorKind::Usage, message));
    }
    let (history, run) = state.find_run(&args.run)?;
    let short_id = history.short_id(&run.run_id);
    let short_id = short_id.map_err(|error| unreadable(&error))?;
    let rows = history.approvals(Some(&run));
    let rows = rows.map_err(|error| unreadable(&error))?;
    let step_index = find_step(&rows, &args.step, &short_id)?;
    let user = args.user_id.clone();
    let by = user.unwrap_or_else(|| format!("uid {}", getuid().as_raw()));
    let answered = history.answer(
        &run,
        step_index,
        is_approved,
        &by,
        comment,
        Timestamp::now(),
    );
    let request = answered.map_err(|error| refused(error, &args.step, &short_id))?;
    let verb = if is_approved { "approved" } else { "denied" };
    printer.info(format_args!(
        "{verb} `{}` of run {short_id}",
        Escaped(&request.step_id)
    ));
    let still_open = rows
        .iter()
        .filter(|row| row.step_index != step_index && row.status(Timestamp::now()) == "waiting");
    let open = named(still_open);
    if open.is_empty() {
        let plan = if is_path(&run.plan) { "" } else { " PLAN" };
        printer.info(format_args!(
            "`obs run{plan} --resume={short_id}{}` resumes the run",
            next_step::state_dir_flag(next_step::typed_state_dir(state).as_deref())
        ));
    } else {
        printer.info(format_args!("still waiting: {}", Escaped(&open)));
    }
    Ok(exit_code::SUCCESS)
}

/// The index of the step that `name` means, among those that ask.
fn find_step(rows: &[ApprovalRow], name: &str, run: &str) -> Result<usize, CommandError> {
    let by_name: Vec<&ApprovalRow> = rows.iter().filter(|row| row.step_id == name).collect();
    match by_name.as_slice() {
        [one] => return Ok(one.step_index),
        [] => {}
        many => {
            let places: Vec<String> = many.iter().map(|row| row.step_index.to_string()).collect();
            let message = format!("{} steps named `{name}` ask for an approval", many.len());
            return Err(
                CommandError::new(ErrorKind::Usage, message).hint(format_args!(
                    "name one by its place in the plan: {}",
                    places.join(", ")
                )),
            );
        }
    }
    let by_place = name.parse().ok();
    if let Some(row) = rows.iter().find(|row| Some(row.step_index) == by_place) {
        return Ok(row.step_index);
    }
    let message = format!("`{name}` does not wait for an approval in run {run}");
    let error = CommandError::new(ErrorKind::Usage, message);
    let near = nearest(name, rows.iter().map(|row| row.step_id.as_str()));
    Err(match (near, named(rows.iter())) {
        (Some(near), _) => error.hint(format_args!("did you mean `{near}`?")),
        (None, names) if names.is_empty() => error.hint("`obs approvals` lists what waits"),
        (None, names) => error.hint(format_args!("those that ask: {names}")),
    })
}

fn named<'r>(rows: impl Iterator<Item = &'r ApprovalRow>) -> String {
    let names: Vec<String> = rows
        .take(MAX_NAMED)
        .map(|row| format!("`{}`", row.step_id))
        .collect();
    names.join(", ")
}

/// Says why an answer does not count.
fn refused(error: AnswerError, step: &str, run: &str) -> CommandError {
    match error {
        AnswerError::Store(error) => {
            CommandError::from_error(ErrorKind::Io, &error).hint("nothing was recorded")
        }
        AnswerError::Expired(_) => {
            let message = format!("`{step}` of run {run}: {error}");
            CommandError::new(ErrorKind::Rejected, message).hint(
                "`obs run PLAN --on-approval wait` asks anew; `--approval-timeout` gives more time",
            )
        }
        AnswerError::Resumed(ref by) => {
            let hint = format!("`obs approvals {by} --all` lists what that one asks");
            let message = format!("`{step}` of run {run}: {error}");
            CommandError::new(ErrorKind::Usage, message).hint(hint)
        }
        AnswerError::Unknown | AnswerError::Answered(_) => {
            let message = format!("`{step}` of run {run}: {error}");
            CommandError::new(ErrorKind::Usage, message)
        }
    }
}
