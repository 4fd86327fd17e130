/** The vectors of docs/WIRE.md, and bytes as text. */

import { readFileSync } from "node:fs";

const page = readFileSync(new URL("../../docs/WIRE.md", import.meta.url), "utf8");

export function vector(name: string): Uint8Array {
  const block = page.split(`\`\`\`vector ${name}\n`)[1]?.split("```")[0];
  if (block === undefined) throw new Error(`the page has no vector ${name}`);
  return fromHex(block.replace(/[^0-9a-f]/g, ""));
}

export const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
