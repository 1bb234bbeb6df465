/** Whether two JSON values are the same, whatever the order of their members. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, at) => isSame(item, b[at]));
  }
  const [mine, theirs] = [Object.entries(a), b as Record<string, unknown>];
  return mine.length === Object.keys(theirs).length && mine.every(([key, value]) => key in theirs && isSame(value, theirs[key]));
}
