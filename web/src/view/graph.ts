/** The network over the last while: latency, loss, bandwidth, corrections. */

import { element, say } from "./dom";
import type { Statistics } from "../sync/client";

const SAMPLES = 120;
const SAMPLE_MS = 250;

interface Sample {
  rttMs: number;
  jitterMs: number;
  lost: number;
  kilobits: number;
  kilobitsUp: number;
  corrections: number;
}

export class NetworkGraph {
  readonly root: HTMLElement;
  private readonly canvas = element("canvas");
  private readonly text = element("div", "graph-text");
  private samples: Sample[] = [];
  private before: { at: number; statistics: Statistics } | null = null;

  constructor() {
    this.root = element("section", "panel graph", this.text, this.canvas);
    this.root.setAttribute("aria-label", "network");
    this.canvas.width = SAMPLES * 2;
    this.canvas.height = 64;
  }

  update(now: number, statistics: Statistics, carrier: string): void {
    if (this.before !== null && now - this.before.at < SAMPLE_MS) return;
    const was = this.before;
    this.before = { at: now, statistics };
    if (was === null || statistics.packets < was.statistics.packets) return;
    const seconds = (now - was.at) / 1000;
    const came = statistics.packets - was.statistics.packets;
    const lost = statistics.lost - was.statistics.lost;
    this.samples.push({
      rttMs: statistics.rttUs / 1000,
      jitterMs: statistics.jitterUs / 1000,
      lost: came + lost === 0 ? 0 : lost / (came + lost),
      kilobits: ((statistics.bytes - was.statistics.bytes) * 8) / 1000 / seconds,
      kilobitsUp: ((statistics.reportBytes - was.statistics.reportBytes) * 8) / 1000 / seconds,
      corrections: statistics.corrections - was.statistics.corrections,
    });
    if (this.samples.length > SAMPLES) this.samples.shift();
    if (!this.root.hidden) this.draw(statistics, carrier);
  }

  private draw(statistics: Statistics, carrier: string): void {
    const last = this.samples.at(-1);
    if (last === undefined) return;
    const late = this.samples.slice(-8);
    const mean = (of: (sample: Sample) => number): string =>
      (late.reduce((sum, sample) => sum + of(sample), 0) / late.length).toFixed(0);
    const total = statistics.packets + statistics.lost;
    const loss = total === 0 ? 0 : (100 * statistics.lost) / total;
    const lines = [
      `${carrier}   latency ${last.rttMs.toFixed(0)} ms ± ${last.jitterMs.toFixed(0)}   loss ${loss.toFixed(1)} %`,
      `kbit/s down ${mean(({ kilobits }) => kilobits)}, up ${mean(({ kilobitsUp }) => kilobitsUp)}`,
      `corrections ${statistics.corrections}, the last of ${statistics.lastCorrectionMetres.toFixed(2)} m`,
      `others ${(statistics.delayUs / 1000).toFixed(0)} ms behind, own ${(statistics.leadUs / 1000).toFixed(0)} ms ahead`,
    ];
    say(this.text, lines.join("\n"));
    const context = this.canvas.getContext("2d");
    if (context === null) return;
    const { width, height } = this.canvas;
    context.clearRect(0, 0, width, height);
    const most = Math.max(100, ...this.samples.map(({ rttMs }) => rttMs));
    const widest = Math.max(64, ...this.samples.map(({ kilobits }) => kilobits));
    this.samples.forEach((sample, index) => {
      const x = width - 2 * (this.samples.length - index);
      const bar = (part: number, colour: string): void => {
        context.fillStyle = colour;
        context.fillRect(x, height * (1 - part), 2, height * part);
      };
      bar((0.5 * sample.kilobits) / widest, "#26425f");
      if (sample.lost > 0) bar(Math.max(sample.lost, 0.06), "#ff5d5d");
      if (sample.corrections > 0) {
        context.fillStyle = "#ffd24d";
        context.fillRect(x, 0, 2, Math.min(4 * sample.corrections, 12));
      }
      context.fillStyle = "#6ad17c";
      context.fillRect(x, height * (1 - (0.9 * sample.rttMs) / most) - 1, 2, 2);
    });
  }
}
