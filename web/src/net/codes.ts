/** What a player is told when something was refused, and what to do about it: the codes are those of docs/DOORS.md. */

/** A code's text; `more` is shown behind it where rules or the server have a reason of their own. */
const TEXTS: Record<string, string> = {
  not_connected: "The server did not learn who you are. Load the page again.",
  token_invalid: "The server does not know you any more. Enter your name again to play.",
  token_expired: "You were away for too long. Enter your name again to play.",
  malformed: "This page and the server do not understand each other. Load the page again.",
  too_large: "That was too much at once. Say it in fewer words.",
  rate_limited: "That was too fast. Wait a moment and try again.",
  too_many_connections: "There are too many connections from your network. Close other tabs of the game and try again.",
  draining: "The server is about to restart. Try again in a minute.",
  server_full: "The server is full. Try again later, or join a match that runs.",
  busy: "The server is busy. Try again in a moment.",
  mode_unknown: "The server does not have this mode any more. Choose another one.",
  mode_broken: "The rules of this mode have a mistake. Choose another one until it is mended.",
  match_unknown: "This match is over. Join another one, or begin one.",
  match_full: "This match is full. Join another one, or look on.",
  match_refused: "This match does not let you in.",
  match_failed: "The match broke and is over. Begin another one.",
  no_spectators: "Nobody may look on in this match. Join another one.",
  already_joined: "You are in a match already. Leave it first.",
  not_joined: "You are not in a match. Join one first.",
  resume_gone: "Your place in the match is gone. Join another one.",
  name_invalid: "A name has 1 to 32 letters, digits, spaces or signs; long ones of other scripts may have fewer. Choose another one.",
  hello_refused: "This page is of another version than the server. Load the page again.",
  rtc_off: "This server has no WebRTC. The game goes on over the WebSocket.",
  rtc_failed: "No WebRTC connection came about. The game goes on over the WebSocket.",
  developer_off: "Only a server in development shows this.",
  replaced: "You play in another tab or on another device now.",
  idle: "Nothing came from you for too long. Join again.",
  slow: "Your connection did not keep up. Join again, perhaps in a better network.",
  kicked: "You were sent out of the match.",
  method_not_allowed: "This page and the server do not understand each other. Load the page again.",
  not_found: "This is not there any more. Choose something else.",
};

/** Codes of which the server's own words say more than its code does. */
const HAS_REASON = new Set(["mode_broken", "match_refused", "kicked", "malformed", "hello_refused", "match_failed"]);

/** Why a player is out of a match. */
const LEFT: Record<string, string> = {
  left: "",
  kicked: "You were sent out of the match.",
  lost: "You were away for too long, and your place is gone. Join again.",
  closing: "The server has closed the match. Try again in a minute.",
};

/** What to say about a refusal. */
export function explain(code: string, message: string): string {
  const text = TEXTS[code];
  if (text === undefined) return message;
  return HAS_REASON.has(code) && message !== "" ? `${text} (${message})` : text;
}

export const explainLeft = (reason: string): string => LEFT[reason] ?? reason;
