//! The environment of a skill: cleared, plus what it needs and what its manifest requests.
//!
//! Invariant: a variable reaches a skill only through this list, a permission (`env:`, `secret:`) or
//! the manifest's `execution.env`. A plan can't add to it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::engine::StepControl;
use crate::model::{ExecutionRequest, StepDirs};
use crate::process::Secrets;
use crate::skill::{EnvNames, Permission, Skill};

/// Names that every skill gets with obs's values, besides `LC_*`.
const PASSED: [&str; 4] = ["PATH", "LANG", "TZ", "CI"];

/// Names that a skill with the permission `net` gets as well: proxies and certificates.
const OF_THE_NETWORK: [&str; 9] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
];

/// Names that obs gives to skills.
pub(crate) const SKILL_VARIABLES: [&str; 14] = [
    "OBS_RUN_ID",
    "OBS_REQUEST_ID",
    "OBS_ASSISTANT_ID",
    "OBS_SESSION_ID",
    "OBS_TENANT_ID",
    "OBS_USER_ID",
    "OBS_STEP_NAME",
    "OBS_SKILL_ID",
    "OBS_ATTEMPT",
    "OBS_DEADLINE",
    "OBS_EVENTS_FD",
    "OBS_SKILL_DIR",
    "OBS_WORKSPACE",
    "OBS_RUN_DIR",
];

/// obs's own environment, read once per run.
#[derive(Debug, Clone)]
pub struct BaseEnvironment {
    all: Vec<(OsString, OsString)>,
    /// The secrets given with `--secret`.
    secrets: Vec<(String, OsString)>,
}

impl BaseEnvironment {
    /// The environment of this process.
    pub fn of_this_process() -> Self {
        Self {
            all: std::env::vars_os().collect(),
            secrets: Vec::new(),
        }
    }

    /// The same with these secrets.
    #[must_use]
    pub fn with_secrets(self, secrets: Vec<(String, OsString)>) -> Self {
        Self { secrets, ..self }
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.all
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_os_str())
    }

    /// The user's home directory. As an empty one, a relative one counts as not set.
    pub fn home(&self) -> Option<&Path> {
        let home = self.get("HOME").map(Path::new);
        home.filter(|home| home.is_absolute())
    }

    /// The search path for programs: `PATH`, else the default of `execvp`.
    pub fn path(&self) -> &OsStr {
        self.get("PATH")
            .unwrap_or(OsStr::new("/usr/local/bin:/usr/bin:/bin"))
    }

    /// The values that `skills` request as secrets: no skill's output may show them.
    pub(crate) fn secrets<'s>(&self, skills: impl IntoIterator<Item = &'s Skill>) -> Secrets {
        let names = skills
            .into_iter()
            .flat_map(|skill| EnvNames::new(&skill.manifest.permissions).secret);
        Secrets::new(names.filter_map(|name| Some(self.secret(name)?.as_bytes().to_vec())))
    }

    /// What a skill with the permission `secret:NAME` gets.
    pub(crate) fn secret(&self, name: &str) -> Option<&OsStr> {
        let secret = self.secrets.iter().find(|(known, _)| known == name);
        secret.map_or_else(|| self.get(name), |(_, value)| Some(value.as_os_str()))
    }

    fn add_network(&self, variables: &mut Variables) {
        for name in OF_THE_NETWORK {
            if let Some(value) = self.get(name) {
                variables.set(name, value);
            }
        }
    }

    /// The whole environment of one step.
    pub(crate) fn for_step(
        &self,
        skill: &Skill,
        request: &ExecutionRequest,
        control: &StepControl,
        dirs: &StepDirs<'_>,
        writes_skills: bool,
    ) -> Vec<(OsString, OsString)> {
        let mut variables = Variables(Vec::new());
        for (name, value) in &self.all {
            let name_text = name.to_string_lossy();
            if PASSED.contains(&&*name_text) || name_text.starts_with("LC_") {
                variables.set(name, value);
            }
        }
        if let Some(scratch) = dirs.scratch {
            variables.set("HOME", scratch);
            variables.set("TMPDIR", scratch);
        }
        if skill.manifest.permissions.contains(&Permission::Net) {
            self.add_network(&mut variables);
        }
        let names = EnvNames::new(&skill.manifest.permissions);
        for name in names.required.iter().chain(&names.optional) {
            let value = if names.secret.contains(name) {
                self.secret(name)
            } else {
                self.get(name)
            };
            if let Some(value) = value {
                variables.set(name, value);
            }
        }
        for variable in skill
            .native()
            .iter()
            .flat_map(|native| &native.execution.env)
        {
            variables.set(&variable.name, variable.value(dirs));
        }
        if writes_skills {
            // Python would put `__pycache__` beside a skill's modules, and the skill would not be
            // what was proven.
            variables.set("PYTHONDONTWRITEBYTECODE", "1");
        }
        for (name, value) in [
            ("OBS_RUN_ID", &control.run_id),
            ("OBS_REQUEST_ID", &request.request_id),
            ("OBS_ASSISTANT_ID", &control.assistant_id),
            ("OBS_SESSION_ID", &control.session_id),
            ("OBS_TENANT_ID", &request.tenant_id),
            ("OBS_USER_ID", &request.user_id),
            ("OBS_STEP_NAME", &control.step_name),
            ("OBS_SKILL_ID", &request.skill_id),
            ("OBS_ATTEMPT", &control.attempt.to_string()),
            ("OBS_DEADLINE", &control.deadline.to_string()),
        ] {
            // An execve argument can't hold NUL; a plan can.
            variables.set(name, value.replace('\0', "\u{fffd}"));
        }
        if let Some(item) = control.item {
            variables.set("OBS_ITEM_INDEX", item.index.to_string());
            variables.set("OBS_ITEM_COUNT", item.count.to_string());
        }
        variables.set("OBS_EVENTS_FD", "3");
        variables.set("OBS_SKILL_DIR", dirs.skill);
        variables.set("OBS_WORKSPACE", dirs.workspace);
        if let Some(run_dir) = dirs.run {
            variables.set("OBS_RUN_DIR", run_dir);
        }
        variables.0
    }
}

struct Variables(Vec<(OsString, OsString)>);

impl Variables {
    /// The last value of a name wins.
    fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        let (name, value) = (name.as_ref(), value.as_ref().to_owned());
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}
