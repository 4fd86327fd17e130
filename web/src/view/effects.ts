/** What is seen for a moment: shots on their way, hits, falls. */

import { Graphics } from "pixi.js";

import { teamColour } from "./colours";
import { type Wall } from "../sync/walls";
import { METRE } from "../sync/words";

interface Shot {
  x: number;
  y: number;
  directionX: number;
  directionY: number;
  speed: number;
  /** How far it flies, in metres. */
  reach: number;
  flown: number;
  colour: number;
}

interface Flash {
  x: number;
  y: number;
  at: number;
  lasts: number;
  radius: number;
  colour: number;
}

const MOST = 256;
/** In parts of a metre, so that circles are round. */
const FINE = 64;
/** How long a shot's trace is. */
const TRACE = 1.6;

export class Effects {
  readonly container = new Graphics();
  private shots: Shot[] = [];
  private flashes: Flash[] = [];

  constructor(private readonly walls: readonly Wall[]) {
    this.container.scale.set(1 / FINE);
  }

  /** A shot from a place along a direction, up to a wall. */
  shoot(x: number, y: number, angle: number, speed: number, range: number, team: number): void {
    if (this.shots.length >= MOST) return;
    const [directionX, directionY] = [Math.cos(angle), Math.sin(angle)];
    const reach = this.clear(x, y, directionX, directionY, range);
    this.shots.push({ x, y, directionX, directionY, speed: Math.max(speed, 30), reach, flown: 0, colour: teamColour(team) });
  }

  hit(x: number, y: number, now: number): void {
    this.flash({ x, y, at: now, lasts: 180, radius: 0.5, colour: 0xffe08a });
  }

  fall(x: number, y: number, team: number, now: number): void {
    this.flash({ x, y, at: now, lasts: 500, radius: 2, colour: teamColour(team) });
  }

  private flash(flash: Flash): void {
    if (this.flashes.length < MOST) this.flashes.push(flash);
  }

  /** How far it is to the first wall. */
  private clear(x: number, y: number, directionX: number, directionY: number, range: number): number {
    let nearest = range;
    const edge = (x1: number, y1: number, x2: number, y2: number): void => {
      const [sideX, sideY] = [x2 - x1, y2 - y1];
      const cross = directionX * sideY - directionY * sideX;
      if (cross === 0) return;
      const along = ((x1 - x) * sideY - (y1 - y) * sideX) / cross;
      const part = ((x1 - x) * directionY - (y1 - y) * directionX) / cross;
      if (along >= 0 && along < nearest && part >= 0 && part <= 1) nearest = along;
    };
    for (const { box, segment } of this.walls) {
      if (segment) edge(segment.x1 / METRE, segment.y1 / METRE, segment.x2 / METRE, segment.y2 / METRE);
      if (!box) continue;
      const [left, low, right, high] = [box.minX / METRE, box.minY / METRE, box.maxX / METRE, box.maxY / METRE];
      edge(left, low, right, low);
      edge(right, low, right, high);
      edge(right, high, left, high);
      edge(left, high, left, low);
    }
    return nearest;
  }

  advance(now: number, seconds: number): void {
    const { container } = this;
    container.clear();
    this.shots = this.shots.filter((shot) => {
      shot.flown += shot.speed * seconds;
      const head = Math.min(shot.flown, shot.reach);
      const tail = Math.max(Math.min(shot.flown - TRACE, shot.reach), 0);
      if (tail >= shot.reach) {
        this.hit(shot.x + shot.directionX * shot.reach, shot.y + shot.directionY * shot.reach, now);
        return false;
      }
      const at = (way: number): [number, number] => [
        FINE * (shot.x + shot.directionX * way),
        -FINE * (shot.y + shot.directionY * way),
      ];
      container.moveTo(...at(tail)).lineTo(...at(head));
      container.stroke({ color: shot.colour, width: 0.14 * FINE, alpha: 0.95, cap: "round" });
      return true;
    });
    this.flashes = this.flashes.filter((flash) => {
      const part = (now - flash.at) / flash.lasts;
      if (part >= 1) return false;
      container.circle(FINE * flash.x, -FINE * flash.y, FINE * flash.radius * (0.3 + part)).fill({ color: flash.colour, alpha: 0.7 * (1 - part) });
      return true;
    });
  }
}
