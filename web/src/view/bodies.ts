/** Entities as they are drawn: any by its shape, side and kind, with its name and its health. */

import { Container, Graphics, Text } from "pixi.js";

import { OWN, healthColour, teamColour } from "./colours";
import type { Camera } from "./camera";
import { radians } from "../sync/angle";
import type { ShownEntity } from "../sync/client";
import type { EntityId } from "../sync/words";

export interface Look {
  name: string;
  isOwn: boolean;
  isSelected: boolean;
  /** Of who has no side: a number that tells it from others. */
  paint: number;
  /** What sort of thing it is drawn as. */
  form: "fighter" | "car" | "unit" | "base" | "resource" | "thing";
}

const BAR_WIDTH = 34;
/** Shapes are drawn so many times as large, and shown smaller: circles get as many corners as pixels need. */
const FINE = 64;

class Body {
  readonly container = new Container();
  private readonly shape = new Graphics();
  private readonly over = new Container();
  private readonly bar = new Graphics();
  private readonly name: Text;
  private drawn = "";
  private barDrawn = -1;
  /** When it was hit last. */
  struckAt = -Infinity;
  seen = 0;

  constructor() {
    this.name = new Text({ text: "", style: { fontFamily: "system-ui, sans-serif", fontSize: 12, fill: 0xdfe7f2 } });
    this.name.anchor.set(0.5, 1);
    this.over.addChild(this.bar, this.name);
    this.shape.scale.set(1 / FINE);
    this.container.addChild(this.shape);
  }

  get overlay(): Container {
    return this.over;
  }

  show(entity: ShownEntity, look: Look, camera: Camera, now: number): void {
    const key = [entity.shape, entity.halfX, entity.halfY, entity.team, entity.kind, look.form, look.isOwn, look.isSelected, look.paint].join();
    if (key !== this.drawn) this.draw(entity, look);
    this.drawn = key;
    this.container.position.set(entity.x, -entity.y);
    this.shape.rotation = -radians(entity.heading);
    const since = now - this.struckAt;
    this.shape.tint = since < 120 ? 0xff6060 : 0xffffff;
    const [pageX, pageY] = camera.toPage(entity.x, entity.y);
    const top = pageY - Math.max(entity.halfY, entity.halfX) * camera.zoom - 6;
    this.over.position.set(Math.round(pageX), Math.round(top));
    if (this.name.text !== look.name) this.name.text = look.name;
    this.name.y = -6;
    const part = entity.healthMax > 0 ? Math.max(entity.health / entity.healthMax, 0) : -1;
    if (part !== this.barDrawn) this.drawBar(part);
    this.barDrawn = part;
  }

  private draw(entity: ShownEntity, look: Look): void {
    const color = teamColour(entity.team === 0 ? look.paint : entity.team);
    const { shape } = this;
    const x = FINE * Math.max(entity.halfX, 0.15);
    const y = FINE * Math.max(entity.shape === 1 ? entity.halfY : entity.halfX, 0.15);
    shape.clear();
    if (look.isSelected) shape.circle(0, 0, Math.max(x, y) + 0.35 * FINE).stroke({ color: 0xffffff, width: 0.12 * FINE, alpha: 0.9 });
    if (look.form === "car") {
      shape.roundRect(-x, -x * 0.55, 2 * x, x * 1.1, x * 0.25).fill(color);
      if (look.isOwn) shape.stroke({ color: OWN, width: 0.12 * FINE });
      shape.rect(x * 0.1, -x * 0.42, x * 0.4, x * 0.84).fill({ color: 0x10141c, alpha: 0.7 });
    } else if (entity.shape === 1 || look.form === "base") {
      shape.rect(-x, -y, 2 * x, 2 * y).fill({ color, alpha: 0.85 }).stroke({ color: 0x10141c, width: 0.1 * FINE });
    } else if (look.form === "resource") {
      shape.poly([0, -x, x, 0, 0, x, -x, 0]).fill(0xffd24d).stroke({ color: 0x7a5f10, width: 0.1 * FINE });
    } else {
      // A barrel in front says which way it faces.
      if (look.form === "fighter" || look.form === "unit") shape.rect(x * 0.5, -x * 0.18, x * 1.1, x * 0.36).fill(0xc8d2df);
      shape.circle(0, 0, x).fill(color).stroke({ color: look.isOwn ? OWN : 0x10141c, width: FINE * (look.isOwn ? 0.14 : 0.09) });
      shape.circle(0, 0, x * 0.45).fill({ color: 0x10141c, alpha: 0.35 });
    }
  }

  private drawBar(part: number): void {
    this.bar.clear();
    if (part < 0) return;
    this.bar.rect(-BAR_WIDTH / 2 - 1, -5, BAR_WIDTH + 2, 5).fill({ color: 0x0c1017, alpha: 0.8 });
    this.bar.rect(-BAR_WIDTH / 2, -4, BAR_WIDTH * Math.min(part, 1), 3).fill(healthColour(part));
  }

  destroy(): void {
    this.container.destroy({ children: true });
    this.over.destroy({ children: true });
  }
}

/** The bodies that are in sight. */
export class Bodies {
  /** In metres. */
  readonly container = new Container();
  /** In pixels, so that names are as large on every screen. */
  readonly overlay = new Container();
  private readonly bodies = new Map<EntityId, Body>();
  private frame = 0;

  show(entities: readonly ShownEntity[], lookOf: (entity: ShownEntity) => Look, camera: Camera, now: number): void {
    this.frame++;
    for (const entity of entities) {
      let body = this.bodies.get(entity.id);
      if (body === undefined) {
        body = new Body();
        this.bodies.set(entity.id, body);
        this.container.addChild(body.container);
        this.overlay.addChild(body.overlay);
      }
      body.seen = this.frame;
      body.show(entity, lookOf(entity), camera, now);
    }
    for (const [id, body] of this.bodies) {
      if (body.seen === this.frame) continue;
      body.destroy();
      this.bodies.delete(id);
    }
  }

  strike(id: EntityId, now: number): void {
    const body = this.bodies.get(id);
    if (body !== undefined) body.struckAt = now;
  }

  place(id: EntityId): { x: number; y: number } | null {
    const body = this.bodies.get(id);
    return body === undefined ? null : { x: body.container.x, y: -body.container.y };
  }
}
