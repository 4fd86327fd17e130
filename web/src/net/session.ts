/**
 * A seat in a match, kept through lost connections. **Whoever was in a match when the line broke, or the page was loaded
 * again, comes back to the same seat**, by the token that the server gave.
 */

import * as api from "./api";
import { iceServersOf } from "./channels";
import { explain, explainLeft } from "./codes";
import { type Carrier, Link } from "./link";
import { type JoinRequest, type Joined, type ServerText, isKind, readScriptMessage, writeScriptMessage } from "./messages";
import { SyncClient } from "../sync/client";
import { readWelcome, writeHello } from "../sync/terms";
import { type MapDocument, wallsOf } from "../sync/walls";

export interface SessionHandler {
  /** In a match; `map` is null if it has none. */
  joined(joined: Joined, map: MapDocument | null): void;
  /** Packets can be read from now on. */
  opened(client: SyncClient): void;
  scriptMessage(message: unknown): void;
  text(message: ServerText): void;
  /** The line is gone; it is tried again in so many seconds. */
  waiting(reason: string, seconds: number, attempt: number): void;
  /** It is over, and why. */
  ended(reason: string): void;
}

/** What of a seat outlives the page; a tab has its own. */
interface Kept {
  guest: api.Guest;
  resume: string;
}

const KEPT = "muster.seat";
const HELLO_MS = 500;
/** More than a minute, as long as a place in a match is kept. */
const ATTEMPTS_MAX = 40;
const WAIT_SECONDS = 0.25;
const WAIT_SECONDS_MAX = 2;
/** A server that ends in order takes a moment to be gone. */
const RESTART_SECONDS = 1.5;
const EARLY_MAX = 64;
/** Codes after which there is nothing to come back to. */
const FINAL = new Set([
  "resume_gone", "match_unknown", "match_full", "match_refused", "mode_unknown", "mode_broken", "no_spectators", "kicked",
  "replaced", "token_invalid", "token_expired", "server_full", "hello_refused", "match_failed", "draining", "name_invalid",
  "not_connected",
]);
/** Codes of which nothing is left after a while. */
const PASSING = new Set(["busy", "rate_limited", "too_many_connections", "idle", "slow"]);

/** The seat that this tab had last. */
export function keptSeat(): Kept | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as Partial<Kept> | null;
    // What another page of this address has left there is no seat.
    if (typeof kept?.resume !== "string" || typeof kept.guest?.token !== "string") return null;
    return kept as Kept;
  } catch {
    return null;
  }
}

export class Session {
  private link: Link | null = null;
  private client: SyncClient | null = null;
  private walls = wallsOf({ size: [0, 0] });
  private helloTimer: ReturnType<typeof setInterval> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  /** Grows with every try to have a line. */
  private line = 0;
  private isOver = false;
  /** The server has said `match:joined` on this connection. */
  private isSeated = false;
  /** Grows with every `match:joined`: what was begun for an older one comes to nothing. */
  private turn = 0;
  private resume: string | undefined;
  private iceServers: RTCIceServer[] = [];
  private readonly early: Uint8Array[] = [];
  private readonly maps = new Map<string, MapDocument>();
  /** Where the replay was when the line broke. */
  private replayTick: number | null = null;
  private isBroken = false;
  joined: Joined | null = null;
  /** How often there was a line. */
  connections = 0;
  private readonly stop = new AbortController();

  constructor(
    private readonly guest: api.Guest,
    private readonly request: JoinRequest,
    private readonly handler: SessionHandler,
    /** Never tries data channels. */
    private readonly isPlain = false,
  ) {
    this.resume = request.resume;
    addEventListener("online", () => this.hurry(), { signal: this.stop.signal });
    void this.connect();
  }

  get carrier(): Carrier {
    return this.link?.carrier ?? "websocket";
  }

  /** Packets can be had. */
  get isOnline(): boolean {
    return this.link !== null && this.client !== null;
  }

  private async connect(): Promise<void> {
    clearTimeout(this.retryTimer);
    this.retryTimer = undefined;
    // What an older line still says is for nobody: two lines of one player would put each other out of the seat.
    const line = ++this.line;
    const own =
      <T extends unknown[]>(handle: (...said: T) => void) =>
      (...said: T): void => {
        if (line === this.line) handle(...said);
      };
    try {
      const link = await Link.open({
        text: own((message) => this.handleText(message)),
        binary: own((bytes) => this.handleBinary(bytes)),
        rerouted: own(() => this.sayHello()),
        closed: own(() => this.retry("Connection lost")),
      });
      if (this.isOver || line !== this.line) return link.close();
      this.link = link;
      this.connections++;
      link.send({ type: "connect", token: this.guest.token });
    } catch {
      if (line === this.line) this.retry("The server cannot be reached");
    }
    return undefined;
  }

  /** The line is gone; it is tried again a little later each time, not by all players at once. */
  private retry(reason: string, leastSeconds = 0): void {
    if (this.isOver) return;
    this.stopHello();
    this.link?.close();
    this.link = null;
    this.line++;
    this.client = null;
    this.isBroken ||= this.isSeated;
    this.isSeated = false;
    this.turn++;
    if (++this.attempt > ATTEMPTS_MAX) return this.end("The server cannot be reached. Try again in a minute.", true);
    const usual = Math.min(WAIT_SECONDS * 2 ** (this.attempt - 1), WAIT_SECONDS_MAX) * (0.8 + 0.4 * Math.random());
    const seconds = Math.max(usual, leastSeconds);
    this.handler.waiting(reason, seconds, this.attempt);
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => void this.connect(), seconds * 1000);
  }

  /** The network is back: nothing is waited for. */
  private hurry(): void {
    if (this.retryTimer === undefined) return;
    clearTimeout(this.retryTimer);
    void this.connect();
  }

  private handleText(message: ServerText): void {
    switch (message.type) {
      case "connected":
        this.iceServers = iceServersOf(message.ice_servers);
        this.link?.send({ type: "match:join", ...(this.resume === undefined ? this.request : { resume: this.resume }) });
        break;
      case "match:joined":
        void this.handleJoined(message);
        break;
      case "match:team":
        if (this.joined !== null) this.joined.team = message.team;
        break;
      case "match:ended":
        this.handler.text(message);
        this.isOver = true;
        this.forget();
        this.stopHello();
        this.stop.abort();
        break;
      case "match:left":
        this.end(explainLeft(message.reason));
        break;
      case "error":
        this.handleError(message.code, message.message);
        break;
      case "replay:at":
        this.replayTick = message.tick;
        this.handler.text(message);
        break;
      case "pong":
        break;
      default:
        this.handler.text(message);
    }
  }

  private handleError(code: string, message: string): void {
    const text = explain(code, message);
    const isOfPlace = !code.startsWith("rtc") && code !== "developer_off";
    const hasPlace = this.resume !== undefined || this.joined !== null;
    // A server that ends in order keeps the match, and goes on with it when it is there again.
    if (code === "draining" && hasPlace) this.retry("The server restarts", RESTART_SECONDS);
    else if (FINAL.has(code)) this.end(text);
    else if (PASSING.has(code) && !this.isSeated) this.retry(text);
    else if (!this.isSeated && isOfPlace) this.end(text);
    else if (isOfPlace) this.handler.text({ type: "error", code, message: text });
  }

  private async handleJoined(joined: Joined): Promise<void> {
    const turn = ++this.turn;
    this.attempt = 0;
    this.joined = joined;
    this.client = null;
    this.isSeated = true;
    this.early.length = 0;
    if (joined.resume !== undefined) {
      this.resume = joined.resume;
      sessionStorage.setItem(KEPT, JSON.stringify({ guest: this.guest, resume: joined.resume } satisfies Kept));
    }
    const { link } = this;
    if (joined.replay !== undefined && this.isBroken && this.replayTick !== null) {
      link?.send({ type: "replay:seek", tick: this.replayTick });
    }
    this.isBroken = false;
    const map = joined.settings.map === null ? null : await this.mapOf(joined.settings.map);
    if (turn !== this.turn || this.link !== link || this.isOver) return;
    this.walls = map === null ? [] : wallsOf(map);
    this.handler.joined(joined, map);
    if (joined.settings.developer) link?.send({ type: "dev:watch", on: true });
    this.sayHello();
    // What is played by the WebSocket goes on by the channels when they are there.
    if (!this.isPlain) link?.openChannels(this.iceServers);
  }

  private async mapOf(id: string): Promise<MapDocument | null> {
    const known = this.maps.get(id);
    if (known !== undefined) return known;
    try {
      const map = await api.map(id);
      this.maps.set(id, map);
      return map;
    } catch {
      return null;
    }
  }

  /** Says by which way packets are to come, until there is a welcome. */
  private sayHello(): void {
    this.stopHello();
    if (!this.isSeated) return;
    const say = (): void => this.link?.sendReliable(writeHello());
    say();
    this.helloTimer = setInterval(say, HELLO_MS);
  }

  private stopHello(): void {
    clearInterval(this.helloTimer);
    this.helloTimer = undefined;
  }

  private handleBinary(bytes: Uint8Array): void {
    if (isKind(bytes, "MUMS")) {
      const message = readScriptMessage(bytes);
      if (message !== undefined) this.handler.scriptMessage(message);
    } else if (isKind(bytes, "MUWE")) {
      this.handleWelcome(bytes);
    } else if (this.client !== null) {
      this.client.receive(bytes, performance.now() * 1000);
    } else if (this.early.length < EARLY_MAX) {
      // Packets overtake the welcome, which comes by another channel.
      this.early.push(bytes.slice());
    }
  }

  private handleWelcome(bytes: Uint8Array): void {
    this.stopHello();
    let welcome;
    try {
      welcome = readWelcome(bytes);
    } catch (error) {
      return this.end(explain("hello_refused", error instanceof Error ? error.message : ""));
    }
    // Said again after the way has changed: the same session goes on.
    if (this.client?.welcome.session === welcome.session) return;
    this.client = new SyncClient(welcome, this.walls);
    for (const packet of this.early.splice(0)) this.client.receive(packet, performance.now() * 1000);
    this.handler.opened(this.client);
  }

  /** The line, once the seat is had: what is said before that is refused, and would end the session. */
  private get seatedLink(): Link | null {
    return this.isSeated ? this.link : null;
  }

  sendReport(bytes: Uint8Array<ArrayBuffer>): void {
    this.seatedLink?.sendState(bytes);
  }

  /** False if there is no line to say it on. */
  sendScript(message: unknown): boolean {
    const link = this.seatedLink;
    link?.sendReliable(writeScriptMessage(message));
    return link !== null;
  }

  /** To another tick of the replay; without a line, as soon as there is one. */
  seek(tick: number): void {
    this.replayTick = tick;
    this.seatedLink?.send({ type: "replay:seek", tick });
  }

  pause(on: boolean): void {
    this.seatedLink?.send({ type: "replay:pause", on });
  }

  /** Goes for good. */
  leave(): void {
    this.link?.send({ type: "match:leave" });
    this.end("");
  }

  private end(reason: string, isKept = false): void {
    if (this.isOver) return;
    this.isOver = true;
    if (!isKept) this.forget();
    this.stop.abort();
    this.stopHello();
    clearTimeout(this.retryTimer);
    this.link?.close();
    this.handler.ended(reason);
  }

  /** Lets go of what is left after the end. */
  close(): void {
    this.isOver = true;
    this.stop.abort();
    this.stopHello();
    clearTimeout(this.retryTimer);
    this.link?.close();
  }

  private forget(): void {
    sessionStorage.removeItem(KEPT);
  }
}
