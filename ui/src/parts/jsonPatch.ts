/** Applies what the server's diffs have: `add`, `remove` and `replace` of RFC 6902. */

export interface Operation {
  op: string;
  path: string;
  value?: unknown;
}

/** The patched copy. The document itself stays as it is. */
export function applyPatch(document: unknown, operations: readonly Operation[]): unknown {
  let result: unknown = structuredClone(document);
  for (const one of operations) {
    const keys = one.path.split("/").slice(1).map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = keys.pop();
    if (last === undefined) {
      result = one.op === "remove" ? undefined : structuredClone(one.value);
      continue;
    }
    const parent = keys.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], result);
    change(parent, last, one);
  }
  return result;
}

function change(parent: unknown, key: string, { op, value }: Operation): void {
  if (Array.isArray(parent)) {
    const at = key === "-" ? parent.length : Number(key);
    if (op === "add") parent.splice(at, 0, structuredClone(value));
    else if (op === "remove") parent.splice(at, 1);
    else parent[at] = structuredClone(value);
  } else if (typeof parent === "object" && parent !== null) {
    const object = parent as Record<string, unknown>;
    if (op === "remove") Reflect.deleteProperty(object, key);
    else object[key] = structuredClone(value);
  }
}
