//! A real server in a process of its own, and clients as programs write them.
#![allow(dead_code, reason = "each test uses a part")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use muster_core::{
    Map,
    sync::client::{ClientOptions, SyncClient},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

/// How long anything is waited for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Every player steers a disc, and hears of every message that any of them says.
pub(crate) const DISCS: &str = r#"
local rules = {}
rules.greeting = "first"
function rules.match_init(ctx, params)
    return { tick_rate = 20, players_max = 4, label = "discs", away = { seconds = 60 }, state = { discs = {} } }
end
function rules.match_join_attempt(self, player, metadata)
    if metadata and metadata.password == "wrong" then return false, "the password is wrong" end
end
function rules.match_join(self, player)
    local id = world.spawn({ x = 10 * player.number, y = 10, radius = 0.5, health = 1, health_max = 1, mass = 80,
        speed_max = 10, acceleration_max = 100, layers = 1, owner = player.number, kind = player.number })
    self.discs[tostring(player.number)] = id
    match.control(player.number, id)
end
function rules.match_leave(self, player)
    world.despawn(self.discs[tostring(player.number)])
end
function rules.match_loop(self, tick, messages)
    for _, message in messages do
        match.broadcast({ from = message.player, said = json.decode(message.text), greeting = rules.greeting })
    end
end
return rules
"#;

/// A folder that goes when it is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("muster-server-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a mode's rules.
    pub(crate) fn write_mode(&self, name: &str, rules: &str) {
        let folder = self.0.join("modes").join(name);
        fs::create_dir_all(&folder).expect("a folder can be made");
        fs::write(folder.join("rules.lua"), rules).expect("a file can be written");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is in the folder for what is temporary.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The program with its arguments.
pub(crate) fn muster(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MUSTER_") {
            command.env_remove(name);
        }
    }
    command
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// `muster dev` on a port of its own, with the modes and the data of a folder.
    pub(crate) fn dev(scratch: &Scratch, flags: &[&str]) -> Self {
        let (modes, data) = (scratch.path().join("modes"), scratch.path().join("data"));
        fs::create_dir_all(&modes).expect("a folder can be made");
        let mut command = muster(&["dev", "--listen", "127.0.0.1:0", "--backup-seconds", "1"]);
        command.arg("--modes").arg(modes).arg("--data").arg(data).args(flags);
        command.stdout(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let line = lines.next().expect("it says where it is").expect("it is text");
        let address = line.strip_prefix("muster: http://").expect("it is an address");
        Self { address: address.parse().expect("it is an address"), child }
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let ended = Command::new("kill").arg(self.child.id().to_string()).status().expect("there is a kill");
        assert!(ended.success());
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// One request, and the status and the body of its answer.
    pub(crate) async fn request(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.expect("it listens");
            stream.write_all(head.as_bytes()).await.expect("it reads");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("it answers");
            String::from_utf8_lossy(&answer).into_owned()
        };
        let answer = timeout(DEADLINE, exchange).await.expect("it answers in time");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("there is a status");
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, body.to_owned())
    }

    /// The value of a metric.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.request("GET", "/metrics", "").await;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("there is no {name} in {text}")).parse().expect("it is a number")
    }

    /// A new guest's token.
    pub(crate) async fn guest(&self, name: &str) -> String {
        let (status, body) = self.request("POST", "/v1/guests", &json!({ "name": name }).to_string()).await;
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).expect("it is JSON");
        body["token"].as_str().expect("there is a token").to_owned()
    }

    /// A connection that has said nothing.
    pub(crate) async fn open(&self) -> Client {
        let url = format!("ws://{}/v1/play", self.address);
        let connected = timeout(DEADLINE, tokio_tungstenite::connect_async(url)).await.expect("it answers in time");
        Client {
            socket: connected.expect("it lets in").0,
            sync: None,
            said: Vec::new(),
            map: None,
            keep_session: false,
            begun: Instant::now(),
        }
    }

    /// A connection of a guest.
    pub(crate) async fn connect(&self, token: &str) -> Client {
        let mut client = self.open().await;
        client.say(&json!({ "type": "connect", "token": token })).await;
        client.hear("connected").await;
        client
    }

    /// A connection of a new guest who is in a match, and what they were told.
    pub(crate) async fn join(&self, name: &str, request: Value) -> (Client, Value) {
        let mut client = self.connect(&self.guest(name).await).await;
        let joined = client.join(request).await;
        (client, joined)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A client.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) sync: Option<SyncClient>,
    /// Scripts' messages that came.
    pub(crate) said: Vec<Value>,
    /// The map of the mode that is played.
    pub(crate) map: Option<Map>,
    /// Whether a welcome is one of a session that goes on.
    pub(crate) keep_session: bool,
    begun: Instant,
}

impl Client {
    pub(crate) async fn send(&mut self, message: Message) {
        timeout(DEADLINE, self.socket.send(message)).await.expect("it is taken in time").expect("it is taken");
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.send(Message::Text(message.to_string().into())).await;
    }

    /// A message to the rules.
    pub(crate) async fn tell_rules(&mut self, text: &str) {
        let bytes = script_message(text.as_bytes());
        self.send(Message::Binary(bytes.into())).await;
    }

    /// The next JSON message; what is binary is taken in meanwhile. `None` is the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).expect("it is JSON")),
                Ok(Message::Binary(bytes)) => self.take_in(&bytes),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        match bytes.get(4..8) {
            Some(b"MUWE") if self.keep_session => {}
            Some(b"MUWE") => {
                let sync =
                    SyncClient::new(bytes, self.map.clone(), &ClientOptions::default()).expect("it is a welcome");
                self.sync = Some(sync);
            }
            Some(b"MUMS") => {
                let message = muster_schemas::read_message(bytes).expect("it is a message");
                self.said.push(serde_json::from_slice(message.data().bytes()).expect("it is JSON"));
            }
            _ => {
                let now_us = self.now_us();
                let sync = self.sync.as_mut().expect("packets come after the welcome");
                sync.receive(bytes, now_us).expect("packets of the server are good");
            }
        }
    }

    fn now_us(&self) -> u64 {
        self.begun.elapsed().as_micros() as u64
    }

    /// Waits for a JSON message of a type.
    pub(crate) async fn hear(&mut self, kind: &str) -> Value {
        let hear = async {
            loop {
                let message = self.next().await.unwrap_or_else(|| panic!("it ended before {kind}"));
                if message["type"] == kind {
                    return message;
                }
                assert_ne!(message["type"], "error", "{message} came instead of {kind}");
            }
        };
        timeout(DEADLINE, hear).await.unwrap_or_else(|_| panic!("no {kind} came"))
    }

    /// Waits for a refusal; its code.
    pub(crate) async fn refusal(&mut self) -> String {
        self.hear_error().await["code"].as_str().expect("it has a code").to_owned()
    }

    pub(crate) async fn hear_error(&mut self) -> Value {
        let hear = async {
            loop {
                let message = self.next().await.expect("it says why before it ends");
                if message["type"] == "error" {
                    return message;
                }
            }
        };
        timeout(DEADLINE, hear).await.expect("a refusal comes")
    }

    /// Waits for the end.
    pub(crate) async fn end(&mut self) {
        let end = async { while self.next().await.is_some() {} };
        timeout(DEADLINE, end).await.expect("it ends");
    }

    /// Joins and says hello.
    pub(crate) async fn join(&mut self, mut request: Value) -> Value {
        request["type"] = "match:join".into();
        self.say(&request).await;
        let joined = self.hear("match:joined").await;
        self.hello().await;
        joined
    }

    pub(crate) async fn hello(&mut self) {
        let mut hello = Vec::new();
        SyncClient::hello(&mut hello);
        self.send(Message::Binary(hello.into())).await;
    }

    /// Plays until something holds: takes packets, shows, commands, reports, as a game does.
    pub(crate) async fn play(&mut self, what: &str, mut each: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            // What comes within a frame.
            let frame = Instant::now() + Duration::from_millis(25);
            while let Ok(message) = tokio::time::timeout_at(frame.into(), self.socket.next()).await {
                match message.expect("it goes on").expect("it goes on") {
                    Message::Binary(bytes) => self.take_in(&bytes),
                    Message::Text(text) => {
                        let message: Value = serde_json::from_str(&text).expect("it is JSON");
                        assert_ne!(message["type"], "error", "{message}");
                    }
                    _ => {}
                }
            }
            let now_us = self.now_us();
            if let Some(sync) = &mut self.sync {
                sync.advance(now_us);
            }
            if each(self) {
                return;
            }
            assert!(Instant::now() < deadline, "{what} did not come about");
            let mut report = Vec::new();
            if let Some(sync) = &mut self.sync {
                sync.report(now_us, &mut report);
                self.send(Message::Binary(report.into())).await;
            }
        }
    }

    /// Where the disc of a player is shown, in centimetres from where its sector begins.
    pub(crate) fn disc_of(&self, number: u32) -> Option<(i64, i64)> {
        let shown = self.sync.as_ref()?.shown();
        let at = shown.owner.iter().position(|owner| *owner == number)?;
        let cm = |units: i32| i64::from(units) * 100 / i64::from(muster_core::METRE);
        Some((cm(shown.x[at]), cm(shown.y[at])))
    }
}

/// A message to or of the rules.
pub(crate) fn script_message(text: &[u8]) -> Vec<u8> {
    use muster_schemas::{
        Builder,
        sync::{MessageArgs, finish_message_buffer},
    };
    let mut builder = Builder::new();
    let data = builder.create_vector(text);
    let message = muster_schemas::sync::Message::create(&mut builder, &MessageArgs { data: Some(data) });
    finish_message_buffer(&mut builder, message);
    builder.finished_data().to_vec()
}
