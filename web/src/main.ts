/** The page: a lobby, and a match when one is played. A tab that was in a match comes back to it. */

import { Play } from "./game/play";
import { keptSeat } from "./net/session";
import type { Guest } from "./net/api";
import type { JoinRequest } from "./net/messages";
import { Lobby } from "./view/lobby";

declare global {
  interface Window {
    /** What tests look at. */
    muster?: { inspect(): object };
  }
}

function part(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/** `?transport=websocket` never tries data channels. */
const isPlain = new URLSearchParams(location.search).get("transport") === "websocket";
const lobby = new Lobby(part("lobby"), (guest, request) => play(guest, request));

function play(guest: Guest, request: JoinRequest): void {
  lobby.hide();
  const match = new Play(
    part("game"),
    guest,
    request,
    (reason, next) => {
      delete window.muster;
      if (next === undefined) lobby.show(reason);
      else play(guest, next);
    },
    isPlain,
  );
  window.muster = { inspect: () => match.inspect() };
}

const kept = keptSeat();
if (kept === null) lobby.show();
else play(kept.guest, { resume: kept.resume });
