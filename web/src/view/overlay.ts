/** What a developer wants to know: entities, cells, tick time, the rules' version and their last error. */

import { element, foreign, say } from "./dom";
import type { ScriptFault } from "../net/api";
import type { DevStats } from "../net/messages";

export class DeveloperOverlay {
  readonly root: HTMLElement;
  private readonly text = element("div", "dev-text", "no numbers yet");
  private readonly fault = element("div", "dev-fault");
  private reloads = 0;
  /** Nobody had asked for it: it goes with the mistake that it came with. */
  private isUninvited = false;

  constructor() {
    this.fault.hidden = true;
    this.root = element("section", "panel dev", this.text, this.fault);
    this.root.setAttribute("aria-label", "developer");
  }

  toggle(): void {
    this.root.hidden = !this.root.hidden;
    this.isUninvited = false;
  }

  handleStats(stats: DevStats, shown: number): void {
    const rarer = stats.rate_step > 0 ? `   updates rarer by ${stats.rate_step}` : "";
    const lines = [
      `tick ${stats.tick}   ${stats.tick_ms_mean.toFixed(2)} ms, at most ${stats.tick_ms.toFixed(2)}`,
      `late ${stats.late_ms.toFixed(1)} ms   lost ${stats.ticks_lost}${rarer}`,
      `entities ${stats.entities} (${shown} in sight)   cells ${stats.cells}`,
      `groups ${stats.groups}   viewers ${stats.viewers}`,
      `script ${foreign(stats.version, 16)}${this.reloads > 0 ? `, loaded anew ${this.reloads} times` : ""}`,
      `work ${stats.script_work}   ${Math.round(stats.script_bytes / 1024)} KiB`,
    ];
    say(this.text, lines.join("\n"));
    if (stats.error !== null) this.handleFault(stats.error);
    else this.clear();
  }

  handleFault(fault: ScriptFault): void {
    const { file, line, message, hint } = fault;
    say(this.fault, `${foreign(file, 80)}:${line}: ${foreign(message, 400)}${hint === "" ? "" : `\n${foreign(hint, 400)}`}`);
    if (!this.fault.hidden) return;
    this.fault.hidden = false;
    this.isUninvited = this.root.hidden;
    this.root.hidden = false;
  }

  handleReload(): void {
    this.reloads++;
    this.clear();
  }

  private clear(): void {
    if (this.fault.hidden) return;
    this.fault.hidden = true;
    if (this.isUninvited) this.root.hidden = true;
    this.isUninvited = false;
  }
}
