/** Colours of sides and things. */

export const FLOOR = 0x161c27;
export const VOID = 0x0c1017;
export const GRID = 0x1f2836;
export const WALL = 0x465468;
export const WALL_EDGE = 0x6d8099;
export const OWN = 0xffffff;

const TEAMS = [0x9aa7b8, 0x4da3ff, 0xff8a4d, 0x6ad17c, 0xd98cff, 0xffd24d, 0x4dd9d0, 0xff6b8b, 0xb5c94d];

export const teamColour = (team: number): number => TEAMS[team < TEAMS.length ? team : 1 + (team % (TEAMS.length - 1))];

export const teamCss = (team: number): string => `#${teamColour(team).toString(16).padStart(6, "0")}`;

/** The health bar's colour by how much is left. */
export const healthColour = (part: number): number => (part > 0.6 ? 0x6ad17c : part > 0.3 ? 0xffd24d : 0xff5d5d);
