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

/** Something round on its way. */
export interface Body {
  x: number;
  y: number;
  velocityX: number;
  velocityY: number;
  radius: number;
  collides: number;
}

/** How often a body is pushed out of walls in a step: a corner needs two. */
const ROUNDS = 3;

/** Moves a body and holds it out of the walls, taking from its velocity what goes into them. */
export function travel(body: Body, wayX: number, wayY: number, walls: readonly Wall[]): void {
  // No step is longer than half the body, so that it does not pass through a wall.
  const steps = Math.max(1, Math.min(Math.ceil(Math.hypot(wayX, wayY) / Math.max(body.radius, METRE / 8)), 64));
  for (let step = 0; step < steps; step++) {
    body.x += wayX / steps;
    body.y += wayY / steps;
    for (let round = 0; round < ROUNDS; round++) {
      if (!walls.some((wall) => (wall.layers & body.collides) !== 0 && push(body, wall))) break;
    }
  }
}

/** Pushes a body out of a wall; false if it does not touch it. */
function push(body: Body, wall: Wall): boolean {
  let nearestX: number;
  let nearestY: number;
  if (wall.box !== undefined) {
    const { minX, minY, maxX, maxY } = wall.box;
    nearestX = Math.min(Math.max(body.x, minX), maxX);
    nearestY = Math.min(Math.max(body.y, minY), maxY);
    if (nearestX === body.x && nearestY === body.y) return pushOutOfBox(body, wall.box);
  } else if (wall.segment !== undefined) {
    const { x1, y1, x2, y2 } = wall.segment;
    const square = (x2 - x1) ** 2 + (y2 - y1) ** 2;
    const along = square === 0 ? 0 : ((body.x - x1) * (x2 - x1) + (body.y - y1) * (y2 - y1)) / square;
    const part = Math.min(Math.max(along, 0), 1);
    nearestX = x1 + (x2 - x1) * part;
    nearestY = y1 + (y2 - y1) * part;
  } else {
    return false;
  }
  const offX = body.x - nearestX;
  const offY = body.y - nearestY;
  const distance = Math.hypot(offX, offY);
  // A unit of tolerance, so that who leans on a wall does not tremble.
  if (distance >= body.radius - 1 || distance === 0) return false;
  slide(body, offX / distance, offY / distance, body.radius - distance);
  return true;
}

function pushOutOfBox(body: Body, { minX, minY, maxX, maxY }: Box): boolean {
  const ways: [number, number, number][] = [
    [-1, 0, body.x - minX],
    [1, 0, maxX - body.x],
    [0, -1, body.y - minY],
    [0, 1, maxY - body.y],
  ];
  const [normalX, normalY, depth] = ways.reduce((least, way) => (way[2] < least[2] ? way : least));
  slide(body, normalX, normalY, depth + body.radius);
  return true;
}

function slide(body: Body, normalX: number, normalY: number, depth: number): void {
  body.x += normalX * depth;
  body.y += normalY * depth;
  const into = body.velocityX * normalX + body.velocityY * normalY;
  if (into >= 0) return;
  body.velocityX -= into * normalX;
  body.velocityY -= into * normalY;
}
