/** The map as it lies there: floor, zones, walls, places of pickups. */

import { Container, Graphics } from "pixi.js";

import { FLOOR, GRID, WALL, WALL_EDGE, teamColour } from "./colours";
import { type MapDocument, originOf, wallsOf } from "../sync/walls";
import { METRE } from "../sync/words";

const GRID_METRES = 4;
const FINE = 64;
const NEXT = 0xffd24d;

export interface PickupView {
  shape: Graphics;
  /** The time at which it is there again. */
  backAt: number;
}

export class Ground {
  readonly container = new Container();
  readonly pickups: PickupView[] = [];
  private readonly zoneShapes: { shape: Graphics; left: number; low: number }[] = [];
  private leads = -1;
  readonly origin: [number, number];
  readonly size: [number, number];

  constructor(readonly map: MapDocument) {
    const [left, low] = originOf(map).map((units) => units / METRE) as [number, number];
    this.origin = [left, low];
    this.size = map.size;
    const [width, height] = map.size;
    const floor = new Graphics().rect(left, -low - height, width, height).fill(FLOOR);
    for (let x = GRID_METRES; x < width; x += GRID_METRES) floor.moveTo(left + x, -low).lineTo(left + x, -low - height);
    for (let y = GRID_METRES; y < height; y += GRID_METRES) floor.moveTo(left, -low - y).lineTo(left + width, -low - y);
    floor.stroke({ color: GRID, width: 0.05 });
    this.container.addChild(floor, this.zones(left, low), this.routes(left, low), this.walls());
    for (const { at, radius, kind } of map.pickups ?? []) this.addPickup(left + at[0], low + at[1], radius ?? 0.75, kind ?? 0);
  }

  private zones(left: number, low: number): Container {
    const container = new Container();
    (this.map.zones ?? []).forEach((zone, index) => {
      const shape = container.addChild(new Graphics());
      shape.scale.set(1 / FINE);
      this.zoneShapes[index] = { shape, left, low };
      this.drawZone(index, zone.team ?? 0);
    });
    return container;
  }

  private drawZone(index: number, team: number): void {
    const zone = this.map.zones?.[index];
    const known = this.zoneShapes[index] as { shape: Graphics; left: number; low: number } | undefined;
    if (zone === undefined || known === undefined) return;
    const { shape, left, low } = known;
    const { circle, box } = zone;
    const color = teamColour(team);
    shape.clear();
    if (circle) shape.circle(FINE * (left + circle.at[0]), -FINE * (low + circle.at[1]), FINE * circle.radius);
    if (box) {
      const [width, height] = [box.max[0] - box.min[0], box.max[1] - box.min[1]];
      shape.rect(FINE * (left + box.min[0]), -FINE * (low + box.max[1]), FINE * width, FINE * height);
    }
    shape.fill({ color, alpha: 0.12 }).stroke({ color, alpha: 0.6, width: 0.12 * FINE });
  }

  /** A side holds a zone now. */
  capture(index: number, team: number): void {
    this.drawZone(index, team);
  }

  /** Of a race: the checkpoint that comes next stands out. */
  lead(tag: number): void {
    if (tag === this.leads) return;
    this.leads = tag;
    this.map.zones?.forEach((zone, index) => {
      const shape = (this.zoneShapes[index] as { shape: Graphics } | undefined)?.shape;
      if (shape !== undefined && zone.tag !== undefined) shape.tint = zone.tag === tag ? NEXT : 0xffffff;
    });
  }

  /** How many checkpoints there are. */
  get checkpoints(): number {
    return Math.max(0, ...(this.map.zones ?? []).map(({ tag }) => tag ?? 0));
  }

  /** Ways that go round. */
  private routes(left: number, low: number): Graphics {
    const routes = new Graphics();
    for (const route of this.map.routes ?? []) {
      if (route.length < 3) continue;
      routes.poly(route.flatMap(([x, y]) => [left + x, -low - y]));
      routes.stroke({ color: GRID, width: 0.3, join: "round" });
    }
    return routes;
  }

  private walls(): Graphics {
    const walls = new Graphics();
    for (const { box, segment } of wallsOf(this.map)) {
      if (box) {
        const [x, y] = [box.minX / METRE, -box.maxY / METRE];
        walls.rect(x, y, (box.maxX - box.minX) / METRE, (box.maxY - box.minY) / METRE).fill(WALL);
        walls.stroke({ color: WALL_EDGE, width: 0.08, alignment: 1 });
      }
      if (segment) {
        walls.moveTo(segment.x1 / METRE, -segment.y1 / METRE).lineTo(segment.x2 / METRE, -segment.y2 / METRE);
        walls.stroke({ color: WALL_EDGE, width: 0.25, cap: "round" });
      }
    }
    return walls;
  }

  private addPickup(x: number, y: number, radius: number, kind: number): void {
    const color = kind === 1 ? 0x6ad17c : 0xffd24d;
    // Drawn large and shown small, so that the circle is round.
    const large = radius * FINE;
    const shape = new Graphics().circle(0, 0, large).fill({ color, alpha: 0.18 }).stroke({ color, width: 0.08 * FINE });
    const arm = large * 0.55;
    shape.rect(-arm, -arm / 3, 2 * arm, (2 * arm) / 3).rect(-arm / 3, -arm, (2 * arm) / 3, 2 * arm).fill(color);
    shape.position.set(x, -y);
    this.container.addChild(shape);
    this.pickups.push({ shape, backAt: 0 });
  }

  /** A pickup was taken; it is there again after a while. */
  take(index: number, now: number, rateHz: number): void {
    const pickup = this.pickups[index] as PickupView | undefined;
    const ticks = (this.map.pickups?.[index] as { respawn_ticks?: number } | undefined)?.respawn_ticks ?? 0;
    if (pickup !== undefined) pickup.backAt = ticks === 0 ? Infinity : now + (ticks * 1000) / rateHz;
  }

  advance(now: number): void {
    for (const { shape, backAt } of this.pickups) {
      const isThere = now >= backAt;
      shape.alpha = isThere ? 1 : 0.15;
      shape.scale.set((isThere ? 1 + 0.06 * Math.sin(now / 250) : 0.8) / FINE);
    }
  }
}
