/** Entities as they are followed through groups and time, and where each is shown. */

import { type EntityId, METRE, type Position, across, isAfter, upwards } from "./words";

/** How many places are kept of an entity. */
const SAMPLES = 16;
/** A long way back tells no speed. */
const SPEED_TICKS = 64;

export type Departure = "left" | "destroyed";

interface Sample {
  tick: number;
  /** In units from the corner of sector 0, 0. */
  x: number;
  y: number;
  /** In 256ths of a turn. */
  heading: number;
}

/** Limits of what is shown. */
export interface Limits {
  /** Units a tick that nothing moves faster than. */
  stepMax: number;
  /** For how many ticks an entity is shown beyond its last place. */
  beyondMax: number;
}

export interface Shown {
  x: number;
  y: number;
  heading: number;
}

export class Track {
  group = -1;
  place = 0;
  update = 0;
  gone: { tick: number; how: Departure } | null = null;
  isBuried = false;
  private samples: Sample[] = [];

  constructor(readonly id: EntityId) {}

  /** Whether the newest word of it is from elsewhere. */
  isNewer(update: number): boolean {
    return this.update !== 0 && isAfter(this.update, update);
  }

  /** Notes where it is at a tick; if it is known to have rested until `held`, it is shown there until then. */
  note(tick: number, held: number | null, position: Position, heading: number): void {
    const last = this.samples.at(-1);
    if (last !== undefined && held !== null && held > last.tick && held < tick) this.push({ ...last, tick: held });
    this.push({ tick, x: across(position), y: upwards(position), heading });
  }

  private push(sample: Sample): void {
    const last = this.samples.at(-1);
    if (last !== undefined && last.tick > sample.tick) return;
    if (last !== undefined && last.tick === sample.tick) this.samples.pop();
    if (this.samples.length === SAMPLES) this.samples.shift();
    this.samples.push(sample);
  }

  /** Where it is at a moment. `heard` is the tick of the newest packet: what is not heard of for long rests. */
  shown(moment: number, heard: number, limits: Limits, out: Shown): void {
    let after = this.samples.findIndex((sample) => sample.tick > moment);
    if (after < 0) after = this.samples.length;
    const next = this.samples[after] as Sample | undefined;
    const last = this.samples[after - 1] as Sample | undefined;
    if (last === undefined) {
      out.x = next?.x ?? 0;
      out.y = next?.y ?? 0;
      out.heading = (next?.heading ?? 0) * 256;
      return;
    }
    out.x = last.x;
    out.y = last.y;
    out.heading = last.heading * 256;
    if (next !== undefined) {
      if (!canGo(last, next, limits)) return;
      const part = (moment - last.tick) / (next.tick - last.tick);
      out.x += (next.x - last.x) * part;
      out.y += (next.y - last.y) * part;
      // The short way round.
      const turn = ((next.heading - last.heading) << 24) >> 24;
      out.heading = (out.heading + turn * 256 * part + 65_536) % 65_536;
      return;
    }
    const before = this.samples[after - 2] as Sample | undefined;
    if (before === undefined || last.tick - before.tick >= SPEED_TICKS || !canGo(before, last, limits)) return;
    const clamp = (value: number): number => Math.min(Math.max(value, 0), limits.beyondMax);
    const silent = clamp(Math.min(moment, heard) - last.tick - limits.beyondMax);
    const beyond = Math.min(moment - last.tick, limits.beyondMax) - silent;
    const part = beyond / (last.tick - before.tick);
    out.x += (last.x - before.x) * part;
    out.y += (last.y - before.y) * part;
  }
}

function canGo(from: Sample, to: Sample, limits: Limits): boolean {
  const reach = limits.stepMax * (to.tick - from.tick) + METRE;
  return Math.abs(to.x - from.x) <= reach && Math.abs(to.y - from.y) <= reach;
}

/** The tracks of all entities. */
export class Tracks {
  private readonly tracks = new Map<EntityId, Track>();
  dropped = 0;

  constructor(private readonly tracksMax: number) {}

  get size(): number {
    return this.tracks.size;
  }

  values(): IterableIterator<Track> {
    return this.tracks.values();
  }

  find(id: EntityId): Track | undefined {
    return this.tracks.get(id);
  }

  /** The track of an id, made if it is not there; null if there is no room. */
  open(id: EntityId): Track | null {
    const known = this.tracks.get(id);
    if (known !== undefined) return known;
    if (this.tracks.size >= this.tracksMax) {
      this.dropped++;
      return null;
    }
    const track = new Track(id);
    this.tracks.set(id, track);
    return track;
  }

  /** Takes out those that are gone at a moment. */
  bury(moment: number, tell: (id: EntityId, how: Departure) => void): void {
    for (const track of this.tracks.values()) {
      if (track.gone === null || track.gone.tick > moment) continue;
      track.isBuried = true;
      this.tracks.delete(track.id);
      tell(track.id, track.gone.how);
    }
  }
}
