// Two browsers play the arena: they join, move, see each other, shoot; one is loaded again and comes back to its seat; one looks
// on. Usage: node e2e/arena.mjs ADDRESS FOLDER [--loss PERCENT] [--transport websocket]. Screenshots go to the folder, what was
// seen to standard output as JSON.

import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

const [address, folder, ...rest] = process.argv.slice(2);
const option = (name, usual) => (rest.includes(name) ? rest[rest.indexOf(name) + 1] : usual);
const loss = Number(option("--loss", "0"));
const transport = option("--transport", "webrtc");
// A busy machine without a graphics card draws a few pictures a second.
const DEADLINE_MS = 60_000;
mkdirSync(folder, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"],
});

/** Drops a part of what goes over the unreliable channel, both ways. */
function dropSome(percent) {
  const isLost = () => Math.random() * 100 < percent;
  const { prototype } = RTCDataChannel;
  const send = prototype.send;
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
}

const faults = [];
const foreignHosts = new Set();

async function open(options) {
  const context = await browser.newContext(options);
  await context.addInitScript(dropSome, loss);
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol.startsWith("http") && host !== new URL(address).host) foreignHosts.add(host);
  });
  await page.goto(`${address}/${transport === "websocket" ? "?transport=websocket" : ""}`);
  return page;
}

const inspect = (page) => page.evaluate(() => window.muster?.inspect() ?? null);

/** Waits until what a page says of itself is as wanted. */
async function until(page, what, test) {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const seen = await inspect(page);
    if (seen !== null && test(seen)) return seen;
    if (Date.now() > end) throw new Error(`${what}: ${JSON.stringify(seen)}; faults: ${faults.join(" | ")}`);
    await page.waitForTimeout(50);
  }
}

const isIn = ({ own, shown }) => own !== null && shown.length >= 2;

async function play(page, name) {
  await page.getByLabel("your name").fill(name);
  await page.locator(".card[data-mode=arena]").click();
  return until(page, `${name} is in`, isIn);
}

/** Presses a key until the page's own fighter has gone so far, in another direction where a wall or a fall is in the way. */
async function move(page) {
  for (const key of ["KeyD", "KeyA", "KeyW", "KeyS", "KeyD", "KeyA"]) {
    const from = await until(page, "a fighter to move", isIn);
    await page.keyboard.down(key);
    let far = 0;
    for (let step = 0; step < 50 && far < 1.5; step++) {
      await page.waitForTimeout(100);
      const { own } = await inspect(page);
      if (own === null || own.id !== from.own.id) break;
      far = Math.hypot(own.x - from.own.x, own.y - from.own.y) / 65_536;
    }
    await page.keyboard.up(key);
    if (far >= 1.5) return far;
  }
  throw new Error("the fighter does not move");
}

const report = { loss, transport };
try {
  const desktop = await open({ viewport: { width: 1280, height: 800 } });
  await desktop.locator(".card[data-mode=arena]").waitFor();
  await desktop.screenshot({ path: `${folder}/lobby-desktop.png` });
  const first = await play(desktop, "Ada <b>L</b>");
  const phone = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
  await phone.locator(".card[data-mode=arena]").waitFor();
  await phone.screenshot({ path: `${folder}/lobby-phone.png` });
  const second = await play(phone, "Grace");
  report.carriers = [first.carrier, second.carrier];
  report.isOneMatch = first.match === second.match;
  report.numbers = [first.number, second.number];

  report.moved = [await move(desktop), await move(phone)];
  // Each sees the other's name among the seats, and its entity on the field.
  const sees = (other) => (seen) => seen.seats.some(({ player }) => player === other) && seen.shown.some(({ owner }) => owner === other);
  await until(desktop, "the first sees the second", sees(second.number));
  await until(phone, "the second sees the first", sees(first.number));

  // Shots: the mouse aims and fires for a while.
  await desktop.mouse.move(1000, 400);
  await desktop.mouse.down();
  await desktop.keyboard.down("KeyD");
  await desktop.waitForTimeout(800);
  await desktop.getByRole("button", { name: "Net" }).click();
  await desktop.waitForTimeout(1200);
  await desktop.screenshot({ path: `${folder}/arena-desktop.png` });
  await desktop.keyboard.up("KeyD");
  await desktop.mouse.up();
  await phone.screenshot({ path: `${folder}/arena-phone.png` });

  // The second page is loaded again, and comes back to its seat.
  const before = await inspect(phone);
  await phone.reload();
  const back = await until(phone, "the second is back", ({ number, shown }) => number !== 0 && shown.length >= 2);
  report.isBack = back.number === before.number && back.match === before.match;
  await until(desktop, "the first sees the second again", sees(second.number));
  await until(phone, "the second plays on", isIn);
  report.movedAfter = await move(phone);
  await phone.screenshot({ path: `${folder}/arena-phone-back.png` });

  // Somebody looks on.
  const watcher = await open({ viewport: { width: 1280, height: 800 } });
  await watcher.getByRole("button", { name: "Watch" }).first().click();
  await until(watcher, "the watcher sees them", ({ shown, number }) => number >= 0 && shown.length >= 2);
  await watcher.waitForTimeout(500);
  await watcher.screenshot({ path: `${folder}/watch-desktop.png` });

  // What the name has of markup is text.
  report.markup = await desktop.locator("#game b", { hasText: /^L$/ }).count();
  const [one, other] = [await inspect(desktop), await inspect(phone)];
  report.statistics = [one.statistics, other.statistics];
  report.score = one.score;
  report.foreignHosts = [...foreignHosts];
  report.faults = faults;
  report.ok = true;
} catch (error) {
  report.ok = false;
  report.error = String(error);
  report.faults = faults;
  let number = 0;
  for (const context of browser.contexts()) {
    for (const page of context.pages()) await page.screenshot({ path: `${folder}/failed-${number++}.png` }).catch(() => undefined);
  }
}
await browser.close();
console.log(JSON.stringify(report));
process.exit(report.ok ? 0 : 1);
