/** The server's HTTP: docs/DOORS.md. */

import type { MapDocument } from "../sync/walls";

export interface Guest {
  token: string;
  player: string;
  name: string;
}

export interface Mode {
  name: string;
  version: string | null;
  map: string | null;
  error: ScriptFault | null;
}

export interface MatchListing {
  match: string;
  mode: string;
  players: number;
  players_max: number;
  spectators: number;
  may_spectate: boolean;
  label: string;
}

export interface ReplayListing {
  id: string;
  mode: string;
  tick_rate: number;
  ticks: number;
  /** In seconds since 1970. */
  started: number;
  ended: number;
  reason: string;
  players: string[];
}

export interface ScriptFault {
  file: string;
  line: number;
  message: string;
  hint: string;
  version: string;
}

/** What the server said no to, in its words. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

async function ask<T>(path: string, options?: RequestInit): Promise<T> {
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(10_000) });
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer as T;
  const { error } = (answer ?? {}) as { error?: { code?: string; message?: string } };
  throw new Refused(error?.code ?? `http_${response.status}`, error?.message ?? `the server answers ${response.status}`);
}

export const guest = (name: string): Promise<Guest> =>
  ask("/v1/guests", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ name }) });

export const modes = async (): Promise<Mode[]> => (await ask<{ modes: Mode[] }>("/v1/modes")).modes;

export const matches = async (): Promise<MatchListing[]> => (await ask<{ matches: MatchListing[] }>("/v1/matches")).matches;

export const replays = async (): Promise<ReplayListing[]> =>
  (await ask<{ replays: ReplayListing[] }>("/v1/replays")).replays;

/** A map never changes: another one has another name. */
export const map = (id: string): Promise<MapDocument> => ask(`/v1/maps/${encodeURIComponent(id)}`);
