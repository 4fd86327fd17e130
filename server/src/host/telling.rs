//! What a match says, on its way to its players, the log and the directory.

use std::sync::Arc;

use bytes::Bytes;
use muster_core::{
    EntityId,
    sync::server::{View, ViewPoint, ViewerOptions},
};
use muster_schemas::{
    Builder,
    sync::{Message, MessageArgs, finish_message_buffer},
};
use muster_scripts::{Ended, LeaveReason, LogLevel, Output, StoreRequest, StoreResult};

use super::running::Running;
use crate::{
    code::{ErrorCode, Refusal},
    door::{
        line::copied,
        message::{ScriptFault, ServerMessage},
    },
    store::Errand,
};

/// Longest text of a label in the directory, in bytes.
const LABEL_BYTES_MAX: usize = 2048;

impl Running {
    /// Carries out everything that the match says. How it ended, if it did, is kept for the worker.
    pub(super) fn tell(&mut self) {
        // Whoever is kicked leaves, of which the rules may say something.
        if std::mem::replace(&mut self.is_telling, true) {
            return;
        }
        while let Some(output) = self.game.poll_output() {
            match output {
                Output::Message { to, bytes } => {
                    let frame = encode(&mut self.builder, &bytes);
                    self.seats.send(to, frame);
                }
                Output::Log { level, text, version } => self.log(level, &text, &version),
                Output::ScriptError(error) => self.handle_fault(ScriptFault::from(&*error)),
                Output::Store(request) => self.ask_store(request),
                Output::Kick { player, reason } => self.kick(player, &reason),
                Output::Label(label) => {
                    let label: String = label.chars().take(LABEL_BYTES_MAX).collect();
                    self.commons.directory.update(self.no, |listing| listing.label = label);
                }
                Output::Predicted { player, entity } => {
                    if let Some(sitter) = self.seats.by_number.get_mut(&player) {
                        sitter.predicted = entity;
                        self.point(player);
                    }
                }
                Output::View { player, points } => {
                    if let Some(sitter) = self.seats.by_number.get_mut(&player) {
                        sitter.views = points;
                        self.point(player);
                    }
                }
                Output::Team { player, team } => self.change_team(player, team),
                Output::Ended(ended) => self.ended = Some(ended),
            }
        }
        self.is_telling = false;
        for (line, reason) in std::mem::take(&mut self.leaving) {
            let reason = match reason {
                LeaveReason::Left => "left",
                LeaveReason::Lost => "lost",
                LeaveReason::Kicked => "kicked",
                LeaveReason::Closing => "closing",
            };
            line.set_seat(None);
            line.text(ServerMessage::Left { reason }.text());
        }
    }

    /// Passes a request on to the store, whose answer is an order of the worker's.
    fn ask_store(&mut self, request: StoreRequest) {
        let id = request.id;
        let errand = Errand { mode: self.mode.clone(), request, match_no: self.no, worker: self.door.clone() };
        if let Err(refusal) = self.commons.store.ask(errand) {
            self.game.handle_stored(id, StoreResult::Failed(refusal.to_string()));
        }
    }

    /// A script has failed: the log, those who watch, and the overlay are told.
    pub(super) fn handle_fault(&mut self, fault: ScriptFault) {
        let ScriptFault { file, line, message, hint, version } = &fault;
        let (message, hint) = (one_line(message), one_line(hint));
        tracing::error!(target: "script", mode = %self.mode, game = %self.id, %version, "{file}:{line}: {message} {hint}");
        self.seats.tell_watchers(|| ServerMessage::ScriptError(&fault).text());
        self.last_fault = Some(fault);
    }

    fn log(&self, level: LogLevel, text: &str, version: &str) {
        let (mode, game) = (&self.mode, &self.id);
        match level {
            LogLevel::Debug => tracing::debug!(target: "script", %mode, %game, %version, "{text}"),
            LogLevel::Info => tracing::info!(target: "script", %mode, %game, %version, "{text}"),
            LogLevel::Warn => tracing::warn!(target: "script", %mode, %game, %version, "{text}"),
            LogLevel::Error => tracing::error!(target: "script", %mode, %game, %version, "{text}"),
        }
    }

    fn kick(&mut self, number: u32, reason: &str) {
        let Some(sitter) = self.seats.by_number.get(&number) else { return };
        if let Some(line) = &sitter.line {
            let refusal = Refusal::because(ErrorCode::Kicked, reason);
            line.text(ServerMessage::refusal(&refusal));
        }
        self.leave(number, LeaveReason::Kicked);
    }

    /// Tells the synchronisation what a player predicts and sees.
    pub(super) fn point(&mut self, number: u32) {
        let Some(sitter) = self.seats.by_number.get(&number) else { return };
        let Some(viewer) = sitter.viewer else { return };
        let settings = self.game.settings();
        let around = |entity| View {
            point: ViewPoint::Entity(entity),
            enter: settings.view_enter,
            leave: settings.view_leave.max(settings.view_enter),
        };
        let own = [around(sitter.predicted)];
        let views = match (sitter.views.is_empty(), sitter.predicted == EntityId::NULL) {
            (false, _) => sitter.views.as_slice(),
            (true, false) => &own,
            (true, true) => &[],
        };
        let told = self.sync.set_predicted(viewer, sitter.predicted).and_then(|()| self.sync.set_views(viewer, views));
        if let Err(error) = told {
            tracing::warn!(game = %self.id, %error, "a point of view cannot be");
        }
    }

    /// A player is on another side, and sees what that one does.
    fn change_team(&mut self, number: u32, team: u16) {
        let Some(sitter) = self.seats.by_number.get_mut(&number) else { return };
        if std::mem::replace(&mut sitter.team, team) == team {
            return;
        }
        if let Some(viewer) = sitter.viewer {
            self.sync.set_team(viewer, team).expect("a sitter's viewer is there");
        }
        if let Some(line) = &sitter.line {
            line.text(ServerMessage::Team { team }.text());
        }
    }

    /// What the viewer of a seat may see.
    pub(super) fn viewer_options(&self, number: u32, team: u16, is_spectator: bool) -> ViewerOptions {
        ViewerOptions {
            player: if is_spectator { 0 } else { number },
            team,
            sees_hidden: false,
            is_everywhere: is_spectator,
            delay: 0,
            budget: self.commons.settings.limits.packet_bytes_per_second,
        }
    }

    /// Tells everybody that the match is over, and lets them out.
    pub(super) fn dismiss(&mut self, ended: &Ended, refusal: Option<&Refusal>) {
        let text = ServerMessage::Ended { reason: &ended.reason, result: &ended.result }.text();
        for sitter in self.seats.by_number.values_mut() {
            let Some(line) = sitter.line.take() else { continue };
            // Whoever hears of the end may join another match at once.
            line.set_seat(None);
            if let Some(refusal) = refusal {
                line.text(ServerMessage::refusal(refusal));
            }
            line.text(text.clone());
        }
    }
}

/// A script's message as it goes over the wire.
fn encode(builder: &mut Builder<'static>, text: &[u8]) -> Bytes {
    builder.reset();
    let data = builder.create_vector(text);
    let message = Message::create(builder, &MessageArgs { data: Some(data) });
    finish_message_buffer(builder, message);
    copied(builder.finished_data())
}

/// What scripts say, as one line of the log: it could be taken for several.
pub(crate) fn one_line(text: &str) -> String {
    text.replace(|letter: char| letter.is_control(), " ")
}

/// A name of the archive's and the log's: why a match ended.
pub(super) fn reason_of(ended: &Ended) -> String {
    ended.error.as_ref().map_or_else(|| ended.reason.clone(), |error| format!("{}: {error}", ended.reason))
}

/// Sends a refusal.
pub(super) fn refuse(line: &Arc<crate::door::line::Line>, refusal: &Refusal) {
    line.text(ServerMessage::refusal(refusal));
}
