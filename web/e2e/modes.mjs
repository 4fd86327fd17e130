// One browser plays each of the other modes for a moment: something is there, and answers. Usage: node e2e/modes.mjs ADDRESS
// FOLDER. Screenshots go to the folder, what was seen to standard output as JSON.

import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

const [address, folder] = process.argv.slice(2);
const DEADLINE_MS = 60_000;
mkdirSync(folder, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"],
});
const faults = [];

async function join(mode, name, viewport) {
  const page = await (await browser.newContext({ viewport })).newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  page.on("pageerror", (error) => faults.push(`${mode}: ${error}`));
  page.on("console", (message) => message.type() === "error" && faults.push(`${mode}: ${message.text()}`));
  await page.goto(address);
  await page.getByLabel("your name").fill(name);
  await page.locator(`.card[data-mode=${mode}]`).click();
  return page;
}

async function until(page, what, test) {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const seen = await page.evaluate(() => window.muster?.inspect() ?? null);
    if (seen !== null && test(seen)) return seen;
    if (Date.now() > end) throw new Error(`${what}: ${JSON.stringify(seen)}; faults: ${faults.join(" | ")}`);
    await page.waitForTimeout(50);
  }
}

const desktop = { width: 1280, height: 800 };
const report = {};
try {
  const race = await join("race", "Ada", desktop);
  const grid = await until(race, "a car", ({ own }) => own !== null);
  await race.keyboard.down("KeyD");
  const driven = await until(race, "the car has gone", ({ own }) => own !== null && own.x - grid.own.x > 12 * 65_536);
  report.driven = (driven.own.x - grid.own.x) / 65_536;
  await race.screenshot({ path: `${folder}/race-desktop.png` });
  await race.close();

  const skirmish = await join("skirmish", "Ada", desktop);
  const mine = ({ shown, number }) => shown.filter(({ owner }) => owner === number);
  const start = await until(skirmish, "units", (seen) => mine(seen).length >= 4);
  // A frame over everything that is seen selects one's own; then they are sent off.
  await skirmish.locator("#game canvas").first().waitFor();
  for (let tries = 0; tries < 20; tries++) {
    await skirmish.mouse.move(2, 60);
    await skirmish.mouse.down();
    await skirmish.mouse.move(1270, 740, { steps: 4 });
    await skirmish.mouse.up();
    await skirmish.waitForTimeout(500);
    if (/[1-9]\d* selected/.test(await skirmish.locator(".facts").textContent())) break;
  }
  await skirmish.screenshot({ path: `${folder}/skirmish-desktop.png` });
  await skirmish.mouse.click(1100, 300, { button: "right" });
  const first = mine(start)[0];
  const far = ({ shown }) => shown.some(({ id, x, y }) => id === first.id && Math.hypot(x - first.x, y - first.y) > 3);
  await until(skirmish, "the units go", far);
  report.units = mine(start).length;
  await skirmish.close();

  const [one, other] = [await join("relay_room", "Ada", desktop), await join("relay_room", "Grace", { width: 390, height: 844 })];
  await until(one, "two members", ({ seats }) => seats.length === 2);
  await until(other, "two members", ({ seats }) => seats.length === 2);
  await one.getByPlaceholder("say").fill("hello <img src=x onerror=alert(1)>");
  await one.getByPlaceholder("say").press("Enter");
  await other.locator(".chat-log", { hasText: "hello <img" }).waitFor();
  report.images = await other.locator("img").count();
  await other.screenshot({ path: `${folder}/relay-room-phone.png` });
  report.ok = true;
} catch (error) {
  report.ok = false;
  report.error = String(error);
  let number = 0;
  for (const context of browser.contexts()) {
    for (const page of context.pages()) await page.screenshot({ path: `${folder}/failed-modes-${number++}.png` }).catch(() => undefined);
  }
}
report.faults = faults;
await browser.close();
console.log(JSON.stringify(report));
process.exit(report.ok ? 0 : 1);
