/** What the WebSocket carries as text, and script messages as bytes. */

import { Builder, ByteBuffer } from "flatbuffers";

import type { ScriptFault } from "./api";
import { Message } from "../sync/generated/muster/message";

/** From when to when a replay is, and where. */
export interface ReplaySpan {
  tick_first: number;
  tick_last: number;
  tick: number;
  players: string[];
  /** The number that each of the players had. */
  numbers?: number[];
}

export interface Joined {
  match: string;
  mode: string;
  /** The player's number; 0 is a spectator. */
  number: number;
  team: number;
  resume?: string;
  spectator: boolean;
  /** Only of a replay. */
  replay?: ReplaySpan;
  /** Who plays. */
  players?: unknown;
  settings: {
    tick_rate: number;
    players_max: number;
    teams: number;
    label: string;
    version: string;
    /** What names the map. */
    map: string | null;
    developer: boolean;
    client: unknown;
  };
}

export interface DevStats {
  tick: number;
  tick_ms: number;
  tick_ms_mean: number;
  late_ms: number;
  ticks_lost: number;
  entities: number;
  cells: number;
  groups: number;
  viewers: number;
  rate_step: number;
  script_work: number;
  script_bytes: number;
  version: string;
  error: ScriptFault | null;
}

export type ServerText =
  | { type: "connected"; player: string; name: string; version: string; ice_servers?: unknown }
  | ({ type: "match:joined" } & Joined)
  | { type: "match:team"; team: number }
  | { type: "match:ended"; reason: string; result: unknown }
  | { type: "match:left"; reason: string }
  | { type: "rtc:answer"; sdp: string }
  | { type: "pong"; at: number; now: number }
  | { type: "replay:at"; tick: number; paused: boolean }
  | ({ type: "script:error" } & ScriptFault)
  | { type: "script:reloaded"; version: string }
  | ({ type: "dev:stats" } & DevStats)
  | { type: "error"; code: string; message: string };

export interface JoinRequest {
  mode?: string;
  match?: string;
  replay?: string;
  spectate?: boolean;
  metadata?: unknown;
  resume?: string;
}

export type ClientText =
  | { type: "connect"; token: string }
  | ({ type: "match:join" } & JoinRequest)
  | { type: "match:leave" }
  | { type: "rtc:offer"; sdp: string }
  | { type: "ping"; at: number }
  | { type: "replay:seek"; tick: number }
  | { type: "replay:pause"; on: boolean }
  | { type: "dev:watch"; on: boolean };

/** What begins a FlatBuffer of ours with this identifier. */
export function isKind(bytes: Uint8Array, identifier: string): boolean {
  return bytes.length >= 8 && [...identifier].every((sign, at) => bytes[4 + at] === sign.charCodeAt(0));
}

/** Most bytes of what scripts and players say to each other. */
const MESSAGE_MAX = 16 << 10;

/** The JSON of a script's message; undefined if it is none. */
export function readScriptMessage(bytes: Uint8Array): unknown {
  try {
    const data = Message.getRootAsMessage(new ByteBuffer(bytes)).dataArray();
    if (data === null || data.length > MESSAGE_MAX) return undefined;
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
  } catch {
    return undefined;
  }
}

export function writeScriptMessage(value: unknown): Uint8Array<ArrayBuffer> {
  const builder = new Builder(256);
  const data = Message.createDataVector(builder, new TextEncoder().encode(JSON.stringify(value)));
  Message.finishMessageBuffer(builder, Message.createMessage(builder, data));
  return Uint8Array.from(builder.asUint8Array());
}
