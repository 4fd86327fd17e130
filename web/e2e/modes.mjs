// The other modes are played for a moment, by keyboard and mouse and by touch: something is there, and answers. Usage: stage.mjs.

import { DESKTOP, PHONE, perform, wait } from "./stage.mjs";

const METRE = 65_536;

const mine = ({ shown, number }) => shown.filter(({ owner }) => owner === number);

/** Where on the page a place of the field is. */
function toPage({ x, y, zoom, width, height }, placeX, placeY) {
  return [width / 2 + (placeX - x) * zoom, height / 2 - (placeY - y) * zoom];
}

/** Whether some of the units are elsewhere. */
function haveGone(units) {
  return (seen) =>
    mine(seen).some(({ id, x, y }) => units.some((unit) => unit.id === id && Math.hypot(x - unit.x, y - unit.y) > 3));
}

await perform(async (stage, server, report) => {
  await server.start();

  stage.at("race");
  const race = await stage.page(DESKTOP);
  await stage.join(race, "race", "Ada");
  const grid = await stage.until(race, "a car", ({ own }) => own !== null);
  await race.keyboard.down("KeyD");
  const driven = await stage.until(race, "the car has gone", ({ own }) => own !== null && own.x - grid.own.x > 12 * METRE);
  report.driven = (driven.own.x - grid.own.x) / METRE;
  await stage.shoot(race, "race-desktop");
  await race.context().close();

  stage.at("race by touch");
  const touched = await stage.page(PHONE);
  await stage.join(touched, "race", "Grace");
  await stage.move(touched, stage.byTouch(touched, 250, 650), 8);
  await stage.shoot(touched, "race-phone");
  await touched.context().close();

  stage.at("skirmish");
  const skirmish = await stage.page(DESKTOP, "?transport=websocket");
  await stage.join(skirmish, "skirmish", "Ada");
  await stage.until(skirmish, "units", (seen) => mine(seen).length >= 4 && seen.camera !== null);
  // A frame over everything that is seen selects one's own; then they are sent off.
  await wait("units are selected", async () => {
    await skirmish.mouse.move(2, 140);
    await skirmish.mouse.down();
    await skirmish.mouse.move(1270, 700, { steps: 4 });
    await skirmish.mouse.up();
    return (await stage.inspect(skirmish)).selected > 0;
  });
  await stage.shoot(skirmish, "skirmish-desktop");
  const ordered = await stage.inspect(skirmish);
  await skirmish.mouse.click(...toPage(ordered.camera, mine(ordered)[0].x + 8, mine(ordered)[0].y + 6), { button: "right" });
  await stage.until(skirmish, "the units go", haveGone(mine(ordered)));
  report.units = mine(ordered).length;
  report.carrier = ordered.carrier;
  await skirmish.context().close();

  stage.at("skirmish by touch");
  const led = await stage.page(PHONE);
  await stage.join(led, "skirmish", "Grace");
  await stage.until(led, "units", (seen) => mine(seen).length >= 4 && seen.camera !== null);
  await wait("units are selected", async () => {
    const frame = await stage.finger(led, 8, 200);
    await frame.drag(380, 740);
    await frame.lift();
    return (await stage.inspect(led)).selected > 0;
  });
  await stage.shoot(led, "skirmish-phone");
  const sent = await stage.inspect(led);
  await led.touchscreen.tap(...toPage(sent.camera, sent.camera.x + 8, sent.camera.y - 12));
  await stage.until(led, "the units go", haveGone(mine(sent)));
  await led.context().close();

  stage.at("relay room");
  const [one, other] = [await stage.page(DESKTOP), await stage.page(PHONE)];
  await stage.join(one, "relay_room", "Ada");
  await stage.join(other, "relay_room", "Grace");
  const both = (seen) => seen.seats.length === 2;
  await Promise.all([one, other].map((page) => stage.until(page, "two members", both)));
  await one.getByPlaceholder("say").fill("hello <img src=x onerror=alert(1)>");
  await one.getByPlaceholder("say").press("Enter");
  await other.locator(".chat-log", { hasText: "hello <img" }).waitFor();
  await other.getByPlaceholder("say").fill("hello Ada");
  await other.getByPlaceholder("say").press("Enter");
  await one.locator(".chat-log", { hasText: "hello Ada" }).waitFor();
  report.images = (await other.locator("img").count()) + (await one.locator("img").count());
  await stage.shoot(one, "relay-room-desktop");
  await stage.shoot(other, "relay-room-phone");
});
