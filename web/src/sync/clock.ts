/**
 * What time it is in the world. **Time that is shown never goes back and never jumps, unless what arrives has jumped.** Ticks
 * are counted from the welcome's, times are microseconds of the page's clock. Estimates are cut to whole numbers where the
 * core's are, so that both come to the same ticks.
 */

/** A moment is a tick and a fraction of it in 2^-16. */
const TICK = 65_536;
/** How many arrivals the estimate looks back on. */
const ARRIVALS = 64;
/** An estimate that is off by so much jumps. */
const JUMP_US = 250_000;
/** A part of the time that passes by which an estimate may move. */
const SLEW = 32;
const REPORTS = 64;
/** What a path takes before it is known. */
const RTT_FIRST_US = 100_000;

/** A value that is moved to where it should be little by little. */
class Slewed {
  value = 0;
  private target = 0;
  private isSet = false;

  aim(target: number): void {
    this.target = target;
    if (this.isSet && Math.abs(target - this.value) <= JUMP_US) return;
    this.value = target;
    this.isSet = true;
  }

  advance(elapsedUs: number): void {
    const most = Math.trunc(elapsedUs / SLEW);
    this.value += Math.min(Math.max(this.target - this.value, -most), most);
  }
}

export class Clock {
  private arrivals: number[] = [];
  private sorted: number[] = [];
  private readonly offset = new Slewed();
  private readonly delay = new Slewed();
  private readonly lead = new Slewed();
  /** How much later than the earliest most packets are. */
  jitterUs = 0;
  /** Ticks between two states of a group that moves, in 2^-8; its largest of late. */
  private spacing = 0;
  private readonly sent: ({ sequence: number; sentUs: number } | undefined)[] = new Array(REPORTS);
  private heard = 0;
  rttUs: number | null = null;
  private rttOffUs = 0;
  private lastUs: number | null = null;
  /** The tick at which others are shown, with its fraction. */
  shown = -Infinity;
  /** The tick that the server comes to when what is sent now arrives. */
  ahead = -Infinity;

  constructor(
    private readonly rate: number,
    updateTicks: number,
  ) {
    // Until it is known, as if every other update were lost, so that nobody jumps when one is.
    this.handleSpacing(2 * updateTicks);
  }

  get isRunning(): boolean {
    return this.arrivals.length > 0;
  }

  get delayUs(): number {
    return this.delay.value;
  }

  get leadUs(): number {
    return this.lead.value;
  }

  /** The first packet of an update arrived. */
  handleArrival(tick: number, nowUs: number): void {
    const arrival = Math.round(nowUs) - Math.trunc((tick * 1_000_000) / this.rate);
    // The path or the world has stood still: what was before says nothing any more.
    if (this.isRunning && Math.abs(arrival - this.sorted[0]) > 4 * JUMP_US) this.arrivals = [];
    this.arrivals.push(arrival);
    if (this.arrivals.length > ARRIVALS) this.arrivals.shift();
    this.sorted = [...this.arrivals].sort((one, other) => one - other);
    const earliest = this.sorted[0];
    this.jitterUs = this.sorted[Math.floor(((this.sorted.length - 1) * 15) / 16)] - earliest;
    this.offset.aim(earliest);
    this.aim();
  }

  /** A group that moves was told again after so many ticks. */
  handleSpacing(ticks: number): void {
    // A fifth of a second is as long as anybody waits for the next.
    const spacing = Math.max(Math.min(ticks, Math.trunc(this.rate / 5)), 0) * 256;
    // By one at least, or it would stay a tick too long for ever.
    this.spacing = spacing > this.spacing ? spacing : this.spacing - Math.ceil((this.spacing - spacing) / 256);
  }

  handleReport(sequence: number, nowUs: number): void {
    this.sent[sequence % REPORTS] = { sequence, sentUs: Math.round(nowUs) };
  }

  /** A packet says that a report was heard, cut to 16 bits, and how long before the packet, in 0.1 ms. */
  handleHeard(heard: number, held: number, nowUs: number): void {
    const slot = heard % REPORTS;
    const { sequence, sentUs } = this.sent[slot] ?? { sequence: 0, sentUs: 0 };
    if (sequence <= this.heard || sequence % 65_536 !== heard || heard === 0 || held === 65_535) return;
    this.heard = sequence;
    const took = Math.max(Math.round(nowUs) - sentUs - held * 100, 0);
    if (this.rttUs === null) {
      this.rttUs = took;
      this.rttOffUs = Math.trunc(took / 4);
    } else {
      this.rttOffUs += Math.trunc((Math.abs(took - this.rttUs) - this.rttOffUs) / 4);
      this.rttUs += Math.trunc((took - this.rttUs) / 8);
    }
    this.aim();
  }

  private aim(): void {
    const tickUs = Math.trunc(1_000_000 / this.rate);
    const spacingUs = Math.floor(Math.trunc((this.spacing * 1_000_000) / this.rate) / 256);
    this.delay.aim(this.jitterUs + spacingUs + Math.trunc(tickUs / 2));
    // An input should be there a little before its tick: two ticks, and what the way takes longer at times.
    this.lead.aim((this.rttUs ?? RTT_FIRST_US) + 2 * this.rttOffUs + 2 * tickUs);
  }

  /** Lets time pass; returns how much did. */
  advance(timeUs: number): number {
    const nowUs = Math.round(timeUs);
    const elapsed = Math.max(this.lastUs === null ? 0 : nowUs - this.lastUs, 0);
    const now = Math.max(this.lastUs ?? nowUs, nowUs);
    this.lastUs = now;
    for (const slewed of [this.offset, this.delay, this.lead]) slewed.advance(elapsed);
    this.shown = this.flow(this.shown, this.moment(now - this.delay.value));
    this.ahead = this.flow(this.ahead, this.moment(now + this.lead.value));
    return elapsed;
  }

  /** Stands still rather than go back, but for what is a jump. */
  private flow(before: number, now: number): number {
    const jump = (JUMP_US * this.rate) / 1_000_000;
    return now < before && before - now < jump ? before : now;
  }

  /** The tick of which the earliest packet arrives at a time. */
  private moment(us: number): number {
    return Math.trunc(((us - this.offset.value) * this.rate * TICK) / 1_000_000) / TICK;
  }
}
