/** The picture: what is on the field, drawn by PixiJS without code that is made while it runs. */

import "pixi.js/unsafe-eval";
import { Application, Container } from "pixi.js";

import { Bodies, type Look } from "./bodies";
import { Camera } from "./camera";
import { VOID } from "./colours";
import { Effects } from "./effects";
import { Fog } from "./fog";
import { Ground } from "./ground";
import type { ShownEntity } from "../sync/client";
import { type MapDocument, wallsOf } from "../sync/walls";

/** Metres that are seen beyond the map's edge, so that what stands round the picture covers no player there. */
const BEYOND = 5;

/** A picture that takes longer is slow. */
const SLOW_MS = 12;
/** Pictures further apart than that, so many of them in a row, are made of fewer points. */
const SELDOM_MS = 120;
const SELDOM_MAX = 24;
const RESOLUTION_MIN = 0.66;
/** So long is waited between pictures where a processor draws them, which has other things to do. */
const SOFTWARE_MS = 45;

/** Whether a processor draws what should be a graphics card's, and smooth edges cost more than they are worth. */
function isDrawnBySoftware(): boolean {
  if (new URLSearchParams(location.search).get("draw") === "fine") return false;
  const context = document.createElement("canvas").getContext("webgl2");
  const info = context?.getExtension("WEBGL_debug_renderer_info");
  const name = context && info ? String(context.getParameter(info.UNMASKED_RENDERER_WEBGL)) : "";
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software/i.test(name);
}

export class Field {
  readonly camera = new Camera();
  readonly ground: Ground | null;
  readonly bodies = new Bodies();
  readonly effects: Effects;
  private fog: Fog | null = null;
  private readonly world = new Container();
  /** Until when nothing is drawn. */
  private restsUntil = 0;
  private drawnAt = 0;
  /** Pictures in a row that came late. */
  private seldom = 0;

  private constructor(
    private readonly app: Application,
    private readonly area: HTMLElement,
    map: MapDocument | null,
    private readonly isSoftware: boolean,
  ) {
    this.ground = map === null ? null : new Ground(map);
    this.effects = new Effects(map === null ? [] : wallsOf(map));
    if (this.ground !== null) this.world.addChild(this.ground.container);
    this.world.addChild(this.bodies.container, this.effects.container);
    app.stage.addChild(this.world, this.bodies.overlay);
    area.prepend(app.canvas);
  }

  static async open(area: HTMLElement, map: MapDocument | null): Promise<Field> {
    const app = new Application();
    const isSoftware = isDrawnBySoftware();
    await app.init({
      background: VOID,
      resizeTo: area,
      antialias: !isSoftware,
      autoDensity: true,
      resolution: isSoftware ? 1 : Math.min(devicePixelRatio, 2),
      preference: "webgl",
      autoStart: false,
      sharedTicker: false,
    });
    return new Field(app, area, map, isSoftware);
  }

  /**
   * Draws what is there. `metres` is how much of the field the shorter side of the page shows, `below` how many pixels at the
   * bottom are covered.
   */
  draw(
    entities: readonly ShownEntity[],
    lookOf: (entity: ShownEntity) => Look,
    view: { x: number; y: number; metres: number; below: number },
    now: number,
    seconds: number,
  ): void {
    const { camera, world } = this;
    camera.fit(this.area.clientWidth, this.area.clientHeight, view.metres);
    const covered = view.below / camera.zoom;
    const [x, y] = this.inside(view.x, view.y - covered / 2, covered);
    camera.follow(x, y, seconds);
    world.scale.set(camera.zoom);
    world.position.set(camera.width / 2 - camera.x * camera.zoom, camera.height / 2 + camera.y * camera.zoom);
    this.ground?.advance(now);
    this.effects.advance(now, seconds);
    this.bodies.show(entities, lookOf, camera, now);
    // Where drawing is slow, half of the time is kept for packets and inputs.
    if (now < this.restsUntil) return;
    this.ease(now);
    const begun = performance.now();
    this.app.render();
    const took = performance.now() - begun;
    this.restsUntil = now + Math.max(took > SLOW_MS ? 2 * took : 0, this.isSoftware ? SOFTWARE_MS : 0);
  }

  /** Lights up what is nearer than `metres` to places; the rest of the map is dark from then on. */
  light(places: readonly { x: number; y: number }[], metres: number, now: number): void {
    const { ground } = this;
    if (ground === null) return;
    if (this.fog === null) {
      this.fog = new Fog(ground.origin, ground.size);
      this.world.addChildAt(this.fog.sprite, 1);
    }
    this.fog.show(places, metres, now);
  }

  /** Makes pictures coarser where they come seldom. */
  private ease(now: number): void {
    const { renderer } = this.app;
    this.seldom = now - this.drawnAt > SELDOM_MS && document.visibilityState === "visible" ? this.seldom + 1 : 0;
    this.drawnAt = now;
    if (this.seldom < SELDOM_MAX || renderer.resolution <= RESOLUTION_MIN) return;
    this.seldom = 0;
    renderer.resize(this.area.clientWidth, this.area.clientHeight, Math.max(renderer.resolution / 1.5, RESOLUTION_MIN));
  }

  /** Where to look so that little is seen of what is beyond the map; in its middle if all of it is seen. */
  private inside(x: number, y: number, covered: number): [number, number] {
    const { ground, camera } = this;
    if (ground === null) return [x, y];
    const along = (at: number, from: number, size: number, pixels: number): number => {
      const half = pixels / camera.zoom / 2 - BEYOND;
      return 2 * half >= size ? from + size / 2 : Math.min(Math.max(at, from + half), from + size - half);
    };
    const [left, low] = ground.origin;
    const [width, height] = ground.size;
    return [along(x, left, width, camera.width), along(y, low - covered, height + covered, camera.height)];
  }

  close(): void {
    this.app.destroy({ removeView: true }, { children: true });
  }
}
