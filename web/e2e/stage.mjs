// What the scripts share: a server of their own with a copy of the modes, a browser, and waiting for what a page says of itself.
// Usage: node e2e/SCRIPT.mjs --muster PROGRAM --modes FOLDER --data FOLDER --listen ADDRESS --screenshots FOLDER [--loss PERCENT].
// What was seen goes to standard output as JSON, in one line.

import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** A busy machine without a graphics card draws a few pictures a second. */
const DEADLINE_MS = 90_000;
const METRE = 65_536;

export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

export function option(name, usual) {
  const at = process.argv.indexOf(`--${name}`);
  if (at >= 0) return process.argv[at + 1];
  if (usual === undefined) throw new Error(`--${name} is needed`);
  return usual;
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Looks until something is there. */
export async function wait(what, look) {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(what);
    await pause(40);
  }
}

/** The server under test, with modes of its own that may be edited. */
export class Server {
  constructor() {
    this.listen = option("listen");
    this.address = `http://${this.listen}`;
    this.data = option("data");
    this.modes = join(this.data, "modes");
    this.output = "";
    mkdirSync(this.data, { recursive: true });
    cpSync(option("modes"), this.modes, { recursive: true });
    process.on("exit", () => this.kill());
  }

  rules(mode) {
    return readFileSync(join(this.modes, mode, "rules.lua"), "utf8");
  }

  /** Puts other rules in the place of a mode's, at once. */
  edit(mode, text) {
    const file = join(this.modes, mode, "rules.lua");
    writeFileSync(join(this.data, "edited"), text);
    renameSync(join(this.data, "edited"), file);
  }

  /** Comes back when the server says where it is. */
  async start() {
    const { listen, modes, data } = this;
    const places = ["--listen", listen, "--rtc-listen", listen, "--modes", modes, "--data", join(data, "kept")];
    const said = this.output.length;
    this.child = spawn(option("muster"), ["dev", ...places], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", (text) => (this.output += text));
    await wait("the server starts", () => {
      if (this.child.exitCode !== null) throw new Error(`the server has ended: ${this.output}`);
      return this.output.slice(said).includes("muster: http://");
    });
  }

  /** kill -9. */
  kill() {
    this.child?.kill("SIGKILL");
  }

  /** Asks it to end, and returns with what it has ended. */
  async end() {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    return ended;
  }

  /** A number of /metrics. */
  async metric(name) {
    const text = await (await fetch(`${this.address}/metrics`)).text();
    return Number(text.match(new RegExp(`^${name} (\\S+)$`, "m"))?.[1] ?? NaN);
  }
}

/** Before anything of a page runs: some of what goes over the unreliable channel is dropped, both ways, and lines can be cut. */
function prepare(percent) {
  const isLost = () => Math.random() * 100 < percent;
  const { prototype } = RTCDataChannel;
  const { send } = prototype;
  prototype.send = function (data) {
    if (this.label !== "state" || !isLost()) send.call(this, data);
  };
  const { set, get } = Object.getOwnPropertyDescriptor(prototype, "onmessage");
  Object.defineProperty(prototype, "onmessage", {
    get,
    set(handle) {
      set.call(this, (event) => {
        if (this.label !== "state" || !isLost()) handle.call(this, event);
      });
    },
  });
  window.lines = { sockets: [], channels: [] };
  window.WebSocket = new Proxy(WebSocket, {
    construct(target, args) {
      const made = new target(...args);
      window.lines.sockets.push(made);
      return made;
    },
  });
  const { createDataChannel } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.createDataChannel = function (...args) {
    const made = createDataChannel.apply(this, args);
    window.lines.channels.push(made);
    return made;
  };
}

export class Stage {
  constructor(browser, server, loss) {
    Object.assign(this, { browser, server, loss });
    this.screenshots = option("screenshots");
    this.faults = [];
    /** Faults that belong to what is done just now, as requests to a server that was killed. */
    this.isForgiving = false;
    this.foreignHosts = new Set();
    this.step = "";
  }

  static async open(server) {
    mkdirSync(option("screenshots"), { recursive: true });
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"],
    });
    return new Stage(browser, server, Number(option("loss", "0")));
  }

  async page(options, query = "") {
    const context = await this.browser.newContext(options);
    await context.addInitScript(prepare, this.loss);
    const page = await context.newPage();
    page.setDefaultTimeout(DEADLINE_MS);
    const note = (text) => this.isForgiving || this.faults.push(text);
    page.on("pageerror", (error) => note(String(error)));
    page.on("console", (message) => message.type() === "error" && note(message.text()));
    page.on("dialog", (dialog) => {
      note(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    const look = (address) => {
      const { protocol, host } = new URL(address);
      if (["http:", "https:", "ws:", "wss:"].includes(protocol) && host !== this.server.listen) this.foreignHosts.add(host);
    };
    page.on("request", (request) => look(request.url()));
    page.on("websocket", (socket) => look(socket.url()));
    await page.goto(`${this.server.address}/${query}`);
    return page;
  }

  inspect(page) {
    return page.evaluate(() => window.muster?.inspect() ?? null);
  }

  /** Waits until what a page says of itself is as wanted. */
  async until(page, what, test) {
    let seen = null;
    const isSo = async () => {
      seen = await this.inspect(page);
      return seen !== null && test(seen);
    };
    await wait(what, isSo).catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(seen)}; faults: ${this.faults.join(" | ")}`);
    });
    return seen;
  }

  async join(page, mode, name) {
    await page.getByLabel("your name").fill(name);
    await page.locator(`.card[data-mode=${mode}]`).click();
  }

  shoot(page, name) {
    return page.screenshot({ path: `${this.screenshots}/${name}.png` });
  }

  /** The colours of a picture at places, in pixels of the page. */
  colours(page, picture, places) {
    const look = async ({ text, places }) => {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
      canvas.drawImage(bitmap, 0, 0);
      const at = ([x, y]) => canvas.getImageData(Math.round(x * devicePixelRatio), Math.round(y * devicePixelRatio), 1, 1);
      return places.map((place) => at(place).data.join());
    };
    return page.evaluate(look, { text: picture.toString("base64"), places });
  }

  /** Waits for a picture in which one's own entity is drawn where the page says that it is: it has other colours than what is round it. */
  async drawn(page) {
    const place = ({ own, camera }) => {
      const [right, up] = [own.x / METRE - camera.x, own.y / METRE - camera.y];
      return [camera.width / 2 + right * camera.zoom, camera.height / 2 - up * camera.zoom];
    };
    await wait("nobody is drawn where they are", async () => {
      const before = await this.inspect(page);
      const picture = await page.screenshot();
      const after = await this.inspect(page);
      if (!before.own || !after.own) return false;
      const [[x, y], [laterX, laterY]] = [place(before), place(after)];
      if (Math.hypot(laterX - x, laterY - y) > 2) return false;
      const ways = [0, 1, 2, 3, 4, 5, 6, 7].map((way) => (way * Math.PI) / 4);
      const around = (metres) => ways.map((way) => [x + metres * after.camera.zoom * Math.cos(way), y + metres * after.camera.zoom * Math.sin(way)]);
      const own = await this.colours(page, picture, [[x, y], ...around(0.25)]);
      // What is beyond the picture's edge has no colour.
      const others = (await this.colours(page, picture, around(2.5))).filter((colour) => colour !== "0,0,0,0");
      return others.length >= 5 && own.every((colour) => !others.includes(colour));
    });
    return true;
  }

  /**
   * Pushes one's own entity one way after the other until it has gone so far in a row: walls and falls are in the way at times.
   * `press` begins to push, and comes back with what ends it.
   */
  async move(page, press, metres = 1.5) {
    const end = Date.now() + DEADLINE_MS;
    for (let turn = 0; Date.now() < end; turn++) {
      const from = await this.until(page, "somebody to move", ({ own }) => own !== null);
      const release = await press(turn % 4);
      let far = 0;
      for (const begun = Date.now(); Date.now() - begun < 4_000 && far < metres; await pause(40)) {
        const { own } = await this.inspect(page);
        if (own === null || own.id !== from.own.id) break;
        far = Math.hypot(own.x - from.own.x, own.y - from.own.y) / METRE;
      }
      await release();
      if (far >= metres) return far;
    }
    throw new Error(`nothing moves: ${JSON.stringify(await this.inspect(page))}`);
  }

  byKeys(page) {
    return async (way) => {
      const key = ["KeyD", "KeyW", "KeyA", "KeyS"][way];
      await page.keyboard.down(key);
      return () => page.keyboard.up(key);
    };
  }

  /** A finger at a place that is drawn so far one of four ways. */
  byTouch(page, x, y, reach = 50) {
    return async (way) => {
      const finger = await this.finger(page, x, y);
      const [right, down] = [[1, 0], [0, -1], [-1, 0], [0, 1]][way];
      await finger.drag(x + right * reach, y + down * reach);
      return () => finger.lift();
    };
  }

  /** Puts a finger on a page. */
  async finger(page, x, y) {
    page.touch ??= await page.context().newCDPSession(page);
    const send = (type, touchPoints) => page.touch.send("Input.dispatchTouchEvent", { type, touchPoints });
    await send("touchStart", [{ x, y, id: 1 }]);
    return {
      drag: (toX, toY) => send("touchMove", [{ x: toX, y: toY, id: 1 }]),
      lift: () => send("touchEnd", []),
    };
  }
}

/** Runs a script's steps, and writes what was seen. */
export async function perform(steps) {
  const report = { ok: false, took: {} };
  const server = new Server();
  let stage = null;
  try {
    stage = await Stage.open(server);
    let begun = Date.now();
    // Says how far it is, for who reads why it failed, and how long it took.
    stage.at = (step) => {
      if (stage.step !== "") report.took[stage.step] = Date.now() - begun;
      begun = Date.now();
      stage.step = step;
    };
    await steps(stage, server, report);
    stage.at("the end");
    report.ok = true;
  } catch (error) {
    report.error = `${stage?.step}: ${error?.stack ?? error}`;
    report.server = server.output.slice(-4_000);
    let number = 0;
    for (const page of stage?.browser.contexts().flatMap((context) => context.pages()) ?? []) {
      await page.screenshot({ path: `${stage.screenshots}/failed-${number++}.png`, timeout: 10_000 }).catch(() => undefined);
    }
  }
  report.foreignHosts = [...(stage?.foreignHosts ?? [])];
  report.faults = stage?.faults ?? [];
  await stage?.browser.close();
  server.kill();
  console.log(JSON.stringify(report));
  process.exit(report.ok ? 0 : 1);
}
