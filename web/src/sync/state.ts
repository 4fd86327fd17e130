/** The state of a group as viewers know it: docs/WIRE.md, "Groups, versions and bases". */

import type { EntityId } from "./words";

/** Places of a group. */
export const GROUP = 32;

/** A group at one update, column by column. Values in places that are not in `present` mean nothing. */
export class GroupState {
  present = 0;
  /** Of those who left: who is gone from the world. */
  destroyed = 0;
  readonly id: EntityId[] = new Array<EntityId>(GROUP).fill(0);
  readonly x = new Uint16Array(GROUP);
  readonly y = new Uint16Array(GROUP);
  readonly heading = new Uint8Array(GROUP);
  readonly health = new Int32Array(GROUP);
  readonly healthMax = new Int32Array(GROUP);
  readonly state = new Uint16Array(GROUP);
  readonly target: EntityId[] = new Array<EntityId>(GROUP).fill(0);
  readonly flags = new Uint32Array(GROUP);
  readonly kind = new Uint16Array(GROUP);
  readonly team = new Uint16Array(GROUP);
  readonly owner = new Uint32Array(GROUP);
  readonly shape = new Uint8Array(GROUP);
  readonly halfX = new Uint16Array(GROUP);
  readonly halfY = new Uint16Array(GROUP);
  readonly attributes: Int32Array[];

  constructor(attributes: number) {
    this.attributes = Array.from({ length: attributes }, () => new Int32Array(GROUP));
  }

  has(place: number): boolean {
    return ((this.present >>> place) & 1) === 1;
  }
}

/** A square of a sector with a side of 2^shift units. */
export interface Cell {
  sectorX: number;
  sectorY: number;
  x: number;
  y: number;
}

/** What a whole state says of its group. */
export interface Identity {
  cell: Cell;
  /** 0 everybody, 1 the viewer's team, 2 its player. */
  scope: number;
  update: number;
}

export const isSameGroup = (one: Identity, other: Identity): boolean =>
  one.scope === other.scope &&
  one.cell.x === other.cell.x &&
  one.cell.y === other.cell.y &&
  one.cell.sectorX === other.cell.sectorX &&
  one.cell.sectorY === other.cell.sectorY;

/** What both sides know of shares from the welcome. */
export interface Layout {
  attributes: number;
  cellShift: number;
}

/** The side of a cell in centimetres: coordinates are below it. */
export const sideOf = (shift: number): number => Math.floor(((2 ** shift - 1) * 100) / 65_536) + 1;

/** The coordinate in a sector in the middle of what was cut to a centimetre. */
export function coordinate(column: number, centimetres: number, shift: number): number {
  const inside = Math.floor((centimetres * 65_536 + 32_768) / 100);
  return Math.min(column * 2 ** shift + inside, 65_535_999);
}
