/** What a viewer reports: docs/WIRE.md, "Reports". */

import { BitWriter, low32 } from "./bits";
import { type EntityId, METRE, NOBODY, type Position, SECTOR_SIDE, pushId } from "./words";

export type Action =
  | { kind: "move"; to: Position }
  | { kind: "velocity"; x: number; y: number }
  | { kind: "attack"; target: EntityId }
  | { kind: "fire"; heading: number }
  | { kind: "stop" }
  | { kind: "use"; target: EntityId }
  | { kind: "custom"; number: number; target: EntityId; value: number };

export interface Command {
  entity: EntityId;
  action: Action;
}

/** What a viewer commands in one tick. */
export interface TickInput {
  tick: number;
  commands: Command[];
}

export interface ReportHeader {
  /** Which of the 64 packets before the newest came. */
  received: bigint;
  session: number;
  sequence: number;
  newest: number;
  inputFirst: number;
  shownTick: number;
}

export const INPUTS_MAX = 32;
export const COMMANDS_MAX = 8;
const REPORT_MAX = 1200;
const ENVELOPE = 60;

/** A report with as many of the inputs as fit, the oldest first. */
export function writeReport(header: ReportHeader, inputs: readonly TickInput[]): Uint8Array<ArrayBuffer> {
  let count = Math.min(inputs.length, INPUTS_MAX);
  for (;;) {
    const bits = count === 0 ? new Uint8Array(0) : writeInputs(inputs.slice(0, count));
    if (ENVELOPE + bits.length <= REPORT_MAX || count === 0) return layOut(header, count, bits);
    count = Math.min(Math.floor((count * REPORT_MAX) / (ENVELOPE + bits.length)), count - 1);
  }
}

function layOut(header: ReportHeader, count: number, bits: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ENVELOPE + bits.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 12, true);
  [8, 44, 12, 4].forEach((part, index) => view.setUint16(4 + 2 * index, part, true));
  view.setUint32(12, 8, true);
  view.setUint32(16, 40, true);
  view.setBigUint64(24, header.received, true);
  const words = [header.session, header.sequence, header.newest, header.inputFirst, low32(header.shownTick)];
  words.forEach((word, index) => view.setUint32(32 + 4 * index, word, true));
  view.setUint16(52, count, true);
  view.setUint32(56, bits.length, true);
  bytes.set(bits, ENVELOPE);
  return bytes;
}

/** What the command before was about, which the next is often about too. */
interface Last {
  entity: EntityId;
  sectorX: number;
  sectorY: number;
}

function writeInputs(inputs: readonly TickInput[]): Uint8Array {
  const writer = new BitWriter();
  const last: Last = { entity: NOBODY, sectorX: 0, sectorY: 0 };
  inputs.forEach((input, index) => {
    if (index === 0) writer.push(low32(input.tick), 32);
    else writer.unsigned(input.tick - inputs[index - 1].tick - 1, 0);
    writer.push(input.commands.length, 4);
    for (const command of input.commands) pushCommand(writer, command, last);
  });
  return writer.finish();
}

function pushCommand(writer: BitWriter, { entity, action }: Command, last: Last): void {
  writer.bool(entity === last.entity);
  if (entity !== last.entity) {
    pushId(writer, entity);
    last.entity = entity;
  }
  switch (action.kind) {
    case "move":
      writer.push(0, 3);
      writer.signed(action.to.sectorX - last.sectorX, 0);
      writer.signed(action.to.sectorY - last.sectorY, 0);
      writer.push(action.to.x, 26);
      writer.push(action.to.y, 26);
      last.sectorX = action.to.sectorX;
      last.sectorY = action.to.sectorY;
      break;
    case "velocity":
      writer.push(1, 3);
      writer.signed(action.x, 16);
      writer.signed(action.y, 16);
      break;
    case "attack":
      writer.push(2, 3);
      pushId(writer, action.target);
      break;
    case "fire":
      writer.push(3, 3);
      writer.push(action.heading, 16);
      break;
    case "stop":
      writer.push(4, 3);
      break;
    case "use":
      writer.push(5, 3);
      pushId(writer, action.target);
      break;
    case "custom":
      writer.push(6, 3);
      writer.unsigned(action.number, 4);
      pushId(writer, action.target);
      writer.signed(action.value, 4);
      break;
  }
}

/** The place that is so many metres right of and above the corner of sector 0, 0. */
export function placeAt(xMetres: number, yMetres: number): Position {
  const split = (metres: number): [number, number] => {
    const units = Math.round(metres * METRE);
    const sector = Math.floor(units / SECTOR_SIDE);
    return [sector, units - sector * SECTOR_SIDE];
  };
  const [sectorX, x] = split(xMetres);
  const [sectorY, y] = split(yMetres);
  return { sectorX, sectorY, x, y };
}
