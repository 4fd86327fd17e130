/** Selects units by a frame or a tap, and sends them to a place or against somebody. */

import type { Field } from "../view/field";
import type { ShownEntity, SyncClient } from "../sync/client";
import { type EntityId, NOBODY } from "../sync/words";

/** Most commands of one order: as many as an input has. */
const UNITS_MAX = 8;
const TAP_PIXELS = 10;
/** How far beside an entity a click may be, in metres, and how far a finger. */
const NEAR = 0.6;
const FINGER_PIXELS = 24;

export class Commander {
  readonly selected = new Set<EntityId>();
  private readonly frame = document.createElement("div");
  /** Fingers and the mouse's buttons that are down, and where. */
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private start: { x: number; y: number; button: number } | null = null;
  private readonly stop = new AbortController();
  private waiting: { units: EntityId[]; x: number; y: number; target: EntityId } | null = null;
  /** Where one looks, moved by keys or by two fingers. */
  x = 0;
  y = 0;
  private isPlaced = false;

  constructor(
    area: HTMLElement,
    private readonly field: Field,
    private readonly number: number,
    /** Says something to the rules, which send groups. */
    private readonly send: (message: unknown) => void,
  ) {
    this.frame.className = "frame";
    area.append(this.frame);
    const { signal } = this.stop;
    area.addEventListener("pointerdown", (event) => this.handleDown(event), { signal });
    area.addEventListener("pointermove", (event) => this.handleMove(event), { signal });
    area.addEventListener("pointerup", (event) => this.handleUp(event), { signal });
    area.addEventListener("pointercancel", ({ pointerId }) => this.forget(pointerId), { signal });
  }

  private handleDown({ clientX: x, clientY: y, button, pointerId, target }: PointerEvent): void {
    // What stands round the picture is pressed for itself.
    if (!(target instanceof HTMLCanvasElement)) return;
    this.pointers.set(pointerId, { x, y });
    this.start = this.pointers.size === 1 ? { x, y, button } : null;
  }

  private handleMove(event: PointerEvent): void {
    const was = this.pointers.get(event.pointerId);
    if (was !== undefined) {
      // Two fingers move the picture, each a half of it.
      const { zoom } = this.field.camera;
      if (this.pointers.size > 1) {
        this.x -= (event.clientX - was.x) / zoom / this.pointers.size;
        this.y += (event.clientY - was.y) / zoom / this.pointers.size;
      }
      this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    }
    this.drawFrame(event);
  }

  private forget(pointer: number): void {
    this.pointers.delete(pointer);
    this.start = null;
    this.frame.style.display = "none";
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

  private handleUp({ clientX, clientY, button, pointerId, pointerType }: PointerEvent): void {
    const { start } = this;
    this.forget(pointerId);
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
    const near = Math.max(NEAR, (pointerType === "touch" ? FINGER_PIXELS : 0) / camera.zoom);
    const distance = (one: ShownEntity): number => Math.hypot(one.x - x, one.y - y) - Math.max(one.halfX, one.halfY);
    const [at] = this.shown.filter((one) => distance(one) <= near).sort((one, other) => distance(one) - distance(other));
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

  /** Takes all units that are in sight. */
  selectAll(): void {
    this.selected.clear();
    for (const unit of this.shown) if (this.isMine(unit)) this.selected.add(unit.id);
  }

  act(client: SyncClient, move: { moveX: number; moveY: number }, seconds: number): void {
    this.shown = client.shown;
    const own = client.shown.filter((unit) => this.isMine(unit));
    const alive = new Set(own.map(({ id }) => id));
    for (const id of this.selected) if (!alive.has(id)) this.selected.delete(id);
    if (!this.isPlaced && own.length > 0) {
      this.x = own[0].x;
      this.y = own[0].y;
      this.isPlaced = true;
    }
    this.x += move.moveX * 30 * seconds;
    this.y += move.moveY * 30 * seconds;
    const { ground } = this.field;
    if (ground !== null) {
      const [left, low] = ground.origin;
      this.x = Math.min(Math.max(this.x, left), left + ground.size[0]);
      this.y = Math.min(Math.max(this.y, low), low + ground.size[1]);
    }
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
