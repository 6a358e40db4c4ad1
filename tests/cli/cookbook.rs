//! Each recipe of `plans/cookbook.md` runs, from the text of the page.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Case, confines, has, project_root, skip, wait_for};

/// The recipes: each has a test here.
const RECIPES: [&str; 11] = [
    "git status",
    "git log",
    "git commit",
    "git clone",
    "npm",
    "venv and pip",
    "curl",
    "docker",
    "sqlite3",
    "psql",
    "Shell pipelines",
];

fn page() -> String {
    std::fs::read_to_string(project_root().join("plans/cookbook.md")).unwrap()
}

/// The files of one section: the blocks whose first line is a comment with a path.
fn files(section: &str) -> Vec<(String, String)> {
    let blocks = section.split("\n```").skip(1).step_by(2);
    blocks
        .filter_map(|block| {
            let (_, content) = block.split_once('\n')?;
            let (first, rest) = content.split_once('\n')?;
            let path = first.strip_prefix("# ").or(first.strip_prefix("-- "))?;
            Some((path.to_owned(), format!("{rest}\n")))
        })
        .collect()
}

/// The page's sections that hold a plan, by their headings.
fn recipes() -> Vec<(String, Vec<(String, String)>)> {
    let page = page();
    let lines: Vec<&str> = page.lines().collect();
    let is_heading = |line: &str| line.starts_with("## ") || line.starts_with("### ");
    let mut found = Vec::new();
    let mut sections = lines.split_inclusive(|line| is_heading(line));
    let mut heading = *sections.next().unwrap().last().unwrap();
    for section in sections {
        let text = section.join("\n");
        let files = files(&text);
        if files.iter().any(|(path, _)| path == "plan.yaml") {
            let name = heading.trim_start_matches('#').trim().to_owned();
            found.push((name, files));
        }
        heading = section.last().unwrap();
    }
    found
}

/// A directory with the files of a recipe, each changed by `edit`.
fn case_with(name: &str, edit: impl Fn(&str) -> String) -> Case {
    let recipes = recipes();
    let (_, files) = recipes
        .iter()
        .find(|(heading, _)| heading == name)
        .unwrap_or_else(|| panic!("no recipe {name}"));
    files.iter().fold(Case::new(), |case, (path, content)| {
        if content.starts_with("#!") {
            case.script(path, &edit(content))
        } else {
            case.file(path, edit(content))
        }
    })
}

fn case(name: &str) -> Case {
    case_with(name, str::to_owned)
}

/// Runs the recipe's plan under the whole sandbox and gives its one output.
#[track_caller]
fn output(case: &Case, flags: &[&str]) -> Value {
    case.run(&["skills", "check"]).expect_code(0);
    let args = [
        "run",
        "plan.yaml",
        "--sandbox",
        "require",
        "--strict",
        "--format",
        "jsonl",
    ];
    let output = case.run(&[&args[..], flags].concat()).expect_code(0);
    let records = output.records();
    assert_eq!(records.len(), 1, "{}", output.whole());
    assert_eq!(records[0]["sandbox"]["mode"], "require");
    records[0]["output"].clone()
}

/// True if the machine has what the recipe needs; says what it lacks otherwise.
fn can_run(test: &str, programs: &[&str]) -> bool {
    let test = format!("cookbook::{test}");
    programs.iter().all(|program| has(program, &test)) && confines(&test)
}

/// Runs a program in the case's directory.
#[track_caller]
fn prepare(case: &Case, command: &[&str]) {
    let output = Command::new(command[0])
        .args(&command[1..])
        .current_dir(case.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// A repository with one commit in `directory`.
fn repository(case: &Case, directory: &str) {
    prepare(case, &["git", "init", "--quiet", directory]);
    let identity = ["-c", "user.name=a", "-c", "user.email=a@localhost"];
    let commit = ["commit", "--quiet", "--allow-empty", "--message=First"];
    let command = [&["git", "-C", directory][..], &identity, &commit].concat();
    prepare(case, &command);
}

#[test]
fn every_recipe_has_a_test() {
    let found: Vec<String> = recipes().into_iter().map(|(heading, _)| heading).collect();
    assert_eq!(found, RECIPES);
}

#[test]
fn git_status() {
    if can_run("git_status", &["git"]) {
        let case = case("git status");
        repository(&case, ".");
        let output = output(&case, &[]);
        let lines = output.as_array().unwrap();
        assert!(lines.contains(&json!("?? plan.yaml")), "{output}");
    }
}

#[test]
fn git_log() {
    if can_run("git_log", &["git"]) {
        let case = case("git log");
        repository(&case, ".");
        let output = output(&case, &[]);
        assert!(output[0].as_str().unwrap().ends_with(" First"), "{output}");
        assert_eq!(output.as_array().unwrap().len(), 1);
    }
}

#[test]
fn git_commit() {
    if can_run("git_commit", &["git"]) {
        let case = case("git commit").file("page.txt", "A page.\n");
        repository(&case, ".");
        prepare(&case, &["git", "add", "page.txt"]);
        output(&case, &[]);
        prepare(&case, &["git", "cat-file", "-e", "HEAD:page.txt"]);
        prepare(&case, &["git", "cat-file", "-e", "HEAD~1"]);
    }
}

#[test]
fn git_clone() {
    if can_run("git_clone", &["git"]) {
        let case = case("git clone");
        repository(&case, "upstream");
        output(&case, &[]);
        prepare(&case, &["git", "-C", "clones/copy", "log", "-1"]);
    }
}

#[test]
fn npm() {
    if can_run("npm", &["npm", "node"]) {
        let code = "require('fs').writeFileSync('dist/page.txt', 'page');\n\
                    console.log(process.argv[2]);\n";
        let package = r#"{"name": "site", "scripts": {"build": "node build.js"}}"#;
        let case = case("npm")
            .file("package.json", package)
            .file("build.js", code);
        assert_eq!(output(&case, &[]), "--title=My page");
        assert!(case.path().join("dist/page.txt").exists());
    }
}

#[test]
fn venv_and_pip() {
    if !can_run("venv_and_pip", &["python3"]) {
        return;
    }
    let mut import = Command::new("python3");
    import.args(["-c", "import ensurepip, venv"]);
    if !import.output().unwrap().status.success() {
        skip("cookbook::venv_and_pip", "ensurepip of `python3`");
        return;
    }
    // The grant speaks of the home directory of whoever runs the tests.
    let home = std::env::var("HOME").unwrap_or_default();
    let case = case("venv and pip").env("HOME", &home);
    let wheel = "import os, zipfile\n\
        os.mkdir('wheels')\n\
        info = 'greeting-1.0.dist-info/'\n\
        with zipfile.ZipFile('wheels/greeting-1.0-py3-none-any.whl', 'w') as wheel:\n\
        \x20   wheel.writestr('greeting.py', 'TEXT = \"hello\"\\n')\n\
        \x20   wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: greeting\\nVersion: 1.0\\n')\n\
        \x20   wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n\
        \x20   wheel.writestr(info + 'RECORD', '')\n";
    prepare(&case, &["python3", "-c", wheel]);
    // `~/.pyenv` is a grant of nothing on a machine without pyenv, which `--strict` would reject.
    let run = [
        "run",
        "plan.yaml",
        "--sandbox",
        "require",
        "--format",
        "jsonl",
    ];
    let records = case.run(&run).expect_code(0).records();
    let installed = records[0]["output"].as_array().unwrap();
    assert!(installed.contains(&json!("greeting==1.0")), "{installed:?}");
    prepare(&case, &["env/bin/python", "-c", "import greeting"]);
}

/// Answers each request on a free port with what `answer` makes of its first line.
fn serve(answer: impl Fn(&str) -> String + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection: TcpStream = connection.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap_or(0) == 1 {
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let first = request.lines().next().unwrap_or_default();
            let body = answer(first);
            let head = format!(
                "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let body = if first.starts_with("HEAD") { "" } else { &body };
            // A client that has gone away is no failure of the test.
            connection
                .write_all(format!("{head}{body}").as_bytes())
                .ok();
        }
    });
    port
}

#[test]
fn curl() {
    if can_run("curl", &["curl"]) {
        let port = serve(|request| request.split(' ').nth(1).unwrap_or_default().to_owned());
        let case = case_with("curl", |text| text.replace("8000", &port.to_string()));
        assert_eq!(output(&case, &[]), "/page.txt");
        // Another port than the granted one is out of reach.
        let other = serve(|_| "reached".to_owned()).to_string();
        let case = case_with("curl", |text| {
            text.replace("127.0.0.1:8000", &format!("127.0.0.1:{other}"))
        });
        let denied = case.run(&["run", "plan.yaml"]).expect_code(1);
        assert!(!denied.stdout().contains("reached"), "{}", denied.whole());
    }
}

#[test]
fn docker() {
    if can_run("docker", &["docker"]) {
        // A daemon of two answers: the recipe is about the client.
        let port = serve(|request| {
            let container = json!([{"Id": "1", "Names": ["/web"], "State": "running"}]);
            let lists = request.contains("/containers/json");
            if lists {
                container.to_string()
            } else {
                "OK".to_owned()
            }
        });
        let case = case_with("docker", |text| text.replace("2375", &port.to_string()));
        case.run(&["run", "plan.yaml"]).expect_code(77);
        let page = page();
        let command = page.split("\n```sh\nobs run plan.yaml ").nth(1).unwrap();
        let flags: Vec<&str> = command.lines().next().unwrap().split(' ').collect();
        assert_eq!(output(&case, &flags), json!(["web"]));
        // The socket is denied, whatever is granted.
        let socket = "unix:///var/run/docker.sock";
        let case = case_with("docker", |text| {
            text.replace("tcp://127.0.0.1:2375", socket)
                .replace("net.tcp:2375", "net")
        });
        let run = [&["run", "plan.yaml"][..], &flags].concat();
        let denied = case.run(&run).expect_code(1).stderr();
        assert!(denied.contains("operation not permitted"), "{denied}");
    }
}

#[test]
fn sqlite3() {
    if can_run("sqlite3", &["sqlite3"]) {
        let case = case("sqlite3").file("data/rows.sql", PEOPLE);
        prepare(&case, &["sqlite3", "data/people.db", ".read data/rows.sql"]);
        assert_eq!(output(&case, &[]), json!([{"name": "Bo"}]));
        let injected = "city=x' or 'a' = 'a";
        let run = ["skills", "run", "sqlite/people", "--set", injected];
        assert_eq!(case.run(&run).expect_code(0).stdout().trim(), "[]");
    }
}

const PEOPLE: &str = "create table people(name text, city text);\n\
                      insert into people values ('Ann', 'Kyoto'), ('Bo', 'L''Aquila');\n";

/// A `PostgreSQL` server that ends with the test.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let pid = self.0.id().try_into().unwrap();
        crate::support::processes::kill(pid, rustix::process::Signal::QUIT);
        self.0.wait().unwrap();
    }
}

/// The directory of the server's programs, which distributions keep out of `PATH`.
fn postgres_programs() -> Option<std::path::PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let directory = String::from_utf8(output.stdout).ok()?;
    let directory = std::path::PathBuf::from(directory.trim());
    directory.join("initdb").is_file().then_some(directory)
}

#[test]
fn psql() {
    if !can_run("psql", &["psql", "setpriv"]) {
        return;
    }
    let Some(programs) = postgres_programs() else {
        skip("cookbook::psql", "a PostgreSQL server");
        return;
    };
    // Below the ports that the kernel gives to the listeners of other tests.
    let port = (20_000 + std::process::id() % 10_000).to_string();
    let data = tempfile::TempDir::new().unwrap();
    // The server refuses to run as root.
    let is_root = rustix::process::geteuid().is_root();
    let run = |program: &str, args: &[&str]| {
        let mut command = Command::new("setpriv");
        if is_root {
            std::os::unix::fs::chown(data.path(), Some(65534), Some(65534)).unwrap();
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        }
        command.arg(programs.join(program)).args(args);
        command.arg("-D").arg(data.path().join("data"));
        command
            .current_dir(data.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let made = run("initdb", &["--username=app", "--auth=trust", "--no-sync"]).wait();
    assert!(made.unwrap().success());
    let server = [
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "unix_socket_directories=",
        "-p",
        &port,
    ];
    let _server = Server(run("postgres", &server));
    let case = case_with("psql", |text| text.replace("5432", &port))
        .env("PGUSER", "app")
        .env("PGDATABASE", "postgres")
        .env("PGPASSWORD", "correct-horse")
        .file("rows.sql", PEOPLE);
    let load = |file: &str| {
        let database = format!("postgresql://app@127.0.0.1:{port}/postgres");
        let mut command = Command::new("psql");
        command.env("PGCONNECT_TIMEOUT", "5");
        command.args([
            &database,
            "--no-psqlrc",
            "--set=ON_ERROR_STOP=1",
            "--command",
            file,
        ]);
        command.output().unwrap().status.success()
    };
    wait_for("the server", || load("select 1"));
    assert!(load(PEOPLE));
    assert_eq!(output(&case, &[]), json!(["Bo"]));
}

#[test]
fn shell_pipelines() {
    if can_run("shell_pipelines", &["bash"]) {
        let case = case("Shell pipelines").file("words.txt", "a b a\nb a c\n");
        assert_eq!(output(&case, &[]), json!(["      3 a", "      2 b"]));
        // Any program of the pipeline fails the step.
        let missing = [
            "skills",
            "run",
            "text/top",
            "--set",
            "file=none",
            "--set",
            "count=1",
        ];
        case.run(&missing).expect_code(1);
        let spliced = case_with("Shell pipelines", |text| {
            text.replace("\"$1\"", "'{{file}}'")
        });
        let refused = spliced.run(&["run", "plan.yaml"]).expect_code(65);
        assert!(
            refused.stderr().contains("argument_in_code"),
            "{}",
            refused.whole()
        );
    }
}
