/** Two edits of one document merged, value by value. */

import { isSame } from "../../parts/equal";

export interface Conflict {
  path: readonly (string | number)[];
  base: unknown;
  mine: unknown;
  theirs: unknown;
}

export interface Merged {
  /** Mine wherever both changed the same value; theirs wherever only they did. */
  body: unknown;
  conflicts: Conflict[];
}

export function threeWay(base: unknown, mine: unknown, theirs: unknown): Merged {
  const conflicts: Conflict[] = [];
  return { body: merge([], base, mine, theirs, conflicts), conflicts };
}

function merge(path: readonly (string | number)[], base: unknown, mine: unknown, theirs: unknown, conflicts: Conflict[]): unknown {
  if (isSame(mine, theirs) || isSame(base, theirs)) return mine;
  if (isSame(base, mine)) return theirs;
  if (isObject(mine) && isObject(theirs)) {
    const before = isObject(base) ? base : {};
    const result: Record<string, unknown> = {};
    for (const key of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
      const value = merge([...path, key], before[key], mine[key], theirs[key], conflicts);
      if (value !== undefined) result[key] = value;
    }
    return result;
  }
  conflicts.push({ path, base, mine, theirs });
  return mine;
}

/** The same body with the value of a path taken from elsewhere; none removes it. */
export function withValue(body: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const result: Record<string, unknown> = isObject(body) ? { ...body } : {};
  const inner = withValue(result[key], rest, value);
  if (inner === undefined) Reflect.deleteProperty(result, key);
  else result[key] = inner;
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
