//! What is written down: the state of running matches, replays, and what is left of matches that broke.
//!
//! **A file of a state is whole or not there**: it is written beside, flushed to the disk and put in its place. Workers
//! hand bytes over and never wait for a disk; what finds the queue full is dropped and counted.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use muster_core::{
    EntityId, Position, SectorId,
    sync::server::{View, ViewPoint},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::seats::SPECTATORS_FROM;
use crate::{
    door::message::ScriptFault,
    metrics::Metrics,
    pulse::{Life, Pulse},
    token::Guest,
};

/// Most jobs that wait.
const JOBS_MAX: usize = 1024;
/// Most bytes of a file with a state.
const STATE_BYTES_MAX: u64 = 1 << 30;
/// Most bytes of what stands before the state.
const HEAD_BYTES_MAX: usize = 1 << 20;
/// The beginning of a file with a state.
const MAGIC: &[u8; 8] = b"MUSAVE1\n";
/// Most reports of broken matches that are kept.
const REPORTS_MAX: usize = 200;
/// How often the thread says that it is there, and tries again to write after it could not.
const ROUND: Duration = Duration::from_secs(1);

/// What is known of a saved match beside its bytes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedHead {
    /// Its id.
    pub match_id: String,
    /// Its mode.
    pub mode: String,
    /// The version of its rules.
    pub version: String,
    /// When it was opened, in seconds since 1970.
    pub started: u64,
    /// The last number that was given to a player.
    pub last_player: u32,
    /// Who plays.
    pub players: Vec<SavedPlayer>,
    /// What names its map.
    #[serde(default)]
    pub map: Option<String>,
}

/// A player of a saved match.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlayer {
    /// The number in the match.
    pub number: u32,
    /// Who it is.
    pub guest: Guest,
    /// The side.
    pub team: u16,
    /// The id of the entity that is predicted; 0 is none.
    pub predicted: u64,
    /// What the player sees.
    pub views: Vec<SavedView>,
}

/// What a player of a saved match sees: around an entity, or around a place if there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedView {
    /// The entity's id; 0 is none.
    pub entity: u64,
    /// The place: its sector, and where in it.
    pub place: (i64, i64, i32, i32),
    /// What comes into sight.
    pub enter: i32,
    /// What goes out of it.
    pub leave: i32,
}

impl From<View> for SavedView {
    fn from(view: View) -> Self {
        let (entity, place) = match view.point {
            ViewPoint::Entity(entity) => (entity.bits(), (0, 0, 0, 0)),
            ViewPoint::Place(place) => (0, (place.sector.x, place.sector.y, place.x, place.y)),
        };
        Self { entity, place, enter: view.enter, leave: view.leave }
    }
}

impl From<SavedView> for View {
    fn from(saved: SavedView) -> Self {
        let (sector_x, sector_y, x, y) = saved.place;
        let point = if saved.entity == 0 {
            ViewPoint::Place(Position { sector: SectorId::new(sector_x, sector_y), x, y })
        } else {
            ViewPoint::Entity(EntityId::from_bits(saved.entity))
        };
        Self { point, enter: saved.enter, leave: saved.leave }
    }
}

/// A saved match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedMatch {
    /// What is known of it.
    pub head: SavedHead,
    /// What [`muster_scripts::Match::save`] wrote.
    pub bytes: Vec<u8>,
}

impl SavedMatch {
    /// Reads a file with a state.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("not the beginning of a saved match")?;
        let (length, rest) = rest.split_at_checked(4).ok_or("cut")?;
        let length = u32::from_le_bytes(length.try_into().expect("four bytes were split off")) as usize;
        if length > HEAD_BYTES_MAX {
            return Err("the head is too large".into());
        }
        let (head, rest) = rest.split_at_checked(length).ok_or("cut")?;
        let head: SavedHead = serde_json::from_slice(head).map_err(|error| error.to_string())?;
        if !is_id(&head.match_id) {
            return Err("the match's id is none".into());
        }
        // Numbers go on from the last one, and end where those of spectators begin.
        let is_player = |number| (1..=head.last_player).contains(&number) && number < SPECTATORS_FROM / 2;
        if head.last_player >= SPECTATORS_FROM / 2 || !head.players.iter().all(|player| is_player(player.number)) {
            return Err("the numbers of its players are none".into());
        }
        Ok(Self { head, bytes: rest.to_vec() })
    }

    /// As a file.
    pub fn encode(&self) -> Vec<u8> {
        let head = serde_json::to_vec(&self.head).expect("a head is of texts and numbers");
        let mut bytes = Vec::with_capacity(MAGIC.len() + 4 + head.len() + self.bytes.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(head.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(&self.bytes);
        bytes
    }
}

/// What is known of a replay.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReplayHead {
    /// The id of the replay and of the match.
    pub id: String,
    /// The mode.
    pub mode: String,
    /// The version of the rules at the end.
    pub version: String,
    /// Ticks a second.
    pub tick_rate: u32,
    /// The ticks made.
    pub ticks: u64,
    /// When the match was opened, in seconds since 1970.
    pub started: u64,
    /// When it ended.
    pub ended: u64,
    /// Why it ended.
    pub reason: String,
    /// Bytes of the replay.
    pub bytes: u64,
    /// Whether it is shorter than the match because it became too large.
    pub is_cut: bool,
    /// The names of the players.
    pub players: Vec<String>,
    /// Their numbers in the match.
    #[serde(default)]
    pub numbers: Vec<u32>,
    /// The attributes that everybody is told.
    pub public_attributes: Vec<u8>,
    /// What the mode says about how it is shown.
    pub client: Value,
    /// What names its map.
    #[serde(default)]
    pub map: Option<String>,
}

/// What is left of a match that broke.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FailureReport {
    /// The match.
    pub match_id: String,
    /// Its mode.
    pub mode: String,
    /// The version of its rules.
    pub version: String,
    /// The tick.
    pub tick: u64,
    /// When, in seconds since 1970.
    pub at: u64,
    /// What happened.
    pub reason: String,
    /// The error of the script, if it was one.
    pub error: Option<ScriptFault>,
}

enum Job {
    Save(SavedMatch),
    Forget(String),
    Fail(Box<FailureReport>, Option<SavedMatch>),
    /// A piece of a replay, and whether it is the first.
    Replay(String, Vec<u8>, bool),
    ReplayEnd(Box<ReplayHead>),
    Stop,
}

/// The writer's queue.
pub struct Archive {
    sender: SyncSender<Job>,
    metrics: Arc<Metrics>,
    folder: PathBuf,
    vigour: Arc<Vigour>,
}

/// What the thread tells of itself.
struct Vigour {
    pulse: Pulse,
    /// Whether the last state of a match could not be written.
    is_failing: AtomicBool,
}

impl Archive {
    /// Makes the folders and starts the thread that writes.
    ///
    /// # Errors
    /// When a folder cannot be made, or the system gives no thread.
    pub fn open(folder: &Path, replays_max: usize, metrics: Arc<Metrics>) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        for name in ["matches", "replays", "failed"] {
            fs::create_dir_all(folder.join(name))?;
        }
        drop_orphans(&folder.join("replays"), replays_max)?;
        let (sender, receiver) = sync_channel(JOBS_MAX);
        let vigour = Arc::new(Vigour { pulse: Pulse::new(Instant::now()), is_failing: AtomicBool::new(false) });
        let writer = Writer { folder: folder.into(), replays_max, metrics: metrics.clone(), vigour: vigour.clone() };
        let thread = std::thread::Builder::new().name("archive".into()).spawn(move || writer.run(&receiver))?;
        Ok((Arc::new(Self { sender, metrics, folder: folder.into(), vigour }), thread))
    }

    fn send(&self, job: Job) {
        if self.sender.try_send(job).is_err() {
            self.metrics.archive_dropped.inc();
        }
    }

    /// Writes a state down in the place of the one before.
    pub fn save(&self, saved: SavedMatch) {
        self.send(Job::Save(saved));
    }

    /// Writes a state down before the thread that calls may end.
    pub fn save_surely(&self, saved: SavedMatch) {
        if self.sender.send(Job::Save(saved)).is_err() {
            self.metrics.archive_dropped.inc();
        }
    }

    /// A match is over: its state goes.
    pub fn forget(&self, match_id: &str) {
        // A state that stays would be gone on with at the next start.
        if self.sender.send(Job::Forget(match_id.into())).is_err() {
            self.metrics.archive_dropped.inc();
        }
    }

    /// A match broke: the report is kept, and the state with it; the last that was saved, if there is no newer one.
    pub fn fail(&self, report: FailureReport, saved: Option<SavedMatch>) {
        self.send(Job::Fail(Box::new(report), saved));
    }

    /// Adds to a replay, or begins it. What was recorded under its id before, by a match that a crash took back, goes.
    pub fn replay(&self, id: &str, bytes: Vec<u8>, is_first: bool) {
        self.send(Job::Replay(id.into(), bytes, is_first));
    }

    /// A replay has come to its end.
    pub fn end_replay(&self, head: ReplayHead) {
        self.send(Job::ReplayEnd(Box::new(head)));
    }

    /// Ends the thread once everything is written.
    pub fn stop(&self) {
        if self.sender.send(Job::Stop).is_err() {
            tracing::error!("the archive had ended before its end");
        }
    }

    /// What state the thread that writes is in.
    pub fn life(&self, now: Instant) -> Life {
        self.vigour.pulse.life(now)
    }

    /// Whether the last state of a match could not be written: the disk is full, or broken.
    pub fn is_failing(&self) -> bool {
        self.vigour.is_failing.load(Ordering::Relaxed)
    }

    /// Every saved match. Files that are none are put aside, with a line in the log.
    pub fn saved_matches(&self) -> Vec<SavedMatch> {
        let mut saved = Vec::new();
        for path in files(&self.folder.join("matches"), "state") {
            match read_state(&path) {
                Ok(found) => saved.push(found),
                Err(error) => {
                    tracing::error!(file = %path.display(), %error, "a saved match cannot be read and is put aside");
                    let name = path.file_name().unwrap_or_default();
                    if let Err(error) = fs::rename(&path, self.folder.join("failed").join(name)) {
                        tracing::error!(%error, "it cannot be put aside");
                    }
                }
            }
        }
        saved
    }

    /// What is known of up to `count` replays, the newest first.
    pub fn replays(&self, count: usize) -> Vec<ReplayHead> {
        let heads = files(&self.folder.join("replays"), "json").into_iter().filter_map(|path| {
            let text = fs::read(path).ok()?;
            serde_json::from_slice::<ReplayHead>(&text).ok()
        });
        let mut heads: Vec<ReplayHead> = heads.collect();
        heads.sort_by(|left, right| (right.started, &right.id).cmp(&(left.started, &left.id)));
        heads.truncate(count);
        heads
    }

    /// A replay and what is known of it, if the id is one of a replay that has come to its end.
    pub fn replay_of(&self, id: &str) -> Option<(ReplayHead, Vec<u8>)> {
        let path = self.replay_file(id)?;
        let head = fs::read(path.with_extension("json")).ok()?;
        Some((serde_json::from_slice(&head).ok()?, fs::read(path).ok()?))
    }

    /// The file of a replay, if the id is one of a replay that has come to its end. Before, it would tell players what they do
    /// not see.
    pub fn replay_file(&self, id: &str) -> Option<PathBuf> {
        let path = is_id(id).then(|| self.folder.join("replays").join(format!("{id}.replay")))?;
        (path.is_file() && path.with_extension("json").is_file()).then_some(path)
    }
}

/// Whether it is an id as this server makes them, and so no path.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The files of a folder that end in `.extension`, in the order of their names.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

fn read_state(path: &Path) -> Result<SavedMatch, String> {
    let length = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > STATE_BYTES_MAX {
        return Err("too large".into());
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    SavedMatch::decode(&bytes)
}

/// The thread that writes.
struct Writer {
    folder: PathBuf,
    replays_max: usize,
    metrics: Arc<Metrics>,
    vigour: Arc<Vigour>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.vigour.pulse.end();
    }
}

impl Writer {
    fn run(self, jobs: &Receiver<Job>) {
        loop {
            self.vigour.pulse.beat(Instant::now());
            match jobs.recv_timeout(ROUND) {
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(job) => {
                    let is_save = matches!(job, Job::Save(_));
                    let done = self.carry_out(job);
                    if is_save {
                        self.vigour.is_failing.store(done.is_err(), Ordering::Relaxed);
                    }
                    if let Err(error) = done {
                        self.metrics.archive_failures.inc();
                        tracing::error!(%error, "a file cannot be written");
                    }
                }
                // Players are sent elsewhere until something can be written, and then there may be no match that would try it.
                Err(RecvTimeoutError::Timeout) if self.vigour.is_failing.load(Ordering::Relaxed) => {
                    let is_good = write_whole(&self.folder.join("matches").join("trial"), b"trial").is_ok();
                    self.vigour.is_failing.store(!is_good, Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn carry_out(&self, job: Job) -> io::Result<()> {
        match job {
            Job::Save(saved) => {
                write_whole(&self.state_file(&saved.head.match_id), &saved.encode())?;
                self.metrics.backups.inc();
                Ok(())
            }
            Job::Forget(match_id) => match fs::remove_file(self.state_file(&match_id)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
            Job::Fail(report, saved) => self.keep_failure(&report, saved.as_ref()),
            Job::Replay(id, bytes, is_first) => {
                let path = self.folder.join("replays").join(format!("{id}.replay"));
                let mut options = OpenOptions::new();
                let file = if is_first { options.write(true).truncate(true) } else { options.append(true) };
                file.create(true).open(path)?.write_all(&bytes)
            }
            Job::ReplayEnd(head) => {
                let text = serde_json::to_vec_pretty(&head).expect("a head is of texts and numbers");
                write_whole(&self.folder.join("replays").join(format!("{}.json", head.id)), &text)?;
                self.drop_old_replays()
            }
            Job::Stop => Ok(()),
        }
    }

    fn state_file(&self, match_id: &str) -> PathBuf {
        self.folder.join("matches").join(format!("{match_id}.state"))
    }

    fn keep_failure(&self, report: &FailureReport, saved: Option<&SavedMatch>) -> io::Result<()> {
        let folder = self.folder.join("failed");
        let text = serde_json::to_vec_pretty(report).expect("a report is of texts and numbers");
        write_whole(&folder.join(format!("{}.json", report.match_id)), &text)?;
        let last = self.state_file(&report.match_id);
        let kept = folder.join(format!("{}.state", report.match_id));
        if let Some(saved) = saved {
            write_whole(&kept, &saved.encode())?;
            if last.exists() {
                fs::remove_file(last)?;
            }
        } else if last.exists() {
            fs::rename(last, kept)?;
        }
        drop_oldest(&folder, "json", REPORTS_MAX, &["state"])
    }

    fn drop_old_replays(&self) -> io::Result<()> {
        drop_oldest(&self.folder.join("replays"), "json", self.replays_max, &["replay"])
    }
}

/// Of recordings that did not come to their end, as a crash leaves them, the newest `count` stay.
fn drop_orphans(folder: &Path, count: usize) -> io::Result<()> {
    let mut orphans: Vec<_> = files(folder, "replay")
        .into_iter()
        .filter(|path| !path.with_extension("json").exists())
        .map(|path| (fs::metadata(&path).and_then(|data| data.modified()).ok(), path))
        .collect();
    orphans.sort();
    let excess = orphans.len().saturating_sub(count);
    orphans[..excess].iter().try_for_each(|(_, path)| fs::remove_file(path))
}

/// Keeps the newest `count` files that end in `.extension`, and takes those of the same name `beside` them away too.
fn drop_oldest(folder: &Path, extension: &str, count: usize, beside: &[&str]) -> io::Result<()> {
    let mut found: Vec<_> = files(folder, extension)
        .into_iter()
        .map(|path| (fs::metadata(&path).and_then(|data| data.modified()).ok(), path))
        .collect();
    found.sort();
    let excess = found.len().saturating_sub(count);
    for (_, path) in &found[..excess] {
        for extension in beside {
            match fs::remove_file(path.with_extension(extension)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Writes beside, flushes, and puts in place.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&beside, path)?;
    // The name is on the disk only when the folder is.
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_data())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved() -> SavedMatch {
        let head = SavedHead {
            match_id: "ab12".into(),
            mode: "arena".into(),
            version: "v".into(),
            started: 5,
            last_player: 7,
            players: vec![SavedPlayer {
                number: 3,
                guest: Guest { id: "g-1".into(), name: "Ada".into() },
                team: 2,
                predicted: 1 << 40,
                views: vec![SavedView { entity: 0, place: (1, -2, 3, 4), enter: 5, leave: 6 }],
            }],
            map: Some("0123456789abcdef".into()),
        };
        SavedMatch { head, bytes: vec![1, 2, 3] }
    }

    #[test]
    fn a_state_comes_back_and_a_cut_one_is_refused() {
        let bytes = saved().encode();
        assert_eq!(SavedMatch::decode(&bytes), Ok(saved()));
        for end in 0..bytes.len() - 3 {
            assert!(SavedMatch::decode(&bytes[..end]).is_err(), "{end}");
        }
        let mut wrong = saved();
        wrong.head.match_id = "../../etc".into();
        assert!(SavedMatch::decode(&wrong.encode()).is_err());
        let mut long = bytes;
        long[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(SavedMatch::decode(&long).is_err());
    }

    #[test]
    fn states_are_there_until_their_match_is_over_and_old_replays_go() {
        let folder = std::env::temp_dir().join(format!("muster-archive-{}", std::process::id()));
        let metrics = Arc::new(Metrics::new());
        let (archive, thread) = Archive::open(&folder, 2, metrics.clone()).expect("a folder can be made");
        archive.save(saved());
        for number in 0..4u64 {
            let head = ReplayHead {
                id: format!("r{number}"),
                mode: "arena".into(),
                version: "v".into(),
                tick_rate: 20,
                ticks: 1,
                started: number,
                ended: 9,
                reason: "over".into(),
                bytes: 2,
                is_cut: false,
                players: Vec::new(),
                numbers: Vec::new(),
                public_attributes: Vec::new(),
                client: Value::Null,
                map: None,
            };
            archive.replay(&head.id, vec![9, 9, 9], true);
            archive.replay(&head.id, vec![1], true);
            archive.replay(&head.id, vec![2], false);
            archive.end_replay(head);
        }
        archive.replay("running", vec![1], true);
        fs::write(folder.join("matches/broken.state"), b"nothing").expect("it can be written");
        assert_eq!(archive.life(Instant::now()), Life::Good);
        archive.stop();
        thread.join().expect("it ends");
        assert_eq!(archive.life(Instant::now()), Life::Ended);
        assert_eq!(archive.saved_matches(), [saved()]);
        assert!(folder.join("failed/broken.state").exists());
        let ids: Vec<String> = archive.replays(9).into_iter().map(|head| head.id).collect();
        assert_eq!(ids, ["r3", "r2"]);
        assert_eq!(fs::read(archive.replay_file("r3").expect("it is there")).expect("it can be read"), [1, 2]);
        assert_eq!(archive.replay_file("../matches/ab12"), None);
        assert_eq!(archive.replay_file("r0"), None);
        assert!(folder.join("replays/running.replay").is_file());
        assert_eq!(archive.replay_file("running"), None, "it would tell players what they do not see");

        let (archive, thread) = Archive::open(&folder, 2, metrics).expect("a folder can be made");
        archive.forget("ab12");
        archive.stop();
        thread.join().expect("it ends");
        assert!(archive.saved_matches().is_empty());
        fs::remove_dir_all(folder).expect("it can be removed");
    }
}
