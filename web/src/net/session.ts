/**
 * A seat in a match, kept through lost connections. **Whoever was in a match when the line broke, or the page was loaded
 * again, comes back to the same seat**, by the token that the server gave.
 */

import * as api from "./api";
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
  waiting(seconds: number, attempt: number): void;
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
const ATTEMPTS_MAX = 12;
/** Codes after which there is no seat to come back to. */
const FINAL = new Set([
  "resume_gone", "match_unknown", "match_full", "match_refused", "mode_unknown", "mode_broken", "no_spectators", "kicked",
  "replaced", "token_invalid", "token_expired", "server_full", "hello_refused", "match_failed", "draining",
]);

/** The seat that this tab had last. */
export function keptSeat(): Kept | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as Kept | null;
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
  private isOver = false;
  private resume: string | undefined;
  private readonly early: Uint8Array[] = [];
  joined: Joined | null = null;

  constructor(
    private readonly guest: api.Guest,
    private readonly request: JoinRequest,
    private readonly handler: SessionHandler,
    /** Never tries data channels. */
    private readonly isPlain = false,
  ) {
    this.resume = request.resume;
    void this.connect();
  }

  get carrier(): Carrier {
    return this.link?.carrier ?? "websocket";
  }

  private async connect(): Promise<void> {
    try {
      const link = await Link.open({
        text: (message) => this.handleText(message),
        binary: (bytes) => this.handleBinary(bytes),
        rerouted: () => this.sayHello(),
        closed: () => this.retry(),
      });
      if (this.isOver) return link.close();
      this.link = link;
      link.send({ type: "connect", token: this.guest.token });
      return undefined;
    } catch {
      this.retry();
      return undefined;
    }
  }

  private retry(): void {
    if (this.isOver) return;
    this.stopHello();
    this.link = null;
    this.client = null;
    if (++this.attempt > ATTEMPTS_MAX) return this.end("the server cannot be reached");
    const seconds = Math.min(0.25 * 2 ** (this.attempt - 1), 5);
    this.handler.waiting(seconds, this.attempt);
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => void this.connect(), seconds * 1000);
  }

  private handleText(message: ServerText): void {
    switch (message.type) {
      case "connected":
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
        this.forget();
        this.isOver = true;
        this.stopHello();
        break;
      case "match:left":
        this.end(message.reason);
        break;
      case "error":
        this.handler.text(message);
        if (FINAL.has(message.code)) this.end(message.message);
        break;
      default:
        this.handler.text(message);
    }
  }

  private async handleJoined(joined: Joined): Promise<void> {
    this.attempt = 0;
    this.joined = joined;
    this.client = null;
    if (joined.resume !== undefined) {
      this.resume = joined.resume;
      sessionStorage.setItem(KEPT, JSON.stringify({ guest: this.guest, resume: joined.resume } satisfies Kept));
    }
    const { link } = this;
    const mapOf = joined.settings.map ? api.map(joined.mode).catch(() => null) : Promise.resolve(null);
    const channels = this.isPlain || link === null ? Promise.resolve(false) : link.openChannels();
    const [map] = await Promise.all([mapOf, channels]);
    if (this.link !== link || this.isOver) return;
    this.walls = map === null ? [] : wallsOf(map);
    this.handler.joined(joined, map);
    if (joined.settings.developer) link?.send({ type: "dev:watch", on: true });
    this.sayHello();
  }

  /** Says by which way packets are to come, until there is a welcome. */
  private sayHello(): void {
    this.stopHello();
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
    } else if (this.early.length < 64) {
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
      return this.end(error instanceof Error ? error.message : "the welcome cannot be read");
    }
    // Said again after the way has changed: the same session goes on.
    if (this.client?.welcome.session === welcome.session) return;
    this.client = new SyncClient(welcome, this.walls);
    for (const packet of this.early.splice(0)) this.client.receive(packet, performance.now() * 1000);
    this.handler.opened(this.client);
  }

  sendReport(bytes: Uint8Array<ArrayBuffer>): void {
    this.link?.sendState(bytes);
  }

  sendScript(message: unknown): void {
    this.link?.sendReliable(writeScriptMessage(message));
  }

  /** Goes for good. */
  leave(): void {
    this.link?.send({ type: "match:leave" });
    this.end("left");
  }

  private end(reason: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.forget();
    this.stopHello();
    clearTimeout(this.retryTimer);
    this.link?.close();
    this.handler.ended(reason);
  }

  private forget(): void {
    sessionStorage.removeItem(KEPT);
  }
}
