/** Where one looks from above: metres to pixels, y upwards in the world and downwards on the page. */

export class Camera {
  x = 0;
  y = 0;
  /** Pixels of a metre. */
  zoom = 16;
  width = 1;
  height = 1;
  private isPlaced = false;

  /** Sees about so many metres along the shorter side, a phone a little more for its size. */
  fit(width: number, height: number, metres: number): void {
    this.width = width;
    this.height = height;
    this.zoom = Math.max(Math.min(width, height) / metres, 4);
  }

  /** Comes nearer to a place, at once if it is far away. */
  follow(x: number, y: number, seconds: number): void {
    const part = 1 - Math.exp(-seconds * 10);
    const isFar = Math.hypot(x - this.x, y - this.y) > 30 || !this.isPlaced;
    this.x += (x - this.x) * (isFar ? 1 : part);
    this.y += (y - this.y) * (isFar ? 1 : part);
    this.isPlaced = true;
  }

  toPage(x: number, y: number): [number, number] {
    return [this.width / 2 + (x - this.x) * this.zoom, this.height / 2 - (y - this.y) * this.zoom];
  }

  toWorld(pageX: number, pageY: number): [number, number] {
    return [this.x + (pageX - this.width / 2) / this.zoom, this.y + (this.height / 2 - pageY) / this.zoom];
  }
}
