/** The groups that a viewer knows, and the last states of each. */

import type { GroupPart } from "./packet";
import { AGE_MAX } from "./packet";
import { type Known, decodeShare } from "./share";
import { GroupState, type Identity, type Layout, isSameGroup } from "./state";
import type { Track } from "./tracks";
import { isAfter } from "./words";

/** A state of a group as it was told. */
export interface Version {
  /** Of a group's first state, and after a gap, only the low 8 bits are those of the server's. */
  number: number;
  update: number;
  state: GroupState;
}

export class Group {
  identity: Identity = { cell: { sectorX: 0, sectorY: 0, x: 0, y: 0 }, scope: 0, update: 0 };
  /** The update at which it was closed. */
  closed: number | null = null;
  versions: Version[] = [];
  newest: Version | null = null;
  /** The tracks of the newest state's entities, by place. */
  tracks: (Track | null)[] = new Array<Track | null>(32).fill(null);
  /** The version that is shown now. */
  shown: Version | null = null;

  constructor(readonly number: number) {}

  /** The number of a state told whole: the nearest to the newest that has these low bits. */
  private lift(low: number, update: number): number {
    if (this.newest === null) return 256 + low;
    const ahead = (low - this.newest.number) & 0xff;
    const step = (update - this.newest.update) | 0;
    if (step === 0) return this.newest.number + ahead;
    if (step > 0) return this.newest.number + (ahead === 0 ? 256 : ahead);
    return Math.max(this.newest.number + ahead - 256, 0);
  }

  /** The base of a share, and the one before it. */
  known(part: GroupPart, update: number): { number: number; known: Known } | null {
    const low = (part.version - part.base) & 0xff;
    let base: Version | null = null;
    for (const version of this.versions) {
      const fits = (version.number & 0xff) === low && isAfter(update, version.update);
      if (fits && (base === null || version.number >= base.number)) base = version;
    }
    if (base === null) return null;
    const { number } = base;
    let before: Version | null = null;
    if (part.before !== 0) {
      before = this.versions.find((version) => version.number === number - part.before) ?? null;
      if (before === null) return null;
    }
    const known: Known = {
      base: base.state,
      baseUpdate: base.update,
      before: before?.state ?? null,
      beforeUpdate: before?.update ?? 0,
    };
    return { number, known };
  }

  numberOf(part: GroupPart, update: number): number {
    return this.lift(part.version, update);
  }

  /** The newest state that has an entity in a place. */
  lastOf(id: number, place: number): GroupState | null {
    let last: Version | null = null;
    for (const version of this.versions) {
      const hasIt = version.state.has(place) && version.state.id[place] === id;
      if (hasIt && (last === null || version.number > last.number)) last = version;
    }
    return last?.state ?? null;
  }
}

/** A share that was decoded and waits for the rest of its packet. */
export interface Staged {
  group: number;
  version: Version;
  identity: Identity | null;
}

/** What a share came to: a state, or one that comes too late, or one whose base is not here. */
export type Share = Staged | "late" | "unknown";

export class Groups {
  private readonly groups = new Map<number, Group>();
  private readonly spare: GroupState[] = [];

  constructor(
    private readonly groupsMax: number,
    private readonly history: number,
    private readonly layout: Layout,
  ) {}

  values(): IterableIterator<Group> {
    return this.groups.values();
  }

  find(number: number): Group | undefined {
    return this.groups.get(number);
  }

  /** Whether a packet may name a group beside `more` others that are new. */
  hasRoom(number: number, more: number): boolean {
    if (this.groups.has(number) || this.groups.size + more < this.groupsMax) return true;
    let open = 0;
    for (const group of this.groups.values()) if (group.closed === null) open++;
    return open + more < this.groupsMax;
  }

  /** Decodes a share of a packet of `update`. Nothing of the groups changes. */
  decode(part: GroupPart, update: number): Share {
    const group = this.groups.get(part.group);
    const made = (update - part.age) >>> 0;
    if (group !== undefined && group.closed !== null && !isAfter(update, group.closed)) return "late";
    // Its update cannot be told.
    if (part.base !== 0 && part.age >= AGE_MAX) return "unknown";
    const found = part.base === 0 ? null : (group?.known(part, made) ?? null);
    if (part.base !== 0 && found === null) return "unknown";
    const state = this.spare.pop() ?? new GroupState(this.layout.attributes);
    let identity: Identity | null;
    try {
      identity = decodeShare(part.share, made, found?.known ?? null, this.layout, state);
    } catch (error) {
      this.spare.push(state);
      throw error;
    }
    const at = identity === null ? made : identity.update;
    const number = found !== null ? found.number + part.base : (group?.numberOf(part, at) ?? 256 + part.version);
    const newest = group?.newest ?? null;
    const isOther = identity !== null && newest !== null && group !== undefined && !isSameGroup(identity, group.identity);
    if (isAfter(at, update) || (isOther && newest !== null && !isAfter(at, newest.update))) {
      this.spare.push(state);
      return "late";
    }
    return { group: part.group, version: { number, update: at, state }, identity };
  }

  giveBack(version: Version): void {
    this.spare.push(version.state);
  }

  /** The group of a number, made if it is not there; a closed one makes room. `hasRoom` has looked. */
  open(number: number): Group {
    const known = this.groups.get(number);
    if (known !== undefined) return known;
    if (this.groups.size >= this.groupsMax) {
      let oldest: Group | null = null;
      for (const group of this.groups.values()) {
        if (group.closed === null) continue;
        if (oldest === null || oldest.closed === null || isAfter(oldest.closed, group.closed)) oldest = group;
      }
      if (oldest !== null) this.groups.delete(oldest.number);
    }
    const group = new Group(number);
    this.groups.set(number, group);
    return group;
  }

  /** Forgets every state of a group. */
  clear(group: Group): void {
    for (const version of group.versions) this.spare.push(version.state);
    group.versions = [];
    group.newest = null;
    group.shown = null;
    group.tracks.fill(null);
  }

  /** Adds a state; false if it is older than all that are kept. */
  insert(group: Group, version: Version): boolean {
    const same = group.versions.findIndex((other) => other.number === version.number);
    let place = same;
    if (same < 0) {
      if (group.versions.length < this.history) {
        group.versions.push(version);
        return true;
      }
      place = 0;
      group.versions.forEach((other, index) => {
        if (other.number < group.versions[place].number) place = index;
      });
      if (group.versions[place].number > version.number) {
        this.spare.push(version.state);
        return false;
      }
    }
    const replaced = group.versions[place];
    group.versions[place] = version;
    // What is shown, or newest, until the new one is: its state must not be written again before.
    if (replaced === group.newest || replaced === group.shown) return true;
    this.spare.push(replaced.state);
    return true;
  }
}
