// Goal: what docs/WIRE.md shows in bytes is read and written so here. Method: its vectors, with the values that stand beside them.

import { describe, expect, it } from "vitest";

import { BitReader, BitWriter, Malformed } from "../src/sync/bits";
import { MODELS_HASH } from "../src/sync/generated/models_generated";
import { readPacket } from "../src/sync/packet";
import { writeReport } from "../src/sync/report";
import { decodeShare } from "../src/sync/share";
import { GroupState } from "../src/sync/state";
import { toHex, vector } from "./page";

const layout = { attributes: 1, cellShift: 22 };

describe("the vectors of the page", () => {
  it("bits", () => {
    const writer = new BitWriter();
    writer.push(5, 3);
    writer.unsigned(9, 2);
    writer.signed(-2, 0);
    writer.unsigned(2n ** 64n - 1n, 0);
    expect(toHex(writer.finish())).toBe(toHex(vector("bits")));
    const reader = new BitReader(vector("bits"));
    expect([reader.bits(3), reader.unsigned(2, 100), reader.signed(0, 100), reader.wide(0)]).toEqual([5, 9, -2, 2n ** 64n - 1n]);
    reader.finish();
  });

  it("a packet", () => {
    const bytes = vector("packet");
    // The page shows the first byte of a share of 255.
    const whole = new Uint8Array(bytes.length + 254);
    whole.set(bytes);
    const { header, own, events, groups } = readPacket(whole);
    expect(header).toEqual({ session: 0xdeadbeef, sequence: 7, update: 9, tick: 27, heard: 3, held: 12, parts: 1, part: 0 });
    expect([toHex(own), toHex(events)]).toEqual(["a1a2", "b1"]);
    expect(groups.map(({ group, isClosing, share }) => [group, isClosing, share.length])).toEqual([
      [42, false, 3],
      [44, false, 1],
      [45, true, 0],
      [0x1234, false, 255],
    ]);
    expect(groups[0]).toMatchObject({ age: 0, version: 5, base: 2, before: 1 });
    expect(groups[1]).toMatchObject({ age: 1, version: 9, base: 2, before: 1 });
    expect(groups[3]).toMatchObject({ age: 0, version: 6, base: 0, before: 0 });
  });

  it("a report", () => {
    const header = { received: 3n, session: 0xdeadbeef, sequence: 2, newest: 7, inputFirst: 1, shownTick: 90 };
    const bytes = writeReport(header, [{ tick: 99, commands: [{ entity: 5, action: { kind: "stop" } }] }]);
    expect(toHex(bytes)).toBe(toHex(vector("report")));
  });

  it("the models", () => {
    expect(new DataView(vector("models-hash").buffer).getBigUint64(0)).toBe(MODELS_HASH);
  });

  it("shares", () => {
    const first = new GroupState(1);
    const identity = decodeShare(vector("share-whole"), 10, null, layout, first);
    expect(identity).toEqual({ cell: { sectorX: -1, sectorY: 2, x: 5, y: 6 }, scope: 1, update: 10 });
    expect(first.present).toBe(3);
    expect([...first.id.slice(0, 2)]).toEqual([7, 2 ** 32 + 9]);
    expect([first.x[0], first.y[0], first.heading[0], first.halfX[0], first.owner[0]]).toEqual([1000, 2000, 64, 102, 40]);
    expect([first.x[1], first.y[1], first.heading[1], first.team[1], first.owner[1]]).toEqual([1100, 2000, 192, 2, 41]);
    const moved = new GroupState(1);
    const known = { base: first, baseUpdate: 10, before: null, beforeUpdate: 0 };
    decodeShare(vector("share-moved"), 11, known, layout, moved);
    expect([moved.x[0], moved.y[0], moved.x[1]]).toEqual([1000, 2020, 1100]);
    const changed = new GroupState(1);
    decodeShare(vector("share-changed"), 13, { base: moved, baseUpdate: 11, before: first, beforeUpdate: 10 }, layout, changed);
    expect([changed.x[0], changed.y[0], changed.heading[0]]).toEqual([998, 2061, 66]);
    expect([changed.heading[1], changed.health[1], changed.target[1]]).toEqual([188, 93, 7]);
    expect([changed.id[2], changed.x[2], changed.y[2], changed.health[2], changed.healthMax[2]]).toEqual([12, 50, 60, 5, 5]);
    expect([changed.attributes[0][2], changed.kind[2], changed.owner[2]]).toEqual([-3, 0, 0]);
    const same = new GroupState(1);
    decodeShare(vector("share-same"), 13, { ...known, base: moved, baseUpdate: 11 }, layout, same);
    expect([same.present, same.y[0], same.health[1]]).toEqual([3, 2020, 100]);
  });
});

describe("bytes that are none of these", () => {
  it("packets that are cut or changed are refused or read, and nothing else", () => {
    const bytes = new Uint8Array(vector("packet").length + 254);
    bytes.set(vector("packet"));
    for (let end = 0; end < bytes.length; end++) expect(() => readPacket(bytes.subarray(0, end))).toThrow(Malformed);
    let refused = 0;
    for (let at = 0; at < 80; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        const other = bytes.slice();
        other[at] ^= flip;
        try {
          readPacket(other);
        } catch (error) {
          expect(error).toBeInstanceOf(Malformed);
          refused++;
        }
      }
    }
    expect(refused).toBeGreaterThan(40);
  });

  it("shares that are cut or changed give a state or are refused", () => {
    const share = vector("share-whole");
    let refused = 0;
    for (let at = 0; at < share.length; at++) {
      for (let flip = 1; flip < 256; flip++) {
        const other = share.slice();
        other[at] ^= flip;
        try {
          decodeShare(other, 10, null, layout, new GroupState(1));
        } catch (error) {
          expect(error).toBeInstanceOf(Malformed);
          refused++;
        }
      }
    }
    expect(refused).toBeGreaterThan(1000);
    expect(() => decodeShare(new Uint8Array(0), 1, null, layout, new GroupState(1))).toThrow(Malformed);
  });
});
