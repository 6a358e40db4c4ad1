//! The SQLite file that all obs processes share, and its schema.
//!
//! Invariant: the file exists whole or not at all, and an open [`Database`] has the newest schema;
//! an older one is migrated in one transaction, a newer one is refused. The directory is private
//! (0700) if obs creates it, and so is the file. WAL, so readers and one writer do not wait for
//! each other; `synchronous=NORMAL`, so a commit survives the death of obs at once, and that of the
//! machine up to the last sync; no checkpoint on close, so a short run does not pay for long ones.

use super::error::StoreError;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

const FILE: &str = "obs.db";

/// How long another process may hold the file before that is an error. Shorter than the engine's
/// log timeout, so that the error names the reason.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(20);

/// The migrations; the schema version is the number of applied ones.
pub(super) const MIGRATIONS: [&str; 5] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    CALLS_SCHEMA,
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
];

/// The table of the calls of limited skills. A run without a state has it in memory.
pub(super) const CALLS_SCHEMA: &str = include_str!("schema/3.sql");

/// How many records the run of the row has, for statements about `runs`. The column is written when
/// the run ends.
pub(super) const RECORDS: &str = "(SELECT coalesce(max(seq), 0) FROM records WHERE run = runs.id)";

/// The hash of the last record, at the end of its line; else that of the header.
pub(super) const LAST_HASH: &str = "coalesce((SELECT substr(line, -66, 64) FROM records
     WHERE run = runs.id ORDER BY seq DESC LIMIT 1), head)";

/// How long a look at the state waits for one that writes it.
const PEEK_TIMEOUT: Duration = Duration::from_millis(200);

/// An open state.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
    pub(super) dir: PathBuf,
}

impl Database {
    /// Opens the state in `dir`, which is made if it is not there.
    pub(super) fn create(dir: &Path) -> Result<Self, StoreError> {
        if let Some(database) = Self::open(dir)? {
            return Ok(database);
        }
        make(dir).map_err(|reason| unusable(dir, &reason))?;
        let reason = "it was removed while obs opened it";
        Self::open(dir)?.ok_or_else(|| unusable(dir, &reason))
    }

    /// Opens the state in `dir`; `None` if there is none yet.
    pub(super) fn open(dir: &Path) -> Result<Option<Self>, StoreError> {
        match dir.join(FILE).try_exists() {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(unusable(dir, &error)),
        }
        let wrong = |error: rusqlite::Error| unusable(dir, &sqlite_message(&error));
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let connection = Connection::open_with_flags(dir.join(FILE), flags).map_err(wrong)?;
        configure(&connection).map_err(wrong)?;
        let mut database = Self {
            connection,
            dir: dir.to_owned(),
        };
        database.migrate()?;
        Ok(Some(database))
    }

    /// Opens the state in `dir` to read it, if it is there and of this version.
    pub(super) fn peek(dir: &Path) -> Option<Self> {
        let path = dir.join(FILE);
        if !path.is_file() {
            return None;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).ok()?;
        connection.busy_timeout(PEEK_TIMEOUT).ok()?;
        let is_known = schema_version(&connection).ok()? == MIGRATIONS.len();
        is_known.then(|| Self {
            connection,
            dir: dir.to_owned(),
        })
    }

    fn migrate(&mut self) -> Result<(), StoreError> {
        let dir = self.dir.clone();
        let wrong = |error: rusqlite::Error| unusable(&dir, &sqlite_message(&error));
        let known = MIGRATIONS.len();
        let found = schema_version(&self.connection).map_err(wrong)?;
        if found > known {
            return Err(StoreError::TooNew { dir, found, known });
        }
        if found == known {
            return Ok(());
        }
        let immediate = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(immediate);
        let transaction = transaction.map_err(wrong)?;
        // Another process may have done it in the meantime.
        let found = schema_version(&transaction).map_err(wrong)?;
        for migration in MIGRATIONS.iter().skip(found) {
            transaction.execute_batch(migration).map_err(wrong)?;
        }
        transaction
            .pragma_update(None, "user_version", known)
            .and_then(|()| transaction.commit())
            .map_err(wrong)
    }
}

fn schema_version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Creates the file elsewhere and links it into place once it is complete, so that a concurrent
/// open finds all of it or nothing.
fn make(dir: &Path) -> Result<(), String> {
    let message = |error: io::Error| error.to_string();
    if dir.metadata().is_ok_and(|metadata| !metadata.is_dir()) {
        return Err(message(io::ErrorKind::NotADirectory.into()));
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(message)?;
    let aside = tempfile::Builder::new()
        .prefix("new-")
        .tempdir_in(dir)
        .map_err(message)?;
    let path = aside.path().join(FILE);
    // SQLite gives the files beside it the rights of this one.
    let mut private = OpenOptions::new();
    private.write(true).create_new(true).mode(0o600);
    private.open(&path).map_err(message)?;
    let connection = Connection::open(&path).map_err(|error| sqlite_message(&error))?;
    let initialized = initialize(&connection);
    // Closing it checkpoints everything into the one file.
    let closed = connection.close().map_err(|(_, error)| error);
    initialized
        .and(closed)
        .map_err(|error| sqlite_message(&error))?;
    // Synced before it has its name, so that a machine crash does not leave half of it.
    let synced = File::open(&path).and_then(|file| file.sync_all());
    synced.map_err(message)?;
    match std::fs::hard_link(&path, dir.join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(message(error)),
        _ => Ok(()),
    }
}

/// Sets the file's persistent settings and its tables. No other process knows the file yet, so it
/// needs no journal and no sync before it is complete: with them, each statement waited for the
/// disk.
fn initialize(connection: &Connection) -> rusqlite::Result<()> {
    let mode = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    connection.query_row("PRAGMA journal_mode = OFF", [], mode)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    // Room that pruning frees goes back to the system. Only a new file can be told so.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    for migration in MIGRATIONS {
        connection.execute_batch(migration)?;
    }
    connection.pragma_update(None, "user_version", MIGRATIONS.len())?;
    connection
        .query_row("PRAGMA journal_mode = WAL", [], mode)
        .map(drop)
}

/// Settings of each connection.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)
}

pub(super) fn unusable(dir: &Path, reason: &impl ToString) -> StoreError {
    StoreError::Unusable {
        dir: dir.to_owned(),
        reason: reason.to_string(),
    }
}

/// SQLite's message without its code.
pub(super) fn sqlite_message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(code, Some(text)) => {
            format!("{text} (SQLite error {})", code.extended_code)
        }
        other => other.to_string(),
    }
}

/// The database and its write-ahead log, in the state in `dir`.
pub(super) fn database_files(dir: &Path) -> [PathBuf; 2] {
    [dir.join(FILE), dir.join(format!("{FILE}-wal"))]
}

/// Where the files between the steps of a run are, in the state in `dir`.
pub(crate) fn files_of(dir: &Path, run_id: &str) -> PathBuf {
    dir.join("files").join(run_id)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_directory_and_the_file_are_private() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("a/obs");
        Database::create(&dir).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join(FILE)), 0o600);
    }

    #[test]
    fn what_is_not_there_is_not_made_by_looking() {
        let temp = tempfile::tempdir().unwrap();
        assert!(Database::open(&temp.path().join("none")).unwrap().is_none());
        assert!(!temp.path().join("none").exists());
    }

    #[test]
    fn a_newer_form_is_refused_and_a_strange_file_is_told() {
        let temp = tempfile::tempdir().unwrap();
        let database = Database::create(temp.path()).unwrap();
        database
            .connection
            .pragma_update(None, "user_version", 7)
            .unwrap();
        drop(database);
        let error = Database::create(temp.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("(schema 7, this obs supports 5)"),
            "{error}"
        );

        std::fs::write(
            temp.path().join(FILE),
            "this is no database, and long enough to be one ".repeat(99),
        )
        .unwrap();
        for name in ["obs.db-wal", "obs.db-shm"] {
            std::fs::remove_file(temp.path().join(name)).ok();
        }
        let error = Database::create(temp.path()).unwrap_err();
        assert!(
            error.to_string().contains("file is not a database"),
            "{error}"
        );
    }

    #[test]
    fn twenty_at_once_make_one_state() {
        let temp = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| Database::create(temp.path()).unwrap());
            }
        });
    }
}
