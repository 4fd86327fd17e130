/** Keyboard, mouse and fingers as what a player wants. Directions have y upwards, as the world has it. */

export interface Wish {
  /** Where to go, at most 1 long. */
  moveX: number;
  moveY: number;
  /** Where to aim: from where one is shown, in pixels, y upwards; null if nowhere. */
  aim: { x: number; y: number } | null;
  isFiring: boolean;
}

/** Which sticks fingers have: one that moves and one that aims, one that moves, or none. */
export type Sticks = "both" | "move" | "none";

/** A stick that comes where a finger touches. */
interface Stick {
  pointer: number;
  startX: number;
  startY: number;
  x: number;
  y: number;
}

const REACH = 56;
/** Below that a stick is at rest. */
const DEAD = 0.18;
const KEYS: Record<string, [number, number]> = {
  KeyW: [0, 1], ArrowUp: [0, 1], KeyS: [0, -1], ArrowDown: [0, -1],
  KeyA: [-1, 0], ArrowLeft: [-1, 0], KeyD: [1, 0], ArrowRight: [1, 0],
};

export class Input {
  private readonly pressed = new Set<string>();
  private mouse: { x: number; y: number } | null = null;
  private isMouseDown = false;
  private isTapped = false;
  private move: Stick | null = null;
  private aim: Stick | null = null;
  private readonly base = document.createElement("div");
  private readonly stop = new AbortController();
  /** Where on the page one's own entity is shown, from which the mouse aims. */
  centre: [number, number] | null = null;
  /** Fingers were used last, and no mouse: sticks are shown. */
  hasTouch = false;
  private sticks: Sticks = "none";

  constructor(private readonly area: HTMLElement) {
    this.hasTouch = matchMedia("(pointer: coarse)").matches;
    const { signal } = this.stop;
    const on = <K extends keyof WindowEventMap>(type: K, act: (event: WindowEventMap[K]) => void): void =>
      window.addEventListener(type, act, { signal });
    on("keydown", (event) => {
      if (event.target instanceof HTMLInputElement) return;
      if (event.code in KEYS || event.code === "Space") event.preventDefault();
      this.pressed.add(event.code);
    });
    on("keyup", (event) => this.pressed.delete(event.code));
    on("blur", () => this.release());
    const pointer = (type: "pointerdown" | "pointermove" | "pointerup" | "pointercancel"): void =>
      area.addEventListener(type, (event) => this.handlePointer(type, event), { signal });
    (["pointerdown", "pointermove", "pointerup", "pointercancel"] as const).forEach(pointer);
    area.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
    this.base.className = "sticks";
    area.append(this.base);
  }

  private release(): void {
    this.pressed.clear();
    this.isMouseDown = false;
    this.move = null;
    this.aim = null;
  }

  private handlePointer(type: string, event: PointerEvent): void {
    // What stands round the picture is pressed for itself.
    if (type === "pointerdown" && !(event.target instanceof HTMLCanvasElement)) return;
    if (type === "pointerdown") this.isTapped = true;
    if (event.pointerType !== "touch") {
      // Fingers that are down go on.
      if (this.hasTouch && this.move === null && this.aim === null) {
        this.hasTouch = false;
        this.base.replaceChildren();
      }
      this.mouse = { x: event.clientX, y: event.clientY };
      if (type === "pointerdown" && event.button === 0) this.isMouseDown = true;
      if (type === "pointerup" || type === "pointercancel") this.isMouseDown = false;
      return;
    }
    event.preventDefault();
    this.hasTouch = true;
    if (this.sticks === "none") return;
    const isLeft = this.sticks === "move" || event.clientX < this.area.clientWidth / 2;
    if (type === "pointerdown") {
      this.area.setPointerCapture(event.pointerId);
      const { clientX: x, clientY: y, pointerId } = event;
      const stick = { pointer: pointerId, startX: x, startY: y, x, y };
      if (isLeft) this.move = stick;
      else this.aim = stick;
    } else {
      const stick = this.move?.pointer === event.pointerId ? this.move : this.aim?.pointer === event.pointerId ? this.aim : null;
      if (stick === null) return;
      stick.x = event.clientX;
      stick.y = event.clientY;
      if (type === "pointermove") return;
      if (stick === this.move) this.move = null;
      else this.aim = null;
    }
    this.draw();
  }

  /** Thumbs are on the field. */
  get hasSticks(): boolean {
    return this.hasTouch && this.sticks !== "none";
  }

  private vector(stick: Stick | null): [number, number] {
    if (stick === null) return [0, 0];
    const x = (stick.x - stick.startX) / REACH;
    const y = (stick.startY - stick.y) / REACH;
    const length = Math.hypot(x, y);
    if (length < DEAD) return [0, 0];
    return length > 1 ? [x / length, y / length] : [x, y];
  }

  wish(): Wish {
    let [moveX, moveY] = this.vector(this.move);
    for (const code of this.pressed) {
      const [x, y] = KEYS[code] ?? [0, 0];
      moveX += x;
      moveY += y;
    }
    const length = Math.hypot(moveX, moveY);
    if (length > 1) {
      moveX /= length;
      moveY /= length;
    }
    const [aimX, aimY] = this.vector(this.aim);
    if (this.hasTouch) {
      this.draw();
      const isAiming = aimX !== 0 || aimY !== 0;
      // A full turn of the stick fires; whoever only leans on it aims.
      return { moveX, moveY, aim: isAiming ? { x: aimX, y: aimY } : null, isFiring: Math.hypot(aimX, aimY) > 0.6 || this.pressed.has("Space") };
    }
    const { mouse, area } = this;
    const [x, y] = this.centre ?? [area.clientWidth / 2, area.clientHeight / 2];
    const aim = mouse && { x: mouse.x - x, y: y - mouse.y };
    return { moveX, moveY, aim, isFiring: this.isMouseDown || this.pressed.has("Space") };
  }

  /** Whether the field was touched or clicked since the last call. */
  takeTap(): boolean {
    const wasTapped = this.isTapped;
    this.isTapped = false;
    return wasTapped;
  }

  /** The pressed keys of a name since the last call are forgotten when asked for. */
  take(code: string): boolean {
    return this.pressed.delete(code);
  }

  private draw(): void {
    const sticks = this.sticks === "none" ? [] : this.sticks === "move" ? [this.move] : [this.move, this.aim];
    const shapes = sticks.map((stick, index) => {
      const ring = (this.base.children[index] as HTMLElement | undefined) ?? document.createElement("i");
      if (ring.parentElement === null) this.base.append(ring);
      ring.className = `stick ${index === 0 ? "left" : "right"} ${stick === null ? "idle" : ""}`;
      const knob = (ring.firstElementChild as HTMLElement | null) ?? ring.appendChild(document.createElement("b"));
      const [x, y] = this.vector(stick);
      knob.style.transform = `translate(${x * REACH * 0.7}px, ${-y * REACH * 0.7}px)`;
      if (stick !== null) Object.assign(ring.style, { left: `${stick.startX}px`, top: `${stick.startY}px` });
      else Object.assign(ring.style, { left: "", top: "" });
      return ring;
    });
    this.base.replaceChildren(...shapes);
  }

  /** Which sticks there are from now on. Where there is no mouse they are shown before anybody has touched. */
  setSticks(sticks: Sticks): void {
    this.sticks = sticks;
    if (sticks === "none") this.move = null;
    if (sticks !== "both") this.aim = null;
    if (this.hasTouch) this.draw();
  }

  close(): void {
    this.stop.abort();
    this.base.remove();
  }
}
