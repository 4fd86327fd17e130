/** The walls of a map, as far as the prediction and the picture need them. All lengths are units from sector 0, 0. */

import { METRE, SECTOR_SIDE } from "./words";

export interface Segment {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}

export interface Box {
  minX: number;
  minY: number;
  maxX: number;
  maxY: number;
}

/** A wall stops those who collide with one of its layers. */
export interface Wall {
  segment?: Segment;
  box?: Box;
  layers: number;
}

type Point = [number, number];

/** The parts of a map document that are used; schemas/map.schema.json has all of it. */
export interface MapDocument {
  name?: string;
  origin?: { sector?: Point; at?: Point };
  size: Point;
  walls?: { segment?: { from: Point; to: Point }; box?: { min: Point; max: Point }; layers?: number }[];
  cells?: { cell: number; at?: Point; rows: string[]; layers?: number };
  zones?: {
    name?: string;
    kind?: string;
    circle?: { at: Point; radius: number };
    box?: { min: Point; max: Point };
    team?: number;
    tag?: number;
  }[];
  pickups?: { at: Point; radius?: number; kind?: number }[];
  spawn_points?: { at: Point; team?: number }[];
  routes?: Point[][];
}

const LAYERS_ALL = 0xffff;

/** Where a map's lower left corner is, in units from sector 0, 0. */
export function originOf(map: MapDocument): Point {
  const [sectorX, sectorY] = map.origin?.sector ?? [0, 0];
  const [x, y] = map.origin?.at ?? [0, 0];
  return [sectorX * SECTOR_SIDE + Math.round(x * METRE), sectorY * SECTOR_SIDE + Math.round(y * METRE)];
}

/** All walls of a map; runs of solid cells become boxes. */
export function wallsOf(map: MapDocument): Wall[] {
  const [left, low] = originOf(map);
  const x = (metres: number): number => left + Math.round(metres * METRE);
  const y = (metres: number): number => low + Math.round(metres * METRE);
  const walls: Wall[] = (map.walls ?? []).map(({ segment, box, layers }) => ({
    layers: layers ?? LAYERS_ALL,
    ...(segment && {
      segment: { x1: x(segment.from[0]), y1: y(segment.from[1]), x2: x(segment.to[0]), y2: y(segment.to[1]) },
    }),
    ...(box && { box: { minX: x(box.min[0]), minY: y(box.min[1]), maxX: x(box.max[0]), maxY: y(box.max[1]) } }),
  }));
  const { cells } = map;
  if (cells === undefined) return walls;
  const [cellX, cellY] = cells.at ?? [0, 0];
  cells.rows.forEach((row, index) => {
    const bottom = cellY + (cells.rows.length - 1 - index) * cells.cell;
    for (const run of row.matchAll(/#+/g)) {
      const start = cellX + run.index * cells.cell;
      const box = { minX: x(start), minY: y(bottom), maxX: x(start + run[0].length * cells.cell), maxY: y(bottom + cells.cell) };
      walls.push({ layers: cells.layers ?? LAYERS_ALL, box });
    }
  });
  return walls;
}
