/** Where an entity is expected, from two states that both sides have: docs/WIRE.md, "Who stays". */

import { cosQ15, sinQ15 } from "./angle";

/** Beyond so many updates nothing is expected of a movement. */
const UPDATES_MAX = 16;
/** What turns faster, in 256ths of a turn an update, tumbles: its way does not turn along. */
const TURN_MAX = 10;

/** Updates between the states. */
export class Times {
  /** From the base to the state that is told; 0 if nothing is expected. */
  readonly lag: number;
  /** From the state before to the base; 0 if nothing is expected. */
  readonly gap: number;
  readonly lagClass: number;

  constructor(update: number, base: number, before: number | null) {
    const lag = (update - base) >>> 0;
    const gap = before === null ? 0 : (base - before) >>> 0;
    this.lagClass = lag <= 1 ? 0 : lag <= 3 ? 1 : lag <= 7 ? 2 : 3;
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

/** What is known of one entity's movement. */
export class Movement {
  private readonly movedX: number = 0;
  private readonly movedY: number = 0;
  private readonly turned: number = 0;
  readonly speedClass: number = 0;
  readonly turnClass: number = 0;

  constructor(
    private readonly base: Pose,
    before: Pose | null,
    private readonly times: Times,
  ) {
    if (before === null) return;
    this.movedX = base.x - before.x;
    this.movedY = base.y - before.y;
    this.turned = ((base.heading - before.heading) << 24) >> 24;
    const far = (way: number): number => Math.abs(way * times.lag);
    const speed = Math.trunc(Math.max(far(this.movedX), far(this.movedY)) / times.gap);
    this.speedClass = speed === 0 ? 1 : speed < 8 ? 2 : speed < 32 ? 3 : 4;
    const turn = Math.trunc(far(this.turned) / times.gap);
    this.turnClass = turn < 3 ? turn : turn < 5 ? 3 : turn < 9 ? 4 : 5;
  }

  /** The heading that is expected. */
  heading(): number {
    if (this.turned === 0) return this.base.heading;
    return (this.base.heading + scale(this.turned, this.times, 1)) & 0xff;
  }

  /** The place that is expected of one that faces `heading` now. */
  position(heading: number, side: number): [number, number] {
    if (this.movedX === 0 && this.movedY === 0) return [this.base.x, this.base.y];
    const turn = (heading - this.base.heading + this.turned) & 0xff;
    let x = this.movedX * 32;
    let y = this.movedY * 32;
    if (turn !== 0 && Math.abs(this.turned) <= TURN_MAX * this.times.gap) {
      const sin = sinQ15(turn << 8) >> 1;
      const cos = cosQ15(turn << 8) >> 1;
      x = ((this.movedX * cos - this.movedY * sin) >> 10) + this.movedX * 16;
      y = ((this.movedX * sin + this.movedY * cos) >> 10) + this.movedY * 16;
    }
    const inside = (at: number): number => Math.min(Math.max(at, 0), side - 1);
    return [inside(this.base.x + scale(x, this.times, 32)), inside(this.base.y + scale(y, this.times, 32))];
  }

  get signTurn(): number {
    return this.turned < 0 ? -1 : 1;
  }

  /** Whether it goes along neither axis, to within a part in three. */
  get isDiagonal(): boolean {
    const wide = Math.abs(this.movedX);
    const high = Math.abs(this.movedY);
    return 3 * wide > high && 3 * high > wide;
  }

  /** A difference ahead and aside of its way as one along the axes. */
  alongAxes(ahead: number, aside: number): [number, number] {
    const isUpright = Math.abs(this.movedY) > Math.abs(this.movedX);
    const x = isUpright ? aside : ahead;
    const y = isUpright ? ahead : aside;
    return [this.movedX < 0 ? -x : x, this.movedY < 0 ? -y : y];
  }
}

/** A way at the speed of the gap, over the lag, in `unit` parts, rounded away from zero at half. */
function scale(way: number, times: Times, unit: number): number {
  const ahead = way * times.lag;
  const whole = times.gap * unit;
  return Math.trunc((2 * ahead + (ahead < 0 ? -whole : whole)) / (2 * whole));
}
