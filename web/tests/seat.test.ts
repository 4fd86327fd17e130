// Goal: a seat outlives its line, and nothing is said on a new line before the seat is had again, since a server refuses that. Method:
// a session over sockets that the test opens and closes, and everything that it says on them.

import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { ServerText } from "../src/net/messages";
import { Session } from "../src/net/session";

/** The browser's end of a line; the test is the other one. */
class Socket {
  static readonly OPEN = 1;
  static all: Socket[] = [];
  readyState = 0;
  bufferedAmount = 0;
  binaryType = "";
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  readonly said: (string | Uint8Array)[] = [];

  constructor(readonly url: string) {
    Socket.all.push(this);
  }

  send(data: string | Uint8Array): void {
    this.said.push(data);
  }

  close(): void {
    this.readyState = 3;
  }

  async open(): Promise<void> {
    this.readyState = Socket.OPEN;
    this.onopen?.();
    // The session goes on in later turns.
    await vi.advanceTimersByTimeAsync(0);
  }

  async tell(message: ServerText): Promise<void> {
    this.onmessage?.({ data: JSON.stringify(message) });
    await vi.advanceTimersByTimeAsync(0);
  }

  lose(): void {
    this.readyState = 3;
    this.onclose?.();
  }

  /** The kinds of what was said, without pings; bytes by their identifier. */
  get kinds(): string[] {
    return this.said
      .map((one) => (typeof one === "string" ? (JSON.parse(one) as { type: string }).type : new TextDecoder().decode(one.subarray(4, 8))))
      .filter((kind) => kind !== "ping");
  }
}

const joined: ServerText = {
  type: "match:joined", match: "m", mode: "arena", number: 1, team: 0, resume: "seat", spectator: false,
  settings: { tick_rate: 20, players_max: 8, teams: 2, label: "", version: "v", map: null, developer: false, client: null },
};
const connected: ServerText = { type: "connected", player: "p", name: "Ann", version: "v" };
const report = new Uint8Array(12);
report.set(new TextEncoder().encode("MURE"), 4);

const heard = {
  joined: vi.fn(), opened: vi.fn(), scriptMessage: vi.fn(), text: vi.fn(), waiting: vi.fn(), ended: vi.fn(),
};

beforeEach(() => {
  vi.useFakeTimers();
  Socket.all = [];
  const kept = new Map<string, string>();
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("location", { protocol: "http:", host: "127.0.0.1" });
  vi.stubGlobal("addEventListener", () => undefined);
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.clearAllMocks();
});

/** A session that had its seat and lost the line; the next line is open and waits for the server. */
async function openedAgain(request: { mode?: string; replay?: string }): Promise<[Session, Socket]> {
  const session = new Session({ token: "t", player: "p", name: "Ann" }, request, heard, true);
  await Socket.all[0].open();
  await Socket.all[0].tell(connected);
  await Socket.all[0].tell(joined);
  expect(heard.joined).toHaveBeenCalledTimes(1);
  Socket.all[0].lose();
  expect(heard.waiting).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(Socket.all.length).toBe(2);
  await Socket.all[1].open();
  return [session, Socket.all[1]];
}

it("says nothing of a match before the seat is had again", async () => {
  const [session, socket] = await openedAgain({ mode: "arena" });
  const sayAll = (): void => {
    session.sendReport(report);
    session.sendScript({ ready: true });
    session.seek(7);
    session.pause(true);
  };
  sayAll();
  await socket.tell(connected);
  sayAll();
  expect(socket.kinds).toEqual(["connect", "match:join"]);
  expect(socket.said[1]).toBe(JSON.stringify({ type: "match:join", resume: "seat" }));
  await socket.tell(joined);
  sayAll();
  expect(socket.kinds.filter((kind) => kind === "MURE").length).toBe(1);
  expect(socket.kinds).toEqual(expect.arrayContaining(["MUHE", "MUMS", "replay:seek", "replay:pause"]));
  expect(heard.ended).not.toHaveBeenCalled();
  session.close();
});

it("goes to the tick that was asked for while there was no line", async () => {
  const [session, socket] = await openedAgain({ replay: "r" });
  session.seek(99);
  await socket.tell(connected);
  await socket.tell({ ...joined, replay: { tick_first: 0, tick_last: 200, tick: 0, players: [] } });
  expect(socket.said.filter((one) => typeof one === "string" && one.includes("seek"))).toEqual([
    JSON.stringify({ type: "replay:seek", tick: 99 }),
  ]);
  session.close();
});

it("ends by an error before the seat, and tells one after it", async () => {
  const [session, socket] = await openedAgain({ mode: "arena" });
  await socket.tell(connected);
  await socket.tell(joined);
  await socket.tell({ type: "error", code: "malformed", message: "no" });
  expect(heard.ended).not.toHaveBeenCalled();
  expect(heard.text).toHaveBeenCalledWith(expect.objectContaining({ type: "error", code: "malformed" }));
  socket.lose();
  await vi.advanceTimersByTimeAsync(1_000);
  await Socket.all[2].open();
  await Socket.all[2].tell({ type: "error", code: "malformed", message: "no" });
  expect(heard.ended).toHaveBeenCalledTimes(1);
  session.close();
});

it("waits for a server that ends in order, and takes its seat again", async () => {
  const session = new Session({ token: "t", player: "p", name: "Ann" }, { mode: "arena" }, heard, true);
  await Socket.all[0].open();
  await Socket.all[0].tell(connected);
  await Socket.all[0].tell(joined);
  await Socket.all[0].tell({ type: "error", code: "draining", message: "the server is about to end" });
  Socket.all[0].lose();
  expect(heard.waiting).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(2_500);
  // The next one is there too early, and is not let in.
  expect(Socket.all.length).toBe(2);
  await Socket.all[1].open();
  await Socket.all[1].tell({ type: "error", code: "draining", message: "the server is about to end" });
  await vi.advanceTimersByTimeAsync(2_500);
  expect(Socket.all.length).toBe(3);
  await Socket.all[2].open();
  await Socket.all[2].tell(connected);
  expect(Socket.all[2].said[1]).toBe(JSON.stringify({ type: "match:join", resume: "seat" }));
  await Socket.all[2].tell(joined);
  expect(heard.ended).not.toHaveBeenCalled();
  session.close();
});

it("is told that a server ends where it has no seat yet", async () => {
  const session = new Session({ token: "t", player: "p", name: "Ann" }, { mode: "arena" }, heard, true);
  await Socket.all[0].open();
  await Socket.all[0].tell({ type: "error", code: "draining", message: "the server is about to end" });
  expect(heard.ended).toHaveBeenCalledTimes(1);
  session.close();
});
