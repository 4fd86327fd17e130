/** What lies beyond the sight of one's own is dark: who is there is not told. */

import { Sprite, Texture } from "pixi.js";

/** Points of the darkness for a metre; it has soft edges. */
const POINTS_A_METRE = 0.5;
const DARKNESS = "rgba(3, 5, 9, 0.62)";
/** How often it is drawn anew, in milliseconds. */
const EVERY_MS = 150;

export class Fog {
  readonly sprite: Sprite;
  private readonly context: CanvasRenderingContext2D | null;
  private readonly texture: Texture;
  private nextAt = 0;

  constructor(
    private readonly origin: [number, number],
    size: [number, number],
  ) {
    const canvas = document.createElement("canvas");
    canvas.width = Math.ceil(size[0] * POINTS_A_METRE);
    canvas.height = Math.ceil(size[1] * POINTS_A_METRE);
    this.context = canvas.getContext("2d");
    this.texture = Texture.from(canvas);
    this.sprite = new Sprite(this.texture);
    this.sprite.position.set(origin[0], -origin[1] - size[1]);
    [this.sprite.width, this.sprite.height] = size;
  }

  /** Lights up what is nearer than `metres` to one of the places. */
  show(places: readonly { x: number; y: number }[], metres: number, now: number): void {
    const { context } = this;
    if (context === null || now < this.nextAt) return;
    this.nextAt = now + EVERY_MS;
    const { width, height } = context.canvas;
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, width, height);
    context.fillStyle = DARKNESS;
    context.fillRect(0, 0, width, height);
    context.globalCompositeOperation = "destination-out";
    const radius = metres * POINTS_A_METRE;
    for (const { x, y } of places) {
      const [left, low] = [(x - this.origin[0]) * POINTS_A_METRE, height - (y - this.origin[1]) * POINTS_A_METRE];
      const light = context.createRadialGradient(left, low, radius * 0.8, left, low, radius);
      light.addColorStop(0, "rgba(0, 0, 0, 1)");
      light.addColorStop(1, "rgba(0, 0, 0, 0)");
      context.fillStyle = light;
      context.fillRect(left - radius, low - radius, 2 * radius, 2 * radius);
    }
    this.texture.source.update();
  }
}
