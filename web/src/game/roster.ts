/** Who plays, and how it stands: what the rules of the shipped modes say in messages. Unknown messages are left alone. */

import type { ReplaySpan } from "../net/messages";
import type { ShownEntity } from "../sync/client";
import { foreign } from "../view/dom";

export interface Seat {
  seat: number;
  name: string;
  team: number;
  kills: number;
  deaths: number;
  /** 0 is a bot. */
  player: number;
  /** Of a race: laps that are done, and the place; of other modes whatever they count. */
  points: number;
}

export interface Notice {
  text: string;
  at: number;
  team: number;
}

/** Who plays is said once; a page that is loaded again still knows it. */
const KEPT = "muster.roster";
const KEPT_TYPES = new Set(["roster", "score", "race", "places", "members", "gold"]);

const SEATS_MAX = 256;
const TEAMS_MAX = 16;
const NOTICES_MAX = 6;
const CHAT_MAX = 60;
/** How long a notice is shown. */
const NOTICE_MS = 6_000;

type Fields = Record<string, unknown>;

const number = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);
const fields = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value.slice(0, SEATS_MAX) : []);

export class Roster {
  readonly seats = new Map<number, Seat>();
  score: number[] = [];
  toWin = 0;
  endsAt = 0;
  over: { winner: number; order: string[] } | null = null;
  private readonly kept = new Map<string, unknown>();
  /** Of a race. */
  laps = 0;
  /** Of a skirmish: what a side has to spend. */
  gold: number | null = null;
  notices: Notice[] = [];
  readonly chat: { name: string; text: string }[] = [];
  /** Who plays or played, by number. */
  private readonly names = new Map<number, string>();

  handle(message: unknown, now: number): void {
    const said = fields(message);
    switch (said.type) {
      case "roster":
        this.handleRoster(said);
        this.handleScore(said);
        break;
      case "score":
        this.handleScore(said);
        break;
      case "kill":
        this.handleScore(said);
        this.handleKill(number(said.by), number(said.seat), now);
        break;
      case "over":
        this.handleScore(said);
        this.over = { winner: number(said.winner), order: list(said.order).map((name) => foreign(name, 32)) };
        break;
      case "race":
      case "places":
        this.handlePlaces(said);
        break;
      case "go":
        this.note("go!", 0, now);
        break;
      case "finished":
        this.note(`${foreign(said.name, 32)} is number ${number(said.place)}`, 0, now);
        break;
      case "gold":
        this.gold = number(said.gold);
        break;
      case "captured":
        this.note(`side ${number(said.team)} holds point ${number(said.zone) + 1}`, number(said.team), now);
        break;
      case "members":
        this.handleRoster(said);
        break;
      case "said":
        this.chat.push({ name: foreign(said.name, 32), text: foreign(said.text) });
        if (this.chat.length > CHAT_MAX) this.chat.shift();
        this.note(`${foreign(said.name, 32)}: ${foreign(said.text)}`, 0, now);
        break;
      case "notice":
        this.note(foreign(said.text), 0, now);
        break;
      default:
        if (typeof said.from === "number") this.handleEnvelope(said.from, said.data, now);
    }
  }

  /** What a member of a relay room said. */
  private handleEnvelope(from: number, data: unknown, now: number): void {
    const name = this.seats.get(from)?.name ?? `member ${from}`;
    const text = foreign(fields(data).text ?? JSON.stringify(data));
    this.chat.push({ name, text });
    if (this.chat.length > CHAT_MAX) this.chat.shift();
    this.note(`${name}: ${text}`, 0, now);
  }

  /** The order of a race; a seat is a place. */
  private handlePlaces(said: Fields): void {
    if (said.laps !== undefined) this.laps = number(said.laps);
    if (!Array.isArray(said.places)) return;
    this.seats.clear();
    list(said.places).forEach((entry, index) => {
      const one = fields(entry);
      const name = foreign(one.name, 32);
      const seat = index + 1;
      this.seats.set(seat, { seat, name, team: 0, kills: 0, deaths: 0, player: number(one.player), points: number(one.lap) });
    });
  }

  private handleRoster(said: Fields): void {
    this.seats.clear();
    for (const entry of list(said.fighters ?? said.drivers ?? said.members ?? said.players)) {
      const one = fields(entry);
      const seat = number(one.seat ?? one.number ?? one.player);
      this.seats.set(seat, {
        seat,
        name: foreign(one.name, 32),
        team: number(one.team),
        kills: number(one.kills),
        deaths: number(one.deaths),
        player: number(one.player ?? one.number),
        points: number(one.laps ?? one.points ?? one.score),
      });
    }
  }

  private handleScore(said: Fields): void {
    if (Array.isArray(said.score)) this.score = list(said.score).map(number);
    if (said.to_win !== undefined) this.toWin = number(said.to_win);
    if (said.ends_at !== undefined) this.endsAt = number(said.ends_at);
  }

  private handleKill(by: number, fallen: number, now: number): void {
    const victim = this.seats.get(fallen);
    const killer = this.seats.get(by);
    if (victim !== undefined) victim.deaths++;
    if (killer !== undefined && killer.team !== victim?.team) killer.kills++;
    const name = (seat: Seat | undefined): string => seat?.name ?? "somebody";
    this.note(killer === undefined ? `${name(victim)} fell` : `${name(killer)} ⟶ ${name(victim)}`, killer?.team ?? 0, now);
  }

  /** Who is in the match that one comes to, before its rules say more. */
  meet(players: unknown): void {
    for (const entry of list(players)) {
      const one = fields(entry);
      this.names.set(number(one.number), foreign(one.name, 32));
    }
  }

  /** A replay has the world and not what rules said: who sits where is read from entities. */
  beginReplay({ players, numbers }: ReplaySpan): void {
    this.seats.clear();
    this.names.clear();
    list(players).forEach((name, index) => this.names.set(number(numbers?.[index]) || index + 1, foreign(name, 32)));
  }

  readWorld(shown: readonly ShownEntity[], attributes: readonly string[]): void {
    const place = attributes.indexOf("seat") >= 0 ? attributes.indexOf("seat") : attributes.indexOf("place");
    if (place < 0) return;
    const value = (entity: ShownEntity, name: string): number => entity.attributes[attributes.indexOf(name)] ?? 0;
    for (const entity of shown) {
      const seat = entity.attributes[place];
      if (this.seats.size >= SEATS_MAX && !this.seats.has(seat)) continue;
      const name = this.nameOfPlayer(entity.owner) || `bot ${seat}`;
      const kills = value(entity, "kills");
      this.seats.set(seat, { seat, name, team: entity.team, kills, deaths: 0, player: entity.owner, points: value(entity, "lap") });
    }
    if (attributes.indexOf("kills") < 0) return;
    const sums: number[] = [];
    for (const { team, kills } of this.seats.values()) {
      if (team > 0 && team <= TEAMS_MAX) sums[team - 1] = (sums[team - 1] ?? 0) + kills;
    }
    this.score = Array.from(sums, (sum) => sum ?? 0);
  }

  nameOfPlayer(player: number): string {
    return player === 0 ? "" : (this.names.get(player) ?? "");
  }

  /** Keeps what was said last of each sort, for this tab. */
  keep(match: string, message: unknown): void {
    const { type } = fields(message);
    if (match === "" || typeof type !== "string" || !KEPT_TYPES.has(type)) return;
    this.kept.set(type, message);
    sessionStorage.setItem(KEPT, JSON.stringify({ match, messages: [...this.kept.values()] }));
  }

  /** Takes up what was kept of a match. */
  restore(match: string, now: number): void {
    try {
      const kept = fields(JSON.parse(sessionStorage.getItem(KEPT) ?? "null"));
      if (kept.match === match) list(kept.messages).forEach((message) => this.handle(message, now));
    } catch {
      sessionStorage.removeItem(KEPT);
    }
  }

  note(text: string, team: number, now: number): void {
    this.notices.push({ text, team, at: now });
    if (this.notices.length > NOTICES_MAX) this.notices.shift();
  }

  /** What is new enough to be shown. */
  recent(now: number): Notice[] {
    this.notices = this.notices.filter((notice) => now - notice.at < NOTICE_MS);
    return this.notices;
  }

  seatOf(player: number): Seat | undefined {
    for (const seat of this.seats.values()) if (seat.player === player && player !== 0) return seat;
    return undefined;
  }
}
