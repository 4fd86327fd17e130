/**
 * The side that looks: packets become what is shown now. **A packet is taken over as a whole or not at all**, in any order
 * and any number of times. It is the counterpart of core/src/sync/client, and is held to the states that that one has.
 */

import { Malformed } from "./bits";
import { Clock } from "./clock";
import { type GameEvent, type Told, readEvents } from "./events";
import { type Group, Groups, type Staged } from "./groups";
import { News, OwnerValues } from "./news";
import { Outbox } from "./outbox";
import { type Own, readOwn } from "./own";
import { type Packet, type PacketHeader, readPacket } from "./packet";
import { type PredictedView, Prediction } from "./predict";
import { type Action, writeReport } from "./report";
import { type GroupState, coordinate, isSameGroup } from "./state";
import type { Welcome } from "./terms";
import { type Departure, type Limits, Tracks } from "./tracks";
import type { Wall } from "./walls";
import { AHEAD_MAX, Window } from "./window";
import { type EntityId, METRE, NOBODY, isAfter, whole } from "./words";

/** How far the prediction may fall behind before it begins anew, in ticks. */
const TICKS_MAX = 256;
/** For how long an entity is shown beyond the last place that is known. */
const BEYOND_US = 250_000;
/** How long a correction takes to be out of sight. */
const SMOOTH_US = 100_000;
const GROUPS_MAX = 4096;
const ENTITIES_MAX = 16_384;
const OWNER_VALUES_MAX = 16_384;

export type Refusal =
  | "long" | "malformed" | "session" | "doubled" | "old" | "future" | "events waiting" | "group twice" | "groups";

/** One entity as it is shown now. */
export interface ShownEntity {
  id: EntityId;
  /** In metres from the corner of sector 0, 0. */
  x: number;
  y: number;
  /** In 65,536ths of a turn. */
  heading: number;
  health: number;
  healthMax: number;
  state: number;
  target: EntityId;
  flags: number;
  kind: number;
  team: number;
  owner: number;
  /** 0 is a disc, 1 a box. */
  shape: number;
  /** Half its width and height, in metres. */
  halfX: number;
  halfY: number;
  attributes: number[];
  isPredicted: boolean;
}

export interface Statistics {
  packets: number;
  bytes: number;
  states: number;
  statesWhole: number;
  statesLate: number;
  statesUnknown: number;
  lost: number;
  refused: number;
  reports: number;
  reportBytes: number;
  corrections: number;
  lastCorrectionMetres: number;
  entities: number;
  rttUs: number;
  jitterUs: number;
  delayUs: number;
  leadUs: number;
}

export class SyncClient {
  private readonly groups: Groups;
  private readonly tracks = new Tracks(ENTITIES_MAX);
  private readonly limits: Limits;
  private readonly news = new News();
  private readonly values = new OwnerValues(OWNER_VALUES_MAX);
  private readonly outbox = new Outbox();
  private readonly prediction: Prediction;
  private readonly clock: Clock;
  private readonly seen = new Window();
  private readonly acknowledged = new Window();
  private newestUpdate = 0;
  /** Counted from the welcome's tick. */
  private newestTick = 0;
  private reportSequence = 0;
  readonly shown: ShownEntity[] = [];
  private readonly counts = {
    packets: 0, bytes: 0, states: 0, statesWhole: 0, statesLate: 0, statesUnknown: 0, lost: 0, refused: 0,
    reports: 0, reportBytes: 0,
  };

  constructor(
    readonly welcome: Welcome,
    walls: readonly Wall[],
  ) {
    const { rateHz, updateTicks, speedMax, cellShift, history, publicAttributes } = welcome;
    this.groups = new Groups(GROUPS_MAX, history, { attributes: publicAttributes.length, cellShift });
    // A quarter more, since contacts push too.
    this.limits = { stepMax: (speedMax * 1.25) / rateHz, beyondMax: (BEYOND_US * rateHz) / 1_000_000 };
    this.prediction = new Prediction({ rateHz, speedMax, smoothUs: SMOOTH_US, snap: 4 * METRE }, walls);
    this.clock = new Clock(rateHz, updateTicks);
  }

  /** Takes in a packet; what is refused has changed nothing but counters. */
  receive(bytes: Uint8Array, nowUs: number): Refusal | null {
    this.counts.bytes += bytes.length;
    const refusal = this.take(bytes, nowUs);
    if (refusal === null) this.counts.packets++;
    else this.counts.refused++;
    return refusal;
  }

  private take(bytes: Uint8Array, nowUs: number): Refusal | null {
    if (bytes.length > this.welcome.packetMax) return "long";
    try {
      const packet = readPacket(bytes);
      const { header } = packet;
      if (header.session !== this.welcome.session) return "session";
      const standing = this.seen.standing(header.sequence);
      if (standing !== "fresh") return standing;
      const tick = this.tickOf(header);
      if (tick === null) return "future";
      const own = packet.own.length === 0 ? null : readOwn(packet.own);
      const told = readEvents(packet.events, this.welcome.tick + tick);
      if (!this.news.hasRoom(told)) return "events waiting";
      return this.takeGroups(packet, tick, own, told, nowUs);
    } catch (error) {
      if (error instanceof Malformed) return "malformed";
      throw error;
    }
  }

  /**
   * The tick of a packet, counted from the welcome's: of those that have its low bits, the nearest to where its update would
   * be; null if none can be so far ahead.
   */
  private tickOf(header: PacketHeader): number | null {
    const updates = this.seen.newest === 0 ? 0 : (header.update - this.newestUpdate) | 0;
    if (updates > AHEAD_MAX) return null;
    const near = Math.max(this.welcome.tick + this.newestTick + updates * this.welcome.updateTicks, 0);
    return whole(header.tick, near, 16) - this.welcome.tick;
  }

  /** Everything is decoded beside the state, and taken over only when all of it was good. */
  private takeGroups(packet: Packet, tick: number, own: Own | null, told: Told[], nowUs: number): Refusal | null {
    const { header } = packet;
    const staged: Staged[] = [];
    const closing: number[] = [];
    const named = new Set<number>();
    let fresh = 0;
    let whole = 0;
    let late = 0;
    let unknown = 0;
    const refuse = (refusal: Refusal): Refusal => {
      for (const { version } of staged) this.groups.giveBack(version);
      return refusal;
    };
    try {
      for (const part of packet.groups) {
        if (named.has(part.group)) return refuse("group twice");
        named.add(part.group);
        if (part.isClosing) {
          closing.push(part.group);
          continue;
        }
        if (this.groups.find(part.group) === undefined) {
          if (!this.groups.hasRoom(part.group, fresh)) return refuse("groups");
          fresh++;
        }
        const share = this.groups.decode(part, header.update);
        if (share === "late") late++;
        else if (share === "unknown") unknown++;
        else {
          staged.push(share);
          if (share.identity !== null) whole++;
        }
      }
    } catch (error) {
      refuse("malformed");
      throw error;
    }
    this.commit(header, tick, told, staged, closing, nowUs);
    this.counts.states += staged.length;
    this.counts.statesWhole += whole;
    this.counts.statesLate += late;
    this.counts.statesUnknown += unknown;
    // A packet of which a part could not be used is not acknowledged.
    if (unknown === 0) this.acknowledged.note(header.sequence);
    if (own !== null) {
      for (const value of own.values) this.values.handle(value, header.update);
      this.outbox.handleDone(own.input);
      // Ticks of inputs are the world's, those of the prediction count from the welcome's.
      const inputs = this.outbox.inputs.map((input) => ({ ...input, tick: input.tick - this.welcome.tick }));
      this.prediction.handleState(own.predicted, tick, header.update, inputs);
    } else if (header.part === 0) {
      this.prediction.handleState(null, tick, header.update, []);
    }
    return null;
  }

  private commit(
    header: PacketHeader,
    tick: number,
    told: readonly Told[],
    staged: readonly Staged[],
    closing: readonly number[],
    nowUs: number,
  ): void {
    const isFirstOfUpdate = this.seen.newest === 0 || isAfter(header.update, this.newestUpdate);
    this.counts.lost += this.seen.note(header.sequence);
    if (isFirstOfUpdate) {
      this.newestUpdate = header.update;
      this.newestTick = tick;
      this.clock.handleArrival(tick, nowUs);
    }
    this.clock.handleHeard(header.heard, header.held, nowUs);
    this.news.handleEvents(told);
    for (const state of staged) this.takeState(state, header.update, tick);
    for (const number of closing) this.closeGroup(number, header.update, tick);
  }

  private get linger(): number {
    return this.limits.beyondMax + 1;
  }

  private takeState({ group: number, version, identity }: Staged, packetUpdate: number, packetTick: number): void {
    const tick = packetTick - ((packetUpdate - version.update) | 0) * this.welcome.updateTicks;
    const group = this.groups.open(number);
    group.closed = null;
    if (identity !== null) {
      if (group.versions.length === 0 || !isSameGroup(identity, group.identity)) {
        this.departAll(group, tick);
        this.groups.clear(group);
      }
      group.identity = identity;
    }
    if (!this.groups.insert(group, version)) return;
    const before = group.newest;
    if (before !== null && before.number !== 0 && !isAfter(version.update, before.update) && before.number !== version.number) {
      this.counts.statesLate++;
      return;
    }
    let held: number | null = null;
    // The new state may have taken the place of the newest, which then says nothing of its pace.
    if (before !== null && group.versions.includes(before)) {
      const states = version.number - before.number;
      const updates = (version.update - before.update) >>> 0;
      // States are made in every update in which something changes: in those before nothing did.
      if (states > 0 && states < updates) held = tick - states * this.welcome.updateTicks;
      else this.clock.handleSpacing(updates * this.welcome.updateTicks);
    }
    group.newest = version;
    this.follow(group, version.state, version.update, tick, held);
  }

  /** A group's newest state is another one now. */
  private follow(group: Group, state: GroupState, update: number, tick: number, held: number | null): void {
    const { cell } = group.identity;
    const shift = this.welcome.cellShift;
    for (let place = 0; place < 32; place++) {
      const old = group.tracks[place];
      const isPresent = state.has(place);
      const id = state.id[place];
      if (old !== null && !(isPresent && old.id === id)) {
        if (old.group === group.number && old.place === place && old.gone === null && !old.isBuried) {
          const isDestroyed = ((state.destroyed >>> place) & 1) === 1;
          old.gone = isDestroyed ? { tick, how: "destroyed" } : { tick: tick + this.linger, how: "left" };
        }
        group.tracks[place] = null;
      }
      if (!isPresent) continue;
      if (group.tracks[place]?.isBuried ?? true) group.tracks[place] = this.tracks.open(id);
      const track = group.tracks[place];
      if (track === null) continue;
      const isOther = track.group !== group.number || track.place !== place;
      if (isOther && track.isNewer(update)) continue;
      track.group = group.number;
      track.place = place;
      track.update = update;
      if (track.gone?.how === "left") track.gone = null;
      const position = {
        sectorX: cell.sectorX,
        sectorY: cell.sectorY,
        x: coordinate(cell.x, state.x[place], shift),
        y: coordinate(cell.y, state.y[place], shift),
      };
      track.note(tick, isOther ? null : held, position, state.heading[place]);
    }
  }

  /** Those of a group that are not known to be elsewhere go out of sight. */
  private departAll(group: Group, tick: number): void {
    for (const track of group.tracks) {
      if (track !== null && track.group === group.number && track.gone === null && !track.isBuried) {
        track.gone = { tick: tick + this.linger, how: "left" };
      }
    }
  }

  private closeGroup(number: number, update: number, tick: number): void {
    const group = this.groups.find(number);
    if (group === undefined) return;
    if (group.newest !== null && isAfter(group.newest.update, update)) return;
    if (group.closed !== null && isAfter(group.closed, update)) return;
    this.departAll(group, tick);
    this.groups.clear(group);
    group.closed = update;
  }

  /** Commands one of the viewer's entities in the coming tick; false if there is no room for it. */
  command(entity: EntityId, action: Action): boolean {
    return this.outbox.push({ entity, action });
  }

  /** Comes to a time: predicts the viewer's entity up to it and fills `shown`. */
  advance(nowUs: number): void {
    const elapsed = this.clock.advance(nowUs);
    if (!this.clock.isRunning) return;
    const ahead = Math.floor(this.clock.ahead);
    if (ahead - this.prediction.tick > TICKS_MAX) this.prediction.skipTo(ahead - 1);
    while (this.prediction.tick < ahead) {
      this.prediction.advance(this.outbox.close(this.welcome.tick + this.prediction.tick));
    }
    this.prediction.smooth(elapsed);
    this.show();
  }

  private show(): void {
    const moment = this.clock.shown;
    this.tracks.bury(moment, (id, how) => this.news.handleDeparture(id, how));
    // The update that is shown: the newest that was made by now.
    const back = Math.ceil(Math.max(this.newestTick - moment, 0) / this.welcome.updateTicks);
    const update = (this.newestUpdate - Math.min(back, 2 ** 29)) >>> 0;
    for (const group of this.groups.values()) {
      group.shown = null;
      for (const version of group.versions) {
        if (isAfter(version.update, update)) continue;
        if (group.shown === null || version.number > group.shown.number) group.shown = version;
      }
      group.shown ??= group.newest;
    }
    const own = this.prediction.shown(this.clock.ahead);
    const place = { x: 0, y: 0, heading: 0 };
    this.shown.length = 0;
    for (const track of this.tracks.values()) {
      const group = this.groups.find(track.group);
      if (group === undefined) continue;
      const hasIt = (state: GroupState | undefined): state is GroupState =>
        state !== undefined && state.has(track.place) && state.id[track.place] === track.id;
      const now = group.shown?.state;
      const newest = group.newest?.state;
      const state = hasIt(now) ? now : hasIt(newest) ? newest : group.lastOf(track.id, track.place);
      if (state === null) continue;
      const isPredicted = own !== null && own.id === track.id;
      if (isPredicted) Object.assign(place, { x: own.x, y: own.y, heading: own.heading });
      else track.shown(moment, this.newestTick, this.limits, place);
      this.shown.push(rowOf(state, track.place, place, isPredicted));
    }
  }

  /** A report: what came, and the inputs that are not carried out. Send one as often as inputs are to arrive. */
  report(nowUs: number): Uint8Array<ArrayBuffer> {
    this.reportSequence++;
    this.clock.handleReport(this.reportSequence, nowUs);
    const header = {
      received: this.acknowledged.before,
      session: this.welcome.session,
      sequence: this.reportSequence,
      newest: this.acknowledged.newest,
      inputFirst: this.outbox.first,
      shownTick: this.shownTick,
    };
    const bytes = writeReport(header, this.outbox.inputs);
    this.counts.reports++;
    this.counts.reportBytes += bytes.length;
    return bytes;
  }

  /** The tick at which others are shown; 0 before anything has come. */
  get shownTick(): number {
    return this.clock.isRunning ? Math.max(this.welcome.tick + Math.floor(this.clock.shown), 0) : 0;
  }

  /** The tick of the newest packet. */
  get tick(): number {
    return this.welcome.tick + this.newestTick;
  }

  predicted(): PredictedView | null {
    return this.prediction.shown(this.clock.ahead);
  }

  get predictedEntity(): EntityId {
    return this.prediction.entity;
  }

  /** The weapon of the entity that is predicted. */
  get predictedWeapon(): number {
    return this.prediction.entity === NOBODY ? 0 : this.prediction.weapon;
  }

  /** The tick in which the weapon of the entity that is predicted is ready again, as the server said; 0 before it was fired. */
  get readyTick(): number {
    return this.prediction.readyTick;
  }

  ownerValue(entity: EntityId, attribute: number): number | undefined {
    return this.values.value(entity, attribute);
  }

  takeEvents(): GameEvent[] {
    return this.news.takeEvents();
  }

  takeDepartures(): { id: EntityId; how: Departure }[] {
    return this.news.takeDepartures();
  }

  /** The newest state of each open group: for tests. */
  *newestStates(): Generator<{ group: Group; update: number; state: GroupState }> {
    for (const group of this.groups.values()) {
      if (group.newest !== null) yield { group, update: group.newest.update, state: group.newest.state };
    }
  }

  statistics(): Statistics {
    return {
      ...this.counts,
      corrections: this.prediction.corrections,
      lastCorrectionMetres: this.prediction.lastCorrection / METRE,
      entities: this.tracks.size,
      rttUs: this.clock.rttUs ?? 0,
      jitterUs: this.clock.jitterUs,
      delayUs: this.clock.delayUs,
      leadUs: this.clock.leadUs,
    };
  }
}

function rowOf(
  state: GroupState,
  at: number,
  place: { x: number; y: number; heading: number },
  isPredicted: boolean,
): ShownEntity {
  return {
    id: state.id[at],
    x: place.x / METRE,
    y: place.y / METRE,
    heading: place.heading,
    health: state.health[at],
    healthMax: state.healthMax[at],
    state: state.state[at],
    target: state.target[at],
    flags: state.flags[at],
    kind: state.kind[at],
    team: state.team[at],
    owner: state.owner[at],
    shape: state.shape[at],
    halfX: state.halfX[at] / 256,
    halfY: state.halfY[at] / 256,
    attributes: state.attributes.map((column) => column[at]),
    isPredicted,
  };
}
