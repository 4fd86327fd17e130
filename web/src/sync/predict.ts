/**
 * The viewer's own entity as it will be: its inputs are carried out here at once, and again when the server was of another
 * opinion. **What is rehearsed is its drive and the map's walls**; contacts, paths and targets come from the server as
 * corrections, which are shown little by little.
 */

import { angleOf } from "./angle";
import type { Predicted, Traits } from "./own";
import type { Command, TickInput } from "./report";
import { travel } from "./travel";
import type { Wall } from "./walls";
import { type EntityId, METRE, NOBODY, across, isAfter, upwards } from "./words";

/** How many ticks are remembered. */
const PAST = 256;
/** Nearer than that to what the server says is the same: the rehearsal rounds otherwise. */
const SAME = METRE / 50;

const ORDER_VELOCITY = 1;
const ORDER_MOVE_TO = 2;

interface Pose {
  tick: number;
  x: number;
  y: number;
  velocityX: number;
  velocityY: number;
  heading: number;
  order: number;
  goalX: number;
  goalY: number;
}

export interface PredictionOptions {
  rateHz: number;
  speedMax: number;
  smoothUs: number;
  /** A correction of more than that, in units, is shown at once. */
  snap: number;
}

export interface PredictedView {
  id: EntityId;
  x: number;
  y: number;
  heading: number;
  velocityX: number;
  velocityY: number;
}

export class Prediction {
  private id: EntityId = NOBODY;
  private traits: { id: EntityId; update: number; traits: Traits } | null = null;
  private told = -Infinity;
  private isActive = false;
  /** The tick that comes next. */
  tick = 0;
  private pose: Pose = { tick: 0, x: 0, y: 0, velocityX: 0, velocityY: 0, heading: 0, order: 0, goalX: 0, goalY: 0 };
  private readonly past: (Pose | undefined)[] = new Array<Pose | undefined>(PAST);
  private errorX = 0;
  private errorY = 0;
  /** When its weapon is ready again, as the server says. */
  readyTick = 0;
  /** How often the rehearsal was put right. */
  corrections = 0;
  /** By how much, in units, of late. */
  lastCorrection = 0;

  /** A tick in seconds, in 2^-32. */
  private readonly stepQ32: number;

  constructor(
    private readonly options: PredictionOptions,
    private readonly walls: readonly Wall[],
  ) {
    this.stepQ32 = Math.floor((2 ** 32 + options.rateHz / 2) / options.rateHz);
  }

  get entity(): EntityId {
    return this.isActive ? this.id : NOBODY;
  }

  get weapon(): number {
    return this.traits?.traits.weapon ?? 0;
  }

  /** The server says how the entity was at a tick; `inputs` are those that it had not carried out by then. */
  handleState(state: Predicted | null, tick: number, update: number, inputs: readonly TickInput[]): void {
    if (state?.traits) {
      const known = this.traits;
      if (known === null || known.id !== state.id || !isAfter(known.update, update)) {
        this.traits = { id: state.id, update, traits: state.traits };
      }
    }
    if (tick <= this.told) return;
    this.told = tick;
    this.readyTick = state?.readyTick ?? 0;
    const traits = this.traits?.traits;
    if (state === null || traits === undefined || this.traits?.id !== state.id || traits.bot !== 0) {
      this.isActive = false;
      return;
    }
    const isNew = !this.isActive || this.id !== state.id || tick > this.tick;
    const past = this.past[tick % PAST];
    const x = across(state.position);
    const y = upwards(state.position);
    if (!isNew && past !== undefined && past.tick === tick) {
      const isSame =
        Math.hypot(past.x - x, past.y - y) <= SAME &&
        Math.hypot(past.velocityX - state.velocityX, past.velocityY - state.velocityY) <= METRE / 10 &&
        past.order === state.order;
      if (isSame) return;
    }
    const until = this.tick;
    const was = { x: this.pose.x, y: this.pose.y };
    this.id = state.id;
    this.isActive = true;
    this.tick = tick;
    // A goal is told in the sector's coordinates.
    const isPlace = state.order === ORDER_MOVE_TO;
    this.pose = {
      tick,
      x,
      y,
      velocityX: state.velocityX,
      velocityY: state.velocityY,
      heading: state.heading,
      order: state.order,
      goalX: state.goalX + (isPlace ? x - state.position.x : 0),
      goalY: state.goalY + (isPlace ? y - state.position.y : 0),
    };
    this.remember();
    while (this.tick < until && until - tick <= PAST) {
      const now = this.tick;
      for (const input of inputs) {
        if (Math.max(input.tick, tick) === now) this.obey(input.commands);
      }
      this.step(traits);
    }
    if (isNew) {
      this.errorX = 0;
      this.errorY = 0;
      return;
    }
    this.corrections++;
    this.lastCorrection = Math.hypot(was.x - this.pose.x, was.y - this.pose.y);
    this.errorX += was.x - this.pose.x;
    this.errorY += was.y - this.pose.y;
    if (Math.max(Math.abs(this.errorX), Math.abs(this.errorY)) > this.options.snap) {
      this.errorX = 0;
      this.errorY = 0;
    }
  }

  /** Brings the rehearsal to a tick without an entity in it. */
  skipTo(tick: number): void {
    this.isActive = false;
    this.tick = tick;
  }

  /** Carries out an input, if there is one, and the tick. */
  advance(input: TickInput | null): void {
    const traits = this.traits?.traits;
    if (!this.isActive || traits === undefined) {
      this.tick++;
      return;
    }
    if (input !== null) this.obey(input.commands);
    this.step(traits);
  }

  private obey(commands: readonly Command[]): void {
    for (const { entity, action } of commands) {
      if (entity !== this.id) continue;
      switch (action.kind) {
        case "velocity":
          // What is faster than may be is refused by the server too.
          if (Math.hypot(action.x, action.y) > this.speedMax) break;
          Object.assign(this.pose, { order: ORDER_VELOCITY, goalX: action.x, goalY: action.y });
          break;
        case "move":
          Object.assign(this.pose, { order: ORDER_MOVE_TO, goalX: across(action.to), goalY: upwards(action.to) });
          break;
        case "stop":
          Object.assign(this.pose, { order: 0, goalX: 0, goalY: 0 });
          break;
        case "fire":
          this.pose.heading = action.heading;
          break;
        default:
          break;
      }
    }
  }

  /** A tick, rounded where core/src/physics/movement.rs rounds. */
  private step(traits: Traits): void {
    const { pose, speedMax } = this;
    if (traits.accelerationMax > 0) {
      const [wantedX, wantedY] = this.wanted(speedMax, traits);
      const changeX = wantedX - pose.velocityX;
      const changeY = wantedY - pose.velocityY;
      const most = Math.max(this.way(traits.accelerationMax), 1);
      const change = Math.floor(Math.hypot(changeX, changeY));
      if (changeX * changeX + changeY * changeY <= most * most) {
        pose.velocityX = wantedX;
        pose.velocityY = wantedY;
      } else {
        pose.velocityX += Math.trunc((changeX * most) / Math.max(change, 1));
        pose.velocityY += Math.trunc((changeY * most) / Math.max(change, 1));
      }
      const isStill = (wantedX === 0 && wantedY === 0) || (pose.velocityX === 0 && pose.velocityY === 0);
      if (!isStill) pose.heading = angleOf(pose.velocityX, pose.velocityY);
    }
    limit(pose, speedMax);
    const { halfX, mass, collides, restitution } = traits;
    const body = { ...pose, radius: halfX * 256, collides: mass === 0 ? 0 : collides, restitution };
    travel(body, this.way(pose.velocityX), this.way(pose.velocityY), this.walls);
    pose.x = body.x;
    pose.y = body.y;
    const isTurned = pose.velocityX !== body.velocityX || pose.velocityY !== body.velocityY;
    pose.velocityX = body.velocityX;
    pose.velocityY = body.velocityY;
    if (isTurned) limit(pose, speedMax);
    this.tick++;
    this.remember();
  }

  private get speedMax(): number {
    const own = this.traits?.traits.speedMax ?? 0;
    return own > 0 ? Math.min(own, this.options.speedMax) : this.options.speedMax;
  }

  /** The way that a speed makes in a tick. */
  private way(speed: number): number {
    return Math.floor((speed * this.stepQ32) / 2 ** 32 + 0.5);
  }

  private wanted(speedMax: number, traits: Traits): [number, number] {
    const pose = this.pose;
    if (pose.order === ORDER_VELOCITY) return [pose.goalX, pose.goalY];
    if (pose.order !== ORDER_MOVE_TO) return [0, 0];
    const x = pose.goalX - pose.x;
    const y = pose.goalY - pose.y;
    const distance = Math.hypot(x, y);
    if (distance < METRE / 4) return [0, 0];
    // No faster than it can brake before the place.
    const speed = Math.min(speedMax, Math.sqrt(2 * traits.accelerationMax * distance), distance * this.options.rateHz);
    return [Math.trunc((x * speed) / distance), Math.trunc((y * speed) / distance)];
  }

  private remember(): void {
    this.pose.tick = this.tick;
    this.past[this.tick % PAST] = { ...this.pose };
  }

  /** Lets what is shown come nearer to what is. */
  smooth(elapsedUs: number): void {
    const left = Math.max(this.options.smoothUs - elapsedUs, 0) / this.options.smoothUs;
    this.errorX *= left;
    this.errorY *= left;
  }

  /** Where the entity is shown at a moment, one tick behind it so that there is a line to be on. */
  shown(moment: number): PredictedView | null {
    if (!this.isActive) return null;
    const { pose } = this;
    const before = this.past[(this.tick - 1 + PAST) % PAST];
    const part = Math.min(Math.max(moment - this.tick, 0), 1);
    const isLine = before !== undefined && before.tick === this.tick - 1;
    const backX = isLine ? (before.x - pose.x) * (1 - part) : 0;
    const backY = isLine ? (before.y - pose.y) * (1 - part) : 0;
    return {
      id: this.id,
      x: pose.x + backX + this.errorX,
      y: pose.y + backY + this.errorY,
      heading: pose.heading,
      velocityX: pose.velocityX,
      velocityY: pose.velocityY,
    };
  }
}

/** The velocity cut to a speed. */
function limit(pose: { velocityX: number; velocityY: number }, speedMax: number): void {
  const { velocityX, velocityY } = pose;
  if (velocityX * velocityX + velocityY * velocityY <= speedMax * speedMax) return;
  const length = Math.max(Math.floor(Math.hypot(velocityX, velocityY)), 1);
  pose.velocityX = Math.trunc((velocityX * speedMax) / length);
  pose.velocityY = Math.trunc((velocityY * speedMax) / length);
}
