// Two browsers play the arena to its end: they move, see each other and shoot, on a desktop and by touch; one is loaded again; the
// rules are edited while they play; the server is killed, or ends in order, and comes back; lines are cut; the match ends, and its replay is looked at.
// Usage: stage.mjs.

import { DESKTOP, PHONE, perform, wait } from "./stage.mjs";

/** Longer than the script takes; it is the script that ends the match. */
const LONG = [["params.score or 30", "params.score or 999"], ["params.seconds or 300", "params.seconds or 3500"]];
const LABEL = "arena <img src=x onerror=alert(1)>";
const METRE = 65_536;

const isIn = ({ own, shown }) => own !== null && shown.length >= 2;
const isHere = (seen) => isIn(seen) && seen.isOnline;
/** Each sees the other's name among the seats, and its entity on the field. */
const sees = (other) => (seen) => seen.seats.some(({ player }) => player === other) && seen.shown.some(({ owner }) => owner === other);
const isSame = (before) => (seen) => isHere(seen) && seen.number === before.number && seen.match === before.match;

/** Whether an entity is in the picture, which does not follow anybody beyond the map's edge. */
const isSeen =
  ({ x, y, zoom, width, height }) =>
  (entity) =>
    Math.abs(entity.x - x) < width / zoom / 2 && Math.abs(entity.y - y) < height / zoom / 2;

/** The rules, with something more to do when they are loaded: `act` for each fighter that is there. */
const withReload = (rules, act, more = "") =>
  rules.replace(
    /\nreturn rules\s*$/,
    `
function rules.on_reload(self)
	match.broadcast({ type = "notice", text = "edited <b>now</b>" })
	${more}
	for _, fighter in self.fighters do
		if world.exists(fighter.unit) then
			${act}
		end
	end
end

return rules
`,
  );

await perform(async (stage, server, report) => {
  let rules = server.rules("arena");
  for (const [was, is] of [...LONG, ['label = "arena"', `label = "${LABEL}"`]]) {
    if (!rules.includes(was)) throw new Error(`the rules have no ${was}`);
    rules = rules.replace(was, is);
  }
  server.edit("arena", rules);
  await server.start();

  stage.at("join");
  const desktop = await stage.page(DESKTOP);
  await desktop.locator(".card[data-mode=arena]").waitFor();
  await stage.shoot(desktop, "lobby-desktop");
  await stage.join(desktop, "arena", "Ada <b>L</b>");
  const first = await stage.until(desktop, "the first is in", isIn);
  const phone = await stage.page(PHONE);
  await phone.locator(".row", { hasText: LABEL }).waitFor();
  await stage.shoot(phone, "lobby-phone");
  await stage.join(phone, "arena", "Grace");
  const second = await stage.until(phone, "the second is in", isIn);
  const pages = [desktop, phone];
  const each = (what, test) => Promise.all(pages.map((page) => stage.until(page, what, test)));
  report.carriers = (await each("data channels", ({ carrier }) => carrier === "webrtc")).map(({ carrier }) => carrier);
  report.isOneMatch = first.match === second.match;

  stage.at("move");
  report.moved = await Promise.all([
    stage.move(desktop, stage.byKeys(desktop)),
    stage.move(phone, stage.byTouch(phone, 90, 690)),
  ]);
  await stage.until(desktop, "the first sees the second", sees(second.number));
  await stage.until(phone, "the second sees the first", sees(first.number));

  stage.at("shoot");
  await desktop.getByRole("button", { name: "Net" }).click();
  await desktop.mouse.move(1000, 400);
  await desktop.mouse.down();
  const thumb = await stage.finger(phone, 300, 690);
  await thumb.drag(260, 650);
  await desktop.locator(".graph-text", { hasText: /webrtc\s+latency \d+ ms ± \d+\s+loss [\d.]+ %\s+kbit\/s down [1-9]\d*, up [1-9]/ }).waitFor();
  await each("the server has let them shoot", ({ readyTick }) => readyTick > 0);
  await stage.shoot(desktop, "arena-desktop");
  await stage.shoot(phone, "arena-phone");
  await desktop.mouse.up();
  await thumb.lift();
  report.isDrawn = [await stage.drawn(desktop), await stage.drawn(phone)];
  await desktop.getByRole("button", { name: "Net" }).click();

  stage.at("load again");
  await phone.reload();
  const back = await stage.until(phone, "the second is back", ({ number, shown }) => number !== 0 && shown.length >= 2);
  report.isBack = back.number === second.number && back.match === second.match;
  await stage.until(desktop, "the first sees the second again", sees(second.number));
  await stage.until(phone, "the second has a name for everybody", ({ seats }) => seats.length >= 8);
  await stage.move(phone, stage.byTouch(phone, 90, 690));

  stage.at("look on");
  const watcher = await stage.page(DESKTOP, "?transport=websocket");
  await watcher.getByRole("button", { name: "Watch" }).first().click();
  const watched = await stage.until(watcher, "the watcher sees them", ({ shown }) => shown.length >= 2);
  await watcher.getByRole("button", { name: "Next" }).click();
  await stage.shoot(watcher, "watch-desktop");
  report.watcher = [watched.number, watched.carrier];
  await watcher.context().close();

  stage.at("edit the rules");
  // With so much health nobody falls until the end.
  report.editsMs = [];
  for (const health of [50_001, 50_002, 50_003]) {
    const begun = Date.now();
    const respawned = rules.replace("health = 100,", `health = ${health},`).replace("health_max = 100,", `health_max = ${health},`);
    server.edit("arena", withReload(respawned, `world.set(fighter.unit, { health = ${health}, health_max = ${health} })`));
    await each("the rule is there", ({ shown }) => shown.some(({ healthMax }) => healthMax === health));
    report.editsMs.push(Date.now() - begun);
  }
  const good = server.rules("arena");
  await desktop.locator(".feed", { hasText: "edited <b>now</b>" }).waitFor();

  stage.at("a mistake");
  const place = `rules.lua:${good.split("\n").length}`;
  server.edit("arena", `${good}local local <b>x</b>`);
  const faultOf = (page) => page.locator(".dev-fault:visible", { hasText: place });
  await Promise.all(pages.map((page) => faultOf(page).waitFor()));
  await wait("the terminal has it", () => server.output.includes(place));
  const numbers = /tick \d+\s+[\d.]+ ms[\s\S]*entities [1-9]\d* \([1-9]\d* in sight\)\s+cells \d+[\s\S]*script [0-9a-f]{12}, loaded anew \d+ times/;
  await desktop.locator(".dev-text", { hasText: numbers }).waitFor();
  const stopped = await stage.inspect(desktop);
  await stage.until(desktop, "the match goes on", ({ tick }) => tick > stopped.tick + 20);
  await stage.move(desktop, stage.byKeys(desktop));
  await stage.shoot(desktop, "mistake-desktop");
  await stage.shoot(phone, "mistake-phone");
  server.edit("arena", good);
  await Promise.all(pages.map((page) => page.locator(".dev-fault:visible").waitFor({ state: "detached" })));

  stage.at("kill -9");
  // Where somebody slow is afterwards says whether they are where they were.
  const SLOW = 1;
  const atSpeed = async (speed, health) => {
    server.edit("arena", withReload(good, `world.set(fighter.unit, { speed_max = ${speed}, health = ${health}, health_max = ${health} })`));
    const isSo = ({ shown, number }) => shown.some(({ owner, healthMax }) => owner === number && healthMax === health);
    await each(`they have a speed of ${speed}`, isSo);
  };
  await atSpeed(SLOW, 50_004);
  const saves = await server.metric("muster_backups_total");
  await wait("it is saved", async () => (await server.metric("muster_backups_total")) >= saves + 2);
  const before = await each("they are in", isHere);
  stage.isForgiving = true;
  server.kill();
  await each("the line is known to be lost", ({ isOnline }) => !isOnline);
  await stage.shoot(desktop, "lost-desktop");
  await stage.shoot(phone, "lost-phone");
  const starting = Date.now();
  await server.start();
  const restarted = Date.now();
  const after = await Promise.all(pages.map((page, index) => stage.until(page, "back after kill -9", isSame(before[index]))));
  report.backMs = Date.now() - restarted;
  stage.isForgiving = false;
  report.isSameEntity = after.map(({ own }, index) => own.id === before[index].own.id);
  // Not further than somebody walks since the last save, which is two seconds old at most, and since the start: they were steered.
  const isNear = (reach, before) => ({ own }, index) => {
    const was = before[index].own;
    return Math.hypot(own.x - was.x, own.y - was.y) / METRE <= reach;
  };
  report.isWhereItWas = after.map(isNear(SLOW * ((Date.now() - starting) / 1000 + 3) + 1, before));
  await each("data channels again", ({ carrier }) => carrier === "webrtc");
  await atSpeed("SPEED", 50_005);
  await stage.move(desktop, stage.byKeys(desktop));

  stage.at("an orderly end");
  await atSpeed(SLOW, 50_006);
  const left = await each("they are in again", isHere);
  stage.isForgiving = true;
  report.exit = await server.end();
  await each("they know that it has ended", ({ isOnline }) => !isOnline);
  const beginning = Date.now();
  await server.start();
  const again = await Promise.all(pages.map((page, index) => stage.until(page, "back after the end", isSame(left[index]))));
  stage.isForgiving = false;
  // All of it was written down: only what they were steered since.
  report.isWhereItEnded = again.map(isNear(SLOW * ((Date.now() - beginning) / 1000 + 1) + 1, left));
  await each("data channels once more", ({ carrier }) => carrier === "webrtc");
  await atSpeed("SPEED", 50_007);

  stage.at("cut lines");
  await desktop.evaluate(() => window.lines.sockets.at(-1).close());
  await stage.until(desktop, "a cut line is noticed", ({ connections }) => connections > again[0].connections);
  await stage.until(desktop, "back after a cut line", (seen) => isSame(before[0])(seen) && seen.carrier === "webrtc");
  await phone.evaluate(() => window.lines.channels.forEach((channel) => channel.close()));
  const rest = await stage.until(phone, "the WebSocket carries", (seen) => isSame(before[1])(seen) && seen.carrier === "websocket");
  await stage.until(phone, "it goes on", ({ tick }) => tick > rest.tick + 20);
  await stage.move(phone, stage.byTouch(phone, 90, 690));
  await stage.move(desktop, stage.byKeys(desktop));
  report.statistics = (await Promise.all(pages.map((page) => stage.inspect(page)))).map(({ statistics }) => statistics);

  stage.at("the end of the match");
  const end = "self.score_to_win = math.max(self.score[1], self.score[2]) + 1";
  server.edit("arena", withReload(rules, "world.set(fighter.unit, { health = 1, health_max = 100 })", end));
  const ends = await each("the match is over", ({ end, over, middle }) => end !== null && over !== null && /won/.test(middle));
  report.ends = ends.map(({ middle, end, team }) => ({ middle, result: end.result, team }));
  await stage.shoot(desktop, "end-desktop");
  await stage.shoot(phone, "end-phone");

  stage.at("replay");
  const replayed = async (page, name) => {
    await page.getByRole("button", { name: "Back" }).click();
    await page.locator(".row.replay").first().waitFor();
    await stage.shoot(page, `lobby-replays-${name}`);
    await page.locator(".row.replay").first().getByRole("button", { name: "Replay" }).click();
    const seen = await stage.until(page, "a replay", ({ replay, shown }) => replay !== null && shown.length >= 2);
    await stage.until(page, "it plays", ({ replay }) => replay.tick > seen.replay.tick);
    const bar = await page.getByLabel("time in the replay").boundingBox();
    const press = name === "phone" ? page.touchscreen.tap.bind(page.touchscreen) : page.mouse.click.bind(page.mouse);
    await press(bar.x + bar.width * 0.75, bar.y + bar.height / 2);
    const length = seen.replay.last - seen.replay.first;
    const [from, to] = [0.65, 0.95].map((part) => seen.replay.first + part * length);
    const there = ({ replay, shown }) => replay.tick >= from && replay.tick <= to && shown.length >= 2;
    await stage.until(page, "it jumps", there);
    await page.getByRole("button", { name: "Pause" }).click();
    const paused = await stage.until(page, "it stops", ({ replay }) => replay.isPaused);
    // It shows another time although it does not go on.
    await press(bar.x + bar.width * 0.3, bar.y + bar.height / 2);
    await stage.until(page, "it jumps while it stands", ({ replay, sessions, shown, camera }) => {
      const isElsewhere = replay.tick < paused.replay.tick && sessions > paused.sessions;
      return isElsewhere && shown.length >= 2 && shown.some(isSeen(camera));
    });
    await stage.shoot(page, `replay-${name}`);
    await page.getByRole("button", { name: "Play" }).click();
    const going = await stage.until(page, "it goes on", ({ replay }) => !replay.isPaused);
    await stage.until(page, "it goes on from there", ({ replay, tick }) => replay.tick > going.replay.tick && tick > 0);
    await page.getByRole("button", { name: "Leave" }).click();
    return length;
  };
  report.replayTicks = await replayed(desktop, "desktop");
  await replayed(phone, "phone");
  // What names, labels and rules have of markup is text.
  report.markup = (await Promise.all(pages.map((page) => page.locator("img").count()))).reduce((sum, count) => sum + count);
});
