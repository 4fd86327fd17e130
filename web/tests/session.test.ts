// Goal: a recorded session gives here the states that the core's own viewer had. Method: every packet that that viewer was sent,
// with the losses it had, and after each one every value of every group whose newest state is another; then what it told, in
// bytes, and where it saw its own entity.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

import { SyncClient } from "../src/sync/client";
import { EventKind } from "../src/sync/events";
import { readWelcome, writeHello } from "../src/sync/terms";
import { type MapDocument, wallsOf } from "../src/sync/walls";
import { METRE } from "../src/sync/words";
import { fromHex, toHex } from "./page";

interface Recording {
  map: MapDocument;
  welcome: string;
  steps: {
    now: number;
    packets: { bytes: string; isTaken: boolean; open: number; groups: RecordedGroup[] }[];
    commands: { entity: number; velocity?: [number, number]; fire?: number }[];
    events: number[][];
    report: string;
    predicted: [number, number, number, number] | null;
    shown: number;
  }[];
}

interface RecordedGroup {
  group: number;
  sector: [number, number];
  cell: [number, number];
  scope: number;
  update: number;
  rows: number[][];
}

const recording = JSON.parse(readFileSync(new URL("vectors/session.json", import.meta.url), "utf8")) as Recording;
const open = (): SyncClient => new SyncClient(readWelcome(fromHex(recording.welcome)), wallsOf(recording.map));

/** The groups whose newest state is another than it was, as the recording has them. */
function changes(client: SyncClient, written: Map<number, number>): { open: number; groups: RecordedGroup[] } {
  const groups: RecordedGroup[] = [];
  const now = new Map<number, number>();
  const states = [...client.newestStates()].sort((one, other) => one.group.number - other.group.number);
  for (const { group, update, state } of states) {
    now.set(group.number, update);
    if (written.get(group.number) === update) continue;
    const rows = [];
    for (let at = 0; at < 32; at++) {
      if (!state.has(at)) continue;
      rows.push([
        at, state.id[at], state.x[at], state.y[at], state.heading[at], state.health[at], state.healthMax[at], state.state[at],
        state.target[at], state.flags[at], state.kind[at], state.team[at], state.owner[at], state.shape[at], state.halfX[at],
        state.halfY[at], state.attributes[0][at],
      ]);
    }
    const { cell, scope } = group.identity;
    groups.push({ group: group.number, sector: [cell.sectorX, cell.sectorY], cell: [cell.x, cell.y], scope, update, rows });
  }
  written.clear();
  for (const [number, update] of now) written.set(number, update);
  return { open: written.size, groups };
}

it("has the states, the events and the reports of the core's viewer", () => {
  const client = open();
  const written = new Map<number, number>();
  let states = 0;
  let events = 0;
  let reports = 0;
  let farthest = 0;
  let taken = 0;
  for (const step of recording.steps) {
    for (const packet of step.packets) {
      const refusal = client.receive(fromHex(packet.bytes), step.now);
      expect(refusal === null, `${refusal}`).toBe(packet.isTaken);
      const { open, groups } = changes(client, written);
      expect(open).toBe(packet.open);
      expect(groups).toEqual(packet.groups);
      states += groups.length;
      taken += packet.isTaken ? 1 : 0;
    }
    for (const { entity, velocity, fire } of step.commands) {
      if (velocity) client.command(entity, { kind: "velocity", x: velocity[0], y: velocity[1] });
      if (fire !== undefined) client.command(entity, { kind: "fire", heading: fire });
    }
    client.advance(step.now);
    const told = client.takeEvents().map((event) => [
      event.tick, event.kind, event.importance, event.at.sectorX, event.at.sectorY, event.at.x, event.at.y, event.subject,
      event.object, event.detail, event.value, event.count,
    ]);
    expect(told).toEqual(step.events);
    events += told.length;
    expect(client.shown.length).toBe(step.shown);
    expect(toHex(client.report(step.now))).toBe(step.report);
    reports++;
    const own = client.predicted();
    expect(own === null).toBe(step.predicted === null);
    if (own === null || step.predicted === null) continue;
    farthest = Math.max(farthest, Math.hypot(own.x - step.predicted[1], own.y - step.predicted[2]) / METRE);
  }
  expect(taken).toBeGreaterThan(60);
  expect(states).toBeGreaterThan(150);
  expect(events).toBeGreaterThan(10);
  expect(reports).toBe(recording.steps.length);
  // The core rehearses contacts of walls and roundings too; what is shown here is as near as an eye can tell.
  expect(farthest).toBeLessThan(0.3);
  const { statesUnknown, statesWhole, lost, rttUs } = client.statistics();
  expect(statesUnknown + lost).toBeGreaterThan(3);
  expect(statesWhole).toBeGreaterThan(2);
  expect(rttUs).toBeGreaterThan(50_000);
});

it("shows others on lines between where they were", () => {
  const client = open();
  const last = new Map<number, [number, number]>();
  let longest = 0;
  for (const step of recording.steps) {
    for (const packet of step.packets) client.receive(fromHex(packet.bytes), step.now);
    // Twice as often as ticks.
    for (const now of [step.now, step.now + 8_000]) {
      client.advance(now);
      for (const { id, x, y } of client.shown) {
        const [wasX, wasY] = last.get(id) ?? [x, y];
        if (step.now > 3_000_000) longest = Math.max(longest, Math.hypot(x - wasX, y - wasY));
        last.set(id, [x, y]);
      }
    }
  }
  // 6 m/s are 0.05 m; a packet that is missing makes a step of some of those.
  expect(longest).toBeGreaterThan(0.01);
  expect(longest).toBeLessThan(0.6);
});

it("doubled, cut and changed packets change nothing that is shown", () => {
  const client = open();
  let refused = 0;
  for (const step of recording.steps.slice(0, 200)) {
    for (const packet of step.packets) {
      const bytes = fromHex(packet.bytes);
      const before = JSON.stringify([...client.newestStates()].map(({ group, update }) => [group.number, update]));
      for (let at = 0; at < bytes.length; at += 3) expect(client.receive(bytes.subarray(0, at), step.now)).not.toBeNull();
      refused++;
      expect(JSON.stringify([...client.newestStates()].map(({ group, update }) => [group.number, update]))).toBe(before);
      client.receive(bytes, step.now);
    }
  }
  expect(refused).toBeGreaterThan(50);
});

it("refuses a welcome of another version", () => {
  const welcome = fromHex(recording.welcome);
  expect(readWelcome(welcome)).toMatchObject({ session: 0x5eed, player: 1, publicAttributes: ["fuel"], rateHz: 60 });
  expect(() => readWelcome(welcome.subarray(0, 6))).toThrow();
  expect(toHex(writeHello().subarray(4, 8))).toBe(toHex(new TextEncoder().encode("MUHE")));
  expect([EventKind.PickupTaken, EventKind.Fired]).toEqual([8, 12]);
  expect(readWelcome(welcome).weapons.map(({ isTracer }) => isTracer)).toContain(true);
});
