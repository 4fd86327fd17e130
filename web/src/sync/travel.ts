/**
 * How a disc moves among walls: the counterpart of core/src/map/{sweep,contact,walls}.rs, rounded where the core rounds. It
 * glides along walls that it meets, and what overlaps a wall then is pushed out.
 */

import type { Box, Segment, Wall } from "./walls";

/** Something round on its way. Places and speeds are whole numbers of units. */
export interface Body {
  x: number;
  y: number;
  velocityX: number;
  velocityY: number;
  radius: number;
  /** The layers that it collides with. */
  collides: number;
  /** What part of its speed a wall gives back, in 255ths. */
  restitution: number;
}

/** A direction, in 2^-15. */
interface Normal {
  x: number;
  y: number;
}

interface Hit {
  /** The part of the way, in 2^-32. */
  time: number;
  normal: Normal;
}

interface Contact {
  depth: number;
  pushX: number;
  pushY: number;
  normal: Normal;
}

interface Way {
  x: number;
  y: number;
  dx: number;
  dy: number;
}

const WHOLE = 2 ** 32;
/** Most contacts that a push-out resolves, one after the other. */
const ROUNDS_MAX = 12;
const CONTACTS_MAX = 4;
/** Most straight parts of a movement along walls. */
const GLIDES_MAX = 4;
/** Least radius of what glides, in units. */
const GLIDING_MIN = 64;

const clamp = (at: number, low: number, high: number): number => Math.min(Math.max(at, low), high);

/** The direction of a vector as the core rounds it. */
function normalOf(x: number, y: number): Normal {
  let [right, up] = [x, y];
  while ((right !== 0 || up !== 0) && Math.max(Math.abs(right), Math.abs(up)) < 2 ** 20) [right, up] = [right * 1024, up * 1024];
  const length = Math.floor(Math.hypot(right, up));
  if (length === 0) return { x: 0, y: 0 };
  return { x: Math.trunc((right * 32_768) / length), y: Math.trunc((up * 32_768) / length) };
}

const hitAt = (part: number, whole: number, normal: Normal): Hit => ({ time: Math.floor((part * WHOLE) / whole), normal });

const sooner = (one: Hit | null, other: Hit | null): Hit | null =>
  one === null || other === null ? (one ?? other) : other.time < one.time ? other : one;

/** What becomes of a disc whose wall's nearest point this is: undefined if it does not overlap it yet. */
function overlapOnWay(way: Way, radius: number, nearestX: number, nearestY: number): Hit | null | undefined {
  const [offX, offY] = [way.x - nearestX, way.y - nearestY];
  if (offX * offX + offY * offY >= radius * radius) return undefined;
  if (offX === 0 && offY === 0) return { time: 0, normal: normalOf(-way.dx, -way.dy) };
  // What goes away from a convex thing never meets it later.
  return offX * way.dx + offY * way.dy < 0 ? { time: 0, normal: normalOf(offX, offY) } : null;
}

function meetsPoint({ x, y, dx, dy }: Way, radius: number, pointX: number, pointY: number): Hit | null {
  const [offX, offY] = [x - pointX, y - pointY];
  const towards = -(offX * dx + offY * dy);
  if (towards <= 0) return null;
  const square = dx * dx + dy * dy;
  const aside = dx * offY - dy * offX;
  const underRoot = radius * radius * square - aside * aside;
  if (underRoot <= 0) return null;
  const part = Math.max(towards - Math.ceil(Math.sqrt(underRoot)), 0);
  if (part >= square) return null;
  const time = Math.floor((part * WHOLE) / square);
  const along = (off: number, d: number): number => off + Math.floor((d * time) / WHOLE);
  return { time, normal: normalOf(along(offX, dx), along(offY, dy)) };
}

function meetsBox(way: Way, radius: number, { minX, minY, maxX, maxY }: Box): Hit | null {
  const { x, y, dx, dy } = way;
  const overlapped = overlapOnWay(way, radius, clamp(x, minX, maxX), clamp(y, minY, maxY));
  if (overlapped !== undefined) return overlapped;
  let first: Hit | null = null;
  const [wide, high] = [Math.abs(dx), Math.abs(dy)];
  // The sides, moved out by the radius: when the centre is there, is it beside the side?
  let part = dx > 0 ? minX - radius - x : x - maxX - radius;
  let beside = y * wide + dy * part;
  if (dx !== 0 && part >= 0 && part < wide && beside >= minY * wide && beside <= maxY * wide) {
    first = hitAt(part, wide, { x: -Math.sign(dx) * 32_768, y: 0 });
  }
  part = dy > 0 ? minY - radius - y : y - maxY - radius;
  beside = x * high + dx * part;
  if (dy !== 0 && part >= 0 && part < high && beside >= minX * high && beside <= maxX * high) {
    first = sooner(first, hitAt(part, high, { x: 0, y: -Math.sign(dy) * 32_768 }));
  }
  for (const [cornerX, cornerY] of [[minX, minY], [maxX, minY], [minX, maxY], [maxX, maxY]]) {
    first = sooner(first, meetsPoint(way, radius, cornerX, cornerY));
  }
  return first;
}

function meetsSegment(way: Way, radius: number, { x1, y1, x2, y2 }: Segment): Hit | null {
  const { x, y, dx, dy } = way;
  const [alongX, alongY] = [x2 - x1, y2 - y1];
  const square = alongX * alongX + alongY * alongY;
  const foot = (x - x1) * alongX + (y - y1) * alongY;
  const aside = alongX * (y - y1) - alongY * (x - x1);
  const reach = Math.ceil(radius * Math.sqrt(square));
  const approach = alongX * dy - alongY * dx;
  if (foot >= 0 && foot <= square) {
    if (Math.abs(aside) < reach) {
      const side = aside === 0 ? -Math.sign(approach) : Math.sign(aside);
      const normal = normalOf(-alongY * side, alongX * side);
      if (!(approach * side < 0 || aside === 0)) return null;
      return { time: 0, normal: normal.x === 0 && normal.y === 0 ? normalOf(-dx, -dy) : normal };
    }
  } else {
    const overlapped = overlapOnWay(way, radius, foot < 0 ? x1 : x2, foot < 0 ? y1 : y2);
    if (overlapped !== undefined) return overlapped;
  }
  const side = Math.sign(aside);
  const [whole, part] = [-approach * side, Math.abs(aside) - reach];
  let first: Hit | null = null;
  if (whole > 0 && part >= 0 && part < whole) {
    const then = foot + ((dx * alongX + dy * alongY) * part) / whole;
    if (then >= 0 && then <= square) first = hitAt(part, whole, normalOf(-alongY * side, alongX * side));
  }
  return sooner(sooner(first, meetsPoint(way, radius, x1, y1)), meetsPoint(way, radius, x2, y2));
}

/** The first wall that a disc meets on its way. */
function cast(way: Way, radius: number, walls: readonly Wall[]): Hit | null {
  if (way.dx === 0 && way.dy === 0) return null;
  let first: Hit | null = null;
  for (const { box, segment } of walls) {
    if (box) first = sooner(first, meetsBox(way, radius, box));
    if (segment) first = sooner(first, meetsSegment(way, radius, segment));
  }
  return first;
}

const straight = (right: number, up: number): Contact => ({
  depth: Math.abs(right) + Math.abs(up),
  pushX: right,
  pushY: up,
  normal: { x: Math.sign(right) * 32_768, y: Math.sign(up) * 32_768 },
});

/** Out along a vector, each part rounded away from 0, so that it is never too short. */
function slanted(depth: number, wayX: number, wayY: number, length: number): Contact {
  const part = (way: number): number => Math.sign(way) * Math.ceil((Math.abs(way) * depth) / length);
  return { depth, pushX: part(wayX), pushY: part(wayY), normal: normalOf(wayX, wayY) };
}

/** How a disc overlaps the nearest point of a wall, which is not its centre. */
function onPoint(offX: number, offY: number, radius: number): Contact | null {
  const square = offX * offX + offY * offY;
  if (square >= radius * radius) return null;
  if (offX === 0) return straight(0, Math.sign(offY) * (radius - Math.abs(offY)));
  if (offY === 0) return straight(Math.sign(offX) * (radius - Math.abs(offX)), 0);
  const length = Math.floor(128 * Math.sqrt(square));
  return slanted(radius - Math.floor(length / 128), offX * 128, offY * 128, length);
}

function onBox(x: number, y: number, radius: number, { minX, minY, maxX, maxY }: Box): Contact | null {
  const [nearestX, nearestY] = [clamp(x, minX, maxX), clamp(y, minY, maxY)];
  if (nearestX !== x || nearestY !== y) return onPoint(x - nearestX, y - nearestY, radius);
  // The centre is inside: out by the nearest side.
  const ways: [number, number, number][] = [
    [-1, 0, x + radius - minX],
    [1, 0, maxX - x + radius],
    [0, -1, y + radius - minY],
    [0, 1, maxY - y + radius],
  ];
  const [right, up, depth] = ways.reduce((least, way) => (way[2] < least[2] ? way : least));
  return depth <= 0 ? null : straight(right * depth, up * depth);
}

function onSegment(x: number, y: number, radius: number, { x1, y1, x2, y2 }: Segment): Contact | null {
  const [alongX, alongY] = [x2 - x1, y2 - y1];
  const square = alongX * alongX + alongY * alongY;
  const foot = (x - x1) * alongX + (y - y1) * alongY;
  if (foot <= 0 && (x !== x1 || y !== y1)) return onPoint(x - x1, y - y1, radius);
  if (foot >= square && (x !== x2 || y !== y2)) return onPoint(x - x2, y - y2, radius);
  const aside = alongX * (y - y1) - alongY * (x - x1);
  const exactReach = radius * Math.sqrt(square);
  if (square === 0 || Math.abs(aside) >= exactReach) return null;
  const length = Math.floor(Math.sqrt(square));
  const depth = Math.floor((Math.ceil(exactReach) - Math.abs(aside) + length - 1) / length);
  const side = aside < 0 ? -1 : 1;
  if (alongX === 0) return straight(-Math.sign(alongY) * side * depth, 0);
  if (alongY === 0) return straight(0, Math.sign(alongX) * side * depth);
  return slanted(depth, -alongY * side, alongX * side, length);
}

function deepest(x: number, y: number, radius: number, walls: readonly Wall[]): Contact | null {
  let found: Contact | null = null;
  for (const { box, segment } of walls) {
    const contact = box ? onBox(x, y, radius, box) : segment ? onSegment(x, y, radius, segment) : null;
    if (contact !== null && contact.depth > (found?.depth ?? 0)) found = contact;
  }
  return found;
}

function note(contacts: Normal[], normal: Normal): void {
  if (contacts.length >= CONTACTS_MAX || (normal.x === 0 && normal.y === 0)) return;
  if (!contacts.some(({ x, y }) => x === normal.x && y === normal.y)) contacts.push(normal);
}

/** Only walls that a body may meet on its way. */
function nearby({ x, y, radius, collides }: Body, wayX: number, wayY: number, walls: readonly Wall[]): Wall[] {
  // Pushes lead a few times as far as the body is large.
  const margin = 4 * radius + Math.abs(wayX) + Math.abs(wayY) + 1;
  return walls.filter(({ box, segment, layers }) => {
    if ((layers & collides) === 0) return false;
    const { minX, minY, maxX, maxY } = box ?? {
      minX: Math.min(segment?.x1 ?? 0, segment?.x2 ?? 0),
      minY: Math.min(segment?.y1 ?? 0, segment?.y2 ?? 0),
      maxX: Math.max(segment?.x1 ?? 0, segment?.x2 ?? 0),
      maxY: Math.max(segment?.y1 ?? 0, segment?.y2 ?? 0),
    };
    return x + margin >= minX && x - margin <= maxX && y + margin >= minY && y - margin <= maxY;
  });
}

/** Takes from a velocity what goes against a normal, and gives back the part that restitution says. */
function turn(body: Body, { x, y }: Normal): void {
  const into = Math.floor((x * body.velocityX + y * body.velocityY) / 32_768);
  if (into >= 0) return;
  const change = Math.trunc((-into * (256 + body.restitution + (body.restitution >> 7))) / 256);
  body.velocityX += Math.floor((change * x) / 32_768);
  body.velocityY += Math.floor((change * y) / 32_768);
}

/** What is left of a way when nothing of it goes against a normal, rounded so that it rather leaves the wall. */
function glance({ x, y }: Normal, dx: number, dy: number): [number, number] {
  const into = x * dx + y * dy;
  if (into >= 0) return [dx, dy];
  const margin = x !== 0 && y !== 0 ? 1 + Math.floor(Math.max(Math.abs(dx), Math.abs(dy)) / 16_384) : 0;
  const push = Math.ceil(-into / 32_768) + margin;
  const part = (normal: number): number => Math.sign(normal) * Math.ceil((push * Math.abs(normal)) / 32_768);
  return [dx + part(x), dy + part(y)];
}

/** Where a movement leads along the walls that it meets. */
function glide({ x, y, radius }: Body, wayX: number, wayY: number, near: readonly Wall[], contacts: Normal[]): [number, number] {
  let [endX, endY, leftX, leftY] = [x, y, wayX, wayY];
  for (let part = 0; part < GLIDES_MAX; part++) {
    // What moves by less than its extent cannot have left the side of a wall that it was on.
    const isShort = 2 * Math.max(Math.abs(leftX), Math.abs(leftY)) < radius;
    const hit = isShort ? null : cast({ x: endX, y: endY, dx: leftX, dy: leftY }, radius, near);
    if (hit === null) return [endX + leftX, endY + leftY];
    const along = (d: number): number => Math.sign(d) * Math.floor((Math.abs(d) * hit.time) / WHOLE);
    const [dx, dy] = [along(leftX), along(leftY)];
    [endX, endY] = [endX + dx, endY + dy];
    note(contacts, hit.normal);
    [leftX, leftY] = glance(hit.normal, leftX - dx, leftY - dy);
    // Back into a wall that it met before: it is in a corner.
    const isHeld = contacts.some((normal) => normal.x * leftX + normal.y * leftY < 0);
    if (isHeld || radius < GLIDING_MIN || (leftX === 0 && leftY === 0)) break;
  }
  return [endX, endY];
}

/** Moves a body by a vector along walls as far as they let it, and takes from its velocity what goes into them. */
export function travel(body: Body, wayX: number, wayY: number, walls: readonly Wall[]): void {
  const { x, y, radius } = body;
  const near = nearby(body, wayX, wayY, walls);
  const contacts: Normal[] = [];
  let [endX, endY] = glide(body, wayX, wayY, near, contacts);
  let contact = deepest(endX, endY, radius, near);
  let isFree = contact === null;
  for (let round = 0; round < ROUNDS_MAX && contact !== null; round++) {
    endX += contact.pushX;
    endY += contact.pushY;
    note(contacts, contact.normal);
    contact = deepest(endX, endY, radius, near);
    isFree = contact === null;
    if (contact !== null && contact.pushX === 0 && contact.pushY === 0) break;
  }
  // In a wedge the push leads nowhere: it stays where it was.
  const stays = !isFree && deepest(x, y, radius, near) === null;
  body.x = stays ? x : endX;
  body.y = stays ? y : endY;
  for (const normal of contacts) turn(body, normal);
}
