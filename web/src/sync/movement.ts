/** Where an entity is expected, from two states that both sides have: docs/WIRE.md, "Who stays". */

import { cosQ15, sinQ15 } from "./angle";
import type { GroupState } from "./state";

/** Beyond so many updates nothing is expected of a movement. */
const UPDATES_MAX = 16;
/** What turns faster, in 256ths of a turn an update, tumbles: it has no way. */
const TURN_MAX = 10;
/** What went further along an axis, in centimetres, has no way. */
const MOVED_MAX = 4_095;

/** Kinds of way. */
const FRONT = 0;
const EIGHTH = 1;
const NEAR = 2;
const OTHER = 3;

/** Updates between the states. */
export class Times {
  /** From the base to the state that is told; 0 if nothing is expected. */
  readonly lag: number;
  /** From the state before to the base; 0 if nothing is expected. */
  readonly gap: number;
  /** The time class. */
  readonly class: number;

  constructor(update: number, base: number, before: number | null) {
    const lag = (update - base) >>> 0;
    const gap = before === null ? 0 : (base - before) >>> 0;
    this.class = lag <= 2 ? (gap <= 1 ? 0 : 1) : lag === 3 ? 2 : 3;
    const isFar = lag > UPDATES_MAX || gap > UPDATES_MAX;
    this.lag = isFar ? 0 : lag;
    this.gap = isFar ? 0 : gap;
  }
}

export interface Pose {
  x: number;
  y: number;
  heading: number;
}

export const poseOf = (state: GroupState, place: number): Pose => ({
  x: state.x[place],
  y: state.y[place],
  heading: state.heading[place],
});

/** Where the entity in a place of the base was before, if it was there. */
export const poseBefore = (base: GroupState, before: GroupState | null, place: number): Pose | null =>
  before !== null && before.has(place) && before.id[place] === base.id[place] ? poseOf(before, place) : null;

/** The class of an amount by the ends of all classes but the last. */
function classOf(amount: number, ends: readonly number[]): number {
  const found = ends.findIndex((end) => amount < end);
  return found < 0 ? ends.length : found;
}

const SPEEDS = [1, 2, 5, 10, 17, 27, 42];
const TURNS = [1, 2, 3, 5, 9, 17, 22];

/** What is known of one entity's movement. */
export class Movement {
  /** How far it went from the state before to the base, in centimetres. */
  readonly moved: readonly [number, number] = [0, 0];
  /** How far it turned. */
  readonly turned: number = 0;
  /** How far it went in 2^-4 cm, to its front and its left; null if that says nothing. */
  private readonly way: readonly [number, number] | null = null;
  /** How fast and which way it goes. */
  readonly gait: number = 0;
  readonly turnClass: number = 0;
  /** It goes about as the one that was told before it does. */
  readonly isAlike: boolean = false;

  constructor(
    private readonly base: Pose,
    before: Pose | null,
    private readonly times: Times,
    last: Movement | null,
  ) {
    if (before === null) return;
    const moved: [number, number] = [base.x - before.x, base.y - before.y];
    const turned = ((base.heading - before.heading) << 24) >> 24;
    const [wide, high] = moved.map(Math.abs);
    const { lag, gap } = times;
    const length = 8 * Math.max(wide, high) + 3 * Math.min(wide, high);
    const speed = classOf(Math.trunc((length * lag) / (8 * gap)), SPEEDS);
    this.moved = moved;
    this.turned = turned;
    this.turnClass = classOf(Math.trunc(Math.abs(turned * lag) / gap), TURNS);
    const isNear = (axis: 0 | 1): boolean => last !== null && Math.abs(moved[axis] - last.moved[axis]) <= 3 * gap;
    this.isAlike = speed > 0 && last !== null && last.gait > 0 && isNear(0) && isNear(1);
    this.gait = 1;
    if (speed === 0) return;
    let kind = OTHER;
    if (Math.abs(turned) <= TURN_MAX * gap && Math.max(wide, high) <= MOVED_MAX) {
      [kind, this.way] = findWay(moved, base.heading * 256 - turned * 128);
    }
    this.gait = 2 + (speed - 1) * 4 + kind;
  }

  /** The heading that is expected of one without an aim. */
  heading(): number {
    if (this.turned === 0 || this.isAlike) return this.base.heading;
    return (this.base.heading + scale(this.turned, this.times, 1)) & 0xff;
  }

  /** The place that is expected of one that faces `heading` now. */
  position(heading: number, side: number): [number, number] {
    const { base, moved, times } = this;
    if (moved[0] === 0 && moved[1] === 0) return [base.x, base.y];
    let way: readonly [number, number] = [moved[0] * 16, moved[1] * 16];
    if (this.way !== null) {
      // Who turned just now has done so; who did not turns sooner or later.
      const part = this.isAlike ? (this.turned === 0 ? 12 : 6) : this.turned === 0 ? 10 : 7;
      const turn = ((heading - base.heading) << 24) >> 24;
      way = rotate(this.way, base.heading * 256 + 16 * part * turn, 14);
    }
    const inside = (at: number): number => Math.min(Math.max(at, 0), side - 1);
    return [inside(base.x + scale(way[0], times, 16)), inside(base.y + scale(way[1], times, 16))];
  }

  /** How far it is expected to go by the way it went, in centimetres. */
  advance(): [number, number] {
    return ahead(this.moved, this.times);
  }

  get signTurn(): number {
    return this.turned < 0 ? -1 : 1;
  }

  /** Whether it turns that way, or not at all. */
  turnsTo(way: number): boolean {
    return this.turned === 0 || this.turned < 0 === way < 0;
  }
}

/** The kind of way, and the way relative to a heading. */
function findWay(moved: readonly [number, number], middle: number): [number, [number, number]] {
  let [front, left] = rotate(moved, -middle, 10);
  const long = Math.abs(front);
  const wide = Math.abs(left);
  if (64 * wide <= long + 1_024) return [front > 0 ? FRONT : EIGHTH, [front, 0]];
  if (64 * long <= wide + 1_024) return [EIGHTH, [0, left]];
  if (64 * Math.abs(long - wide) <= long + wide + 1_448) {
    const both = Math.trunc((long + wide) / 2);
    front = both * Math.sign(front);
    left = both * Math.sign(left);
    return [EIGHTH, [front, left]];
  }
  return [front > 0 && 16 * wide <= long + 512 ? NEAR : OTHER, [front, left]];
}

/** How far one goes who was at `before`. */
export function advanceFrom(now: Pose, before: Pose, times: Times): [number, number] {
  return ahead([now.x - before.x, now.y - before.y], times);
}

function ahead(moved: readonly [number, number], times: Times): [number, number] {
  if (moved[0] === 0 && moved[1] === 0) return [0, 0];
  return [scale(moved[0], times, 1), scale(moved[1], times, 1)];
}

/** The directions of a way that is expected. */
export class Axes {
  constructor(
    private readonly x: number,
    private readonly y: number,
  ) {}

  /** Whether it goes along neither axis, to within a part in three. */
  get isDiagonal(): boolean {
    const wide = Math.abs(this.x);
    const high = Math.abs(this.y);
    return 3 * wide > high && 3 * high > wide;
  }

  /** A difference ahead and aside of the way as one along the axes. */
  along(ahead: number, aside: number): [number, number] {
    const isUpright = Math.abs(this.y) > Math.abs(this.x);
    const x = isUpright ? aside : ahead;
    const y = isUpright ? ahead : aside;
    return [this.x < 0 ? -x : x, this.y < 0 ? -y : y];
  }
}

/** A vector turned to the left by an angle, times 2^(14 - shift), rounded. */
function rotate([x, y]: readonly [number, number], angle: number, shift: number): [number, number] {
  const sin = sinQ15(angle & 0xffff) >> 1;
  const cos = cosQ15(angle & 0xffff) >> 1;
  const half = 1 << (shift - 1);
  return [(x * cos - y * sin + half) >> shift, (x * sin + y * cos + half) >> shift];
}

/** A way in parts of a centimetre at the speed of the gap, over the lag, rounded away from zero at half. */
function scale(way: number, times: Times, parts: number): number {
  const far = way * times.lag;
  const unit = times.gap * parts;
  return Math.trunc((2 * far + (far < 0 ? -unit : unit)) / (2 * unit));
}
