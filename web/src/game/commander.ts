/** Selects units by a frame or a tap, and sends them to a place or against somebody. */

import type { Field } from "../view/field";
import type { ShownEntity, SyncClient } from "../sync/client";
import { type EntityId, NOBODY } from "../sync/words";

/** Most commands of one order: as many as an input has. */
const UNITS_MAX = 8;
const TAP_PIXELS = 10;
/** How far beside an entity a tap may be, in metres. */
const NEAR = 0.6;

export class Commander {
  readonly selected = new Set<EntityId>();
  private readonly frame = document.createElement("div");
  private start: { x: number; y: number; button: number } | null = null;
  private readonly stop = new AbortController();
  private waiting: { units: EntityId[]; x: number; y: number; target: EntityId } | null = null;
  /** Where one looks, moved by keys or by a finger at the edge. */
  x = 0;
  y = 0;
  private isPlaced = false;

  constructor(
    private readonly area: HTMLElement,
    private readonly field: Field,
    private readonly number: number,
    /** Says something to the rules, which send groups. */
    private readonly send: (message: unknown) => void,
  ) {
    this.frame.className = "frame";
    area.append(this.frame);
    const { signal } = this.stop;
    area.addEventListener("pointerdown", ({ clientX: x, clientY: y, button }) => (this.start = { x, y, button }), { signal });
    area.addEventListener("pointermove", (event) => this.drawFrame(event), { signal });
    area.addEventListener("pointerup", (event) => this.handleUp(event), { signal });
  }

  private drawFrame({ clientX, clientY }: PointerEvent): void {
    const { start } = this;
    const isFrame = start !== null && start.button === 0 && Math.hypot(clientX - start.x, clientY - start.y) > TAP_PIXELS;
    this.frame.style.display = isFrame ? "block" : "none";
    if (start === null) return;
    Object.assign(this.frame.style, {
      left: `${Math.min(start.x, clientX)}px`,
      top: `${Math.min(start.y, clientY)}px`,
      width: `${Math.abs(clientX - start.x)}px`,
      height: `${Math.abs(clientY - start.y)}px`,
    });
  }

  private shown: readonly ShownEntity[] = [];

  private handleUp({ clientX, clientY, button }: PointerEvent): void {
    const { start } = this;
    this.start = null;
    this.frame.style.display = "none";
    if (start === null) return;
    const { camera } = this.field;
    const [x, y] = camera.toWorld(clientX, clientY);
    if (Math.hypot(clientX - start.x, clientY - start.y) > TAP_PIXELS && button === 0) {
      const [fromX, fromY] = camera.toWorld(start.x, start.y);
      this.selected.clear();
      for (const unit of this.shown) {
        const isIn = (unit.x - fromX) * (unit.x - x) <= 0 && (unit.y - fromY) * (unit.y - y) <= 0;
        if (isIn && this.isMine(unit)) this.selected.add(unit.id);
      }
      return;
    }
    const at = this.shown.find((one) => Math.hypot(one.x - x, one.y - y) <= Math.max(one.halfX, one.halfY) + NEAR);
    if (at !== undefined && this.isMine(at) && button === 0) {
      this.selected.clear();
      this.selected.add(at.id);
    } else if (this.selected.size > 0) {
      const mine = this.shown.find((one) => this.selected.has(one.id));
      const isEnemy = at !== undefined && at.healthMax > 0 && at.team !== mine?.team;
      this.waiting = { units: [...this.selected], x, y, target: isEnemy ? at.id : NOBODY };
    }
  }

  private isMine(unit: ShownEntity): boolean {
    return unit.owner === this.number && this.number !== 0;
  }

  act(client: SyncClient, move: { moveX: number; moveY: number }, seconds: number): void {
    this.shown = client.shown;
    const own = client.shown.filter((unit) => this.isMine(unit));
    if (!this.isPlaced && own.length > 0) {
      this.x = own[0].x;
      this.y = own[0].y;
      this.isPlaced = true;
    }
    this.x += move.moveX * 30 * seconds;
    this.y += move.moveY * 30 * seconds;
    const { waiting } = this;
    if (waiting === null) return;
    this.waiting = null;
    if (waiting.target === NOBODY) {
      this.send({ type: "group", units: waiting.units, x: waiting.x, y: waiting.y });
      return;
    }
    // As many as an input has; the others guard those.
    for (const unit of waiting.units.slice(0, UNITS_MAX)) client.command(unit, { kind: "attack", target: waiting.target });
    const others = waiting.units.slice(UNITS_MAX);
    if (others.length > 0) this.send({ type: "group", units: others, x: waiting.x, y: waiting.y });
  }

  close(): void {
    this.stop.abort();
    this.frame.remove();
  }
}
