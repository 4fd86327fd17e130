//! The values of scripts in SQLite.
//!
//! One connection, since SQLite has one writer: what waits together is one transaction, so that the disk is waited for once.
//! `synchronous = FULL` with a write-ahead log: what was committed is there after the process or the machine has gone.

use std::path::Path;

use muster_scripts::{StoreAction, StoreRequest, StoreScope, StoredValues};
use serde_json::Value;
use sqlx::{
    Connection as _, Row as _, SqlSafeStr as _, SqliteConnection,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{NUMBER_MAX, StoreRefusal, Stored};
use crate::config::Limits;

/// The tables, as they came to be. What has been released never changes; a change is another file.
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "values", include_str!("migrations/0001_values.sql"))];
/// Bytes of a page.
const PAGE_BYTES: u32 = 4096;

type Done = Result<Option<Value>, StoreRefusal>;

/// What can be wrong within a transaction: the request, which leaves the others alone, or the database.
enum Failure {
    Refused(StoreRefusal),
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreRefusal> for Failure {
    fn from(refusal: StoreRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Values by mode, player and key.
pub(super) struct SqliteValues {
    connection: SqliteConnection,
    keys_max: u32,
    bytes_max: u64,
}

/// Whose value is meant.
struct Place<'a> {
    mode: &'a str,
    player: &'a str,
    key: &'a str,
}

impl SqliteValues {
    pub(super) async fn open(file: &Path, limits: &Limits) -> Result<Self, sqlx::Error> {
        let pages = (limits.store_file_bytes / u64::from(PAGE_BYTES)).clamp(64, u64::from(u32::MAX) - 1);
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .page_size(PAGE_BYTES)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("max_page_count", pages.to_string())
            .optimize_on_close(false, None);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        migrator().run(&mut connection).await?;
        Ok(Self { connection, keys_max: limits.store_keys, bytes_max: limits.store_bytes })
    }

    pub(super) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::error!(%error, "the store cannot be closed");
        }
    }

    /// Carries out requests in their order. Every answer holds: it is on the disk when this comes back.
    pub(super) async fn carry_out(&mut self, requests: &[(&str, &StoreRequest)]) -> Vec<Done> {
        match self.try_together(requests).await {
            Ok(done) => done,
            // A file that is full refuses one who writes, and not those who read.
            Err(_) if requests.len() > 1 => {
                let mut done = Vec::with_capacity(requests.len());
                for request in requests {
                    done.extend(self.try_alone(*request).await);
                }
                done
            }
            Err(error) => vec![broken(&error)],
        }
    }

    /// All values of some.
    pub(super) async fn read(&mut self, mode: &str, scopes: &[StoreScope]) -> Result<Stored, sqlx::Error> {
        let mut stored = Stored::new();
        for scope in scopes {
            let query = sqlx::query("SELECT key, value FROM script_values WHERE mode = ?1 AND player = ?2");
            let rows = query.bind(mode).bind(player_of(scope)).fetch_all(&mut self.connection).await?;
            let mut values = StoredValues::new();
            for row in rows {
                let value = serde_json::from_str(row.try_get(1)?);
                values.insert(row.try_get(0)?, value.map_err(|error| sqlx::Error::Decode(error.into()))?);
            }
            stored.insert(scope.clone(), values);
        }
        Ok(stored)
    }

    /// Whether the tables can be read and the file written. Asked when something failed: a file that is full is sound.
    pub(super) async fn is_sound(&mut self) -> bool {
        let read = sqlx::query("SELECT 1 FROM script_values, script_usage LIMIT 1");
        // It means nothing here, and takes no room.
        let written = sqlx::query("PRAGMA user_version = 0");
        read.fetch_optional(&mut self.connection).await.is_ok() && written.execute(&mut self.connection).await.is_ok()
    }

    async fn try_alone(&mut self, request: (&str, &StoreRequest)) -> Vec<Done> {
        match self.try_together(&[request]).await {
            Ok(done) => done,
            Err(error) => vec![broken(&error)],
        }
    }

    /// All of them in one transaction, or none.
    async fn try_together(&mut self, requests: &[(&str, &StoreRequest)]) -> Result<Vec<Done>, sqlx::Error> {
        let mut done = Vec::with_capacity(requests.len());
        let caps = (self.keys_max, self.bytes_max);
        let mut transaction = self.connection.begin().await?;
        for (mode, request) in requests {
            match carry_out_one(&mut transaction, mode, request, caps).await {
                Ok(value) => done.push(Ok(value)),
                // What is refused is so before anything is written.
                Err(Failure::Refused(refusal)) => done.push(Err(refusal)),
                Err(Failure::Database(error)) => return Err(error),
            }
        }
        transaction.commit().await?;
        Ok(done)
    }
}

fn broken(error: &sqlx::Error) -> Done {
    tracing::error!(%error, "the store failed");
    Err(StoreRefusal::Broken)
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.into())
}

async fn carry_out_one(
    connection: &mut SqliteConnection,
    mode: &str,
    request: &StoreRequest,
    caps: (u32, u64),
) -> Result<Option<Value>, Failure> {
    let player = player_of(&request.scope);
    let (StoreAction::Get { key }
    | StoreAction::Set { key, .. }
    | StoreAction::Add { key, .. }
    | StoreAction::Delete { key }) = &request.action;
    let place = Place { mode, player, key };
    let held = place.read(connection).await?;
    match &request.action {
        StoreAction::Get { .. } => Ok(held.map(|(_, value)| value)),
        StoreAction::Set { value, .. } => {
            place.write(connection, held.map(|(bytes, _)| bytes), value, caps).await?;
            Ok(Some(value.clone()))
        }
        StoreAction::Add { amount, .. } => {
            let (bytes, now) = held.map_or_else(|| (None, Value::from(0)), |(bytes, value)| (Some(bytes), value));
            let now = whole(&now).ok_or(StoreRefusal::NotANumber)?;
            let sum = now.checked_add(*amount).filter(|sum| sum.unsigned_abs() <= NUMBER_MAX);
            let sum = Value::from(sum.ok_or(StoreRefusal::OutOfRange)?);
            place.write(connection, bytes, &sum, caps).await?;
            Ok(Some(sum))
        }
        StoreAction::Delete { .. } => {
            if let Some((bytes, _)) = held {
                place.remove(connection, bytes).await?;
            }
            Ok(None)
        }
    }
}

fn player_of(scope: &StoreScope) -> &str {
    match scope {
        StoreScope::Mode => "",
        StoreScope::Player(id) => id,
    }
}

/// A whole number, however it was written.
fn whole(value: &Value) -> Option<i64> {
    let is_whole = |number: &f64| number.fract() == 0.0 && number.abs() <= NUMBER_MAX as f64;
    value.as_i64().or_else(|| value.as_f64().filter(is_whole).map(|number| number as i64))
}

impl Place<'_> {
    /// The value and the bytes that it counts for.
    async fn read(&self, connection: &mut SqliteConnection) -> Result<Option<(i64, Value)>, sqlx::Error> {
        let row = sqlx::query("SELECT bytes, value FROM script_values WHERE mode = ?1 AND player = ?2 AND key = ?3")
            .bind(self.mode)
            .bind(self.player)
            .bind(self.key)
            .fetch_optional(connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let text: &str = row.try_get(1)?;
        let value = serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Some((row.try_get(0)?, value)))
    }

    /// Writes a value in the place of one that counted for `old` bytes.
    async fn write(
        &self,
        connection: &mut SqliteConnection,
        old: Option<i64>,
        value: &Value,
        (keys_max, bytes_max): (u32, u64),
    ) -> Result<(), Failure> {
        let text = value.to_string();
        let bytes = (self.key.len() + text.len()) as i64;
        let (more_keys, more_bytes) = (i64::from(old.is_none()), bytes - old.unwrap_or(0));
        let usage = sqlx::query("SELECT keys, bytes FROM script_usage WHERE mode = ?1 AND player = ?2")
            .bind(self.mode)
            .bind(self.player)
            .fetch_optional(&mut *connection)
            .await?;
        let (keys, held) = usage.map_or(Ok((0i64, 0i64)), |row| {
            row.try_get(0).and_then(|keys| row.try_get(1).map(|bytes| (keys, bytes)))
        })?;
        if more_keys > 0 && keys + more_keys > i64::from(keys_max) {
            return Err(StoreRefusal::TooManyKeys(keys_max).into());
        }
        // Who has too much already, since the limit was lowered, may still make it less.
        if more_bytes > 0 && held + more_bytes > bytes_max.min(i64::MAX as u64) as i64 {
            return Err(StoreRefusal::TooManyBytes(bytes_max).into());
        }
        sqlx::query(
            "INSERT INTO script_values (mode, player, key, bytes, value) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (mode, player, key) DO UPDATE SET bytes = excluded.bytes, value = excluded.value",
        )
        .bind(self.mode)
        .bind(self.player)
        .bind(self.key)
        .bind(bytes)
        .bind(text)
        .execute(&mut *connection)
        .await?;
        Ok(self.charge(connection, more_keys, more_bytes).await?)
    }

    async fn remove(&self, connection: &mut SqliteConnection, bytes: i64) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM script_values WHERE mode = ?1 AND player = ?2 AND key = ?3")
            .bind(self.mode)
            .bind(self.player)
            .bind(self.key)
            .execute(&mut *connection)
            .await?;
        self.charge(connection, -1, -bytes).await
    }

    async fn charge(&self, connection: &mut SqliteConnection, keys: i64, bytes: i64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO script_usage (mode, player, keys, bytes) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (mode, player) DO UPDATE SET keys = keys + excluded.keys, bytes = bytes + excluded.bytes",
        )
        .bind(self.mode)
        .bind(self.player)
        .bind(keys)
        .bind(bytes)
        .execute(connection)
        .await
        .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("muster-store-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).expect("a folder can be made");
            Self(path)
        }

        async fn open(&self, limits: Limits) -> SqliteValues {
            SqliteValues::open(&self.0.join("muster.db"), &limits).await.expect("it can be opened")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            // What is left is in the folder for what is temporary.
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    fn request(player: &str, action: StoreAction) -> StoreRequest {
        let scope = if player.is_empty() { StoreScope::Mode } else { StoreScope::Player(player.into()) };
        StoreRequest { id: 1, scope, action }
    }

    fn get(player: &str, key: &str) -> StoreRequest {
        request(player, StoreAction::Get { key: key.into() })
    }

    fn set(player: &str, key: &str, value: Value) -> StoreRequest {
        request(player, StoreAction::Set { key: key.into(), value })
    }

    fn add(player: &str, key: &str, amount: i64) -> StoreRequest {
        request(player, StoreAction::Add { key: key.into(), amount })
    }

    async fn ask(values: &mut SqliteValues, requests: &[StoreRequest]) -> Vec<Done> {
        let requests: Vec<_> = requests.iter().map(|request| ("arena", request)).collect();
        values.carry_out(&requests).await
    }

    #[tokio::test]
    async fn values_are_of_a_mode_a_player_and_a_key_and_stay() {
        let folder = Folder::new("stay");
        let mut values = folder.open(Limits::default()).await;
        let done = ask(
            &mut values,
            &[
                get("ada", "a"),
                set("ada", "a", json!({ "x": [1, "ü"] })),
                set("", "a", json!("of the mode")),
                add("bob", "wins", 2),
                add("bob", "wins", -5),
                get("bob", "a"),
                add("ada", "a", 1),
                add("bob", "wins", i64::MAX),
                request("bob", StoreAction::Delete { key: "none".into() }),
            ],
        )
        .await;
        let ada = json!({ "x": [1, "ü"] });
        assert_eq!(
            done,
            [
                Ok(None),
                Ok(Some(ada.clone())),
                Ok(Some(json!("of the mode"))),
                Ok(Some(json!(2))),
                Ok(Some(json!(-3))),
                Ok(None),
                Err(StoreRefusal::NotANumber),
                Err(StoreRefusal::OutOfRange),
                Ok(None),
            ]
        );
        let other = get("ada", "a");
        assert_eq!(values.carry_out(&[("race", &other)]).await, [Ok(None)]);
        values.close().await;
        let mut values = folder.open(Limits::default()).await;
        let delete = request("ada", StoreAction::Delete { key: "a".into() });
        let done = ask(&mut values, &[get("ada", "a"), get("bob", "wins"), delete, get("ada", "a")]).await;
        assert_eq!(done, [Ok(Some(ada)), Ok(Some(json!(-3))), Ok(None), Ok(None)]);
    }

    #[tokio::test]
    async fn a_player_has_so_many_keys_and_bytes_and_others_theirs() {
        let folder = Folder::new("caps");
        let mut values = folder.open(Limits { store_keys: 2, store_bytes: 40, ..Limits::default() }).await;
        let done = ask(
            &mut values,
            &[
                set("ada", "a", json!(1)),
                set("ada", "b", json!(1)),
                set("ada", "c", json!(1)),
                set("bob", "c", json!(1)),
                set("ada", "a", json!("x".repeat(35))),
                set("ada", "a", json!("x".repeat(36))),
                request("ada", StoreAction::Delete { key: "b".into() }),
                set("ada", "a", json!("x".repeat(36))),
                set("ada", "d", json!(1)),
            ],
        )
        .await;
        let refusals: Vec<_> = done.into_iter().map(Result::err).collect();
        let (keys, bytes) = (Some(StoreRefusal::TooManyKeys(2)), Some(StoreRefusal::TooManyBytes(40)));
        assert_eq!(refusals, [None, None, keys, None, None, bytes, None, None, bytes]);
    }

    #[tokio::test]
    async fn a_full_file_refuses_those_who_write_and_not_those_who_read() {
        let folder = Folder::new("full");
        let mut values = folder.open(Limits { store_file_bytes: 1, ..Limits::default() }).await;
        let large = json!("x".repeat(60_000));
        let mut done = Vec::new();
        for number in 0..8 {
            done.extend(ask(&mut values, &[set("ada", &number.to_string(), large.clone())]).await);
        }
        assert_eq!(done.first(), Some(&Ok(Some(large.clone()))));
        assert_eq!(done.last(), Some(&Err(StoreRefusal::Broken)));
        let both = ask(&mut values, &[set("ada", "more", large.clone()), get("ada", "0")]).await;
        assert_eq!(both, [Err(StoreRefusal::Broken), Ok(Some(large))]);
        assert!(values.is_sound().await);
    }

    #[tokio::test]
    async fn a_database_that_has_lost_a_table_is_not_sound() {
        let folder = Folder::new("lost");
        let mut values = folder.open(Limits::default()).await;
        assert!(values.is_sound().await);
        sqlx::query("DROP TABLE script_usage").execute(&mut values.connection).await.expect("it is dropped");
        assert_eq!(ask(&mut values, &[set("ada", "a", json!(1))]).await, [Err(StoreRefusal::Broken)]);
        assert!(!values.is_sound().await);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_is_not_sound() {
        let folder = Folder::new("read-only");
        let mut values = folder.open(Limits::default()).await;
        sqlx::query("PRAGMA query_only = 1").execute(&mut values.connection).await.expect("it is set");
        assert_eq!(ask(&mut values, &[set("ada", "a", json!(1))]).await, [Err(StoreRefusal::Broken)]);
        assert!(!values.is_sound().await);
    }

    #[tokio::test]
    async fn a_database_of_a_newer_version_is_left_alone() {
        let folder = Folder::new("newer");
        let mut values = folder.open(Limits::default()).await;
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                     VALUES (99, 'newer', 1, x'00', 0)";
        sqlx::query(newer).execute(&mut values.connection).await.expect("it is written");
        values.close().await;
        assert!(SqliteValues::open(&folder.0.join("muster.db"), &Limits::default()).await.is_err());
    }
}
