/** Elements of the page. **Text is always set as text**, never as markup, wherever it comes from. */

type Child = Node | string;

/** An element with a class, and what is in it. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.append(...children);
  return made;
}

export function button(label: string, act: () => void, className = ""): HTMLButtonElement {
  const made = element("button", className, label);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

/** Longest text of others that is shown. */
const TEXT_MAX = 160;

/** Signs that show nothing, or turn the direction of what follows: those that the server refuses in names. */
const UNSEEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u206f\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu;

/** What somebody else wrote, cut to what has room, without signs that nobody sees. */
export function foreign(text: unknown, most = TEXT_MAX): string {
  if (typeof text !== "string") return "";
  return text.replace(UNSEEN, " ").slice(0, most);
}

/** Sets the text of an element only if it is another, so that nothing is laid out again for nothing. */
export function say(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}
