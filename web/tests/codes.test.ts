// Goal: every code of the doors' table tells a player what to do, and what a server says of relays is taken only as far as a browser
// takes it. Method: the table of docs/DOORS.md, and words that are none.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

import { iceServersOf } from "../src/net/channels";
import { explain, explainLeft } from "../src/net/codes";

const page = readFileSync(new URL("../../docs/DOORS.md", import.meta.url), "utf8");
const rows = [...page.split("## Codes")[1].matchAll(/^\| `([a-z_]+)` \| (.+) \|$/gm)].map(([, code, message]) => ({ code, message }));

describe("codes", () => {
  it("has all of the table", () => {
    expect(rows.length).toBeGreaterThanOrEqual(30);
    for (const { code, message } of rows) {
      const text = explain(code, "");
      expect(text, code).toMatch(/^[A-Z].*\.$/);
      expect(text, code).not.toBe(message);
    }
  });

  it("shows the reason that rules give, and what it does not know as it is", () => {
    expect(explain("match_refused", "only on Sundays")).toBe("This match does not let you in. (only on Sundays)");
    expect(explain("a_new_code", "what the server says")).toBe("what the server says");
    expect(["left", "kicked", "lost", "closing", "other"].map(explainLeft)).toEqual([
      "",
      expect.stringMatching(/sent out/),
      expect.stringMatching(/away/),
      expect.stringMatching(/closed/),
      "other",
    ]);
  });
});

describe("relays", () => {
  it("are taken as browsers take them", () => {
    const relay = { urls: ["turn:127.0.0.1:3478?transport=udp", "turns:x:5349"], username: "1:a", credential: "b" };
    expect(iceServersOf([relay, { urls: "stun:127.0.0.1" }])).toEqual([relay, { urls: ["stun:127.0.0.1"] }]);
  });

  it("are none if they are no list of such", () => {
    for (const said of [undefined, null, 5, "turn:x", {}, [null], [{}], [{ urls: 5 }], [{ urls: ["http://x"] }]]) {
      expect(iceServersOf(said)).toEqual([]);
    }
    expect(iceServersOf(Array.from({ length: 100 }, () => ({ urls: "stun:a" }))).length).toBe(8);
  });
});
