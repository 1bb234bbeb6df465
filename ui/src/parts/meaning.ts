/** What changed between two bodies, value by value: `rule_point 10 -> 15`. */

import { isSame } from "./equal";

export interface Difference {
  /** Where, as `conditions.all[0].constant`. */
  path: string;
  /** Absent when the value is new. */
  from?: unknown;
  /** Absent when the value is gone. */
  to?: unknown;
}

/** More differences than these are not listed: the text shows them. */
const DIFFERENCES_MAX = 200;

export function differences(from: unknown, to: unknown): Difference[] {
  const found: Difference[] = [];
  compare("", from, to, found);
  return found.slice(0, DIFFERENCES_MAX);
}

function compare(path: string, from: unknown, to: unknown, found: Difference[]): void {
  if (found.length >= DIFFERENCES_MAX || isSame(from, to)) return;
  if (isObject(from) && isObject(to)) {
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
      const inner = path === "" ? key : `${path}.${key}`;
      const [has, had] = [Object.hasOwn(to, key), Object.hasOwn(from, key)];
      if (has && had) compare(inner, from[key], to[key], found);
      else if (has) found.push({ path: inner, to: to[key] });
      else found.push({ path: inner, from: from[key] });
    }
    return;
  }
  if (Array.isArray(from) && Array.isArray(to)) {
    compareLists(path, from, to, found);
    return;
  }
  const change: Difference = { path };
  if (from !== undefined) change.from = from;
  if (to !== undefined) change.to = to;
  found.push(change);
}

/** Lists are compared after what they begin and end with alike, so that one added item is one difference. */
function compareLists(path: string, from: unknown[], to: unknown[], found: Difference[]): void {
  let start = 0;
  while (start < from.length && start < to.length && isSame(from[start], to[start])) start += 1;
  let end = 0;
  while (end < from.length - start && end < to.length - start && isSame(from.at(-1 - end), to.at(-1 - end))) end += 1;
  const length = Math.max(from.length, to.length) - start - end;
  for (let at = start; at < start + length; at += 1) {
    const inner = `${path}[${at}]`;
    const had = at < from.length - end;
    const has = at < to.length - end;
    if (had && has) compare(inner, from[at], to[at], found);
    else if (has) found.push({ path: inner, to: to[at] });
    else found.push({ path: inner, from: from[at] });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
