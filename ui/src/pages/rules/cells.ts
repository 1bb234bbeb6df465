/** A rule as cells of a row, and back. */

import type { Column } from "../../grid/Grid";

type Body = Record<string, unknown>;

const STATUSES = ["active", "draft", "inactive", "deprecated", "archived"];

export const COLUMNS: readonly Column[] = [
  { key: "", title: "Rule", width: 190, isReadOnly: true },
  { key: "rule_name", title: "Name", width: 240 },
  { key: "conditions", title: "Conditions", width: 380 },
  { key: "action_result", title: "Result", width: 90 },
  { key: "rule_point", title: "Points", width: 80, isNumber: true },
  { key: "weight", title: "Weight", width: 80, isNumber: true },
  { key: "priority", title: "Priority", width: 80, isNumber: true },
  { key: "status", title: "Status", width: 110, values: STATUSES },
  { key: "description", title: "Description", width: 320 },
  { key: "tags", title: "Tags", width: 200 },
];

/** What a cell shows. A rule on one condition shows its name, and any other its conditions as JSON. */
export function textOf(body: unknown, key: string): string {
  const value = (body as Body | undefined)?.[key];
  if (value === undefined || value === null) return "";
  if (key === "conditions" && typeof value === "object") {
    const { item, ...rest } = value as Body;
    if (typeof item === "string" && Object.keys(rest).length === 0) return item;
  }
  if (key === "tags" && Array.isArray(value)) return value.join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The body with one cell written. What cannot be read is kept as text, and the server says what is wrong with it. */
export function withText(body: unknown, key: string, text: string): Body {
  const next: Body = { ...(body as Body) };
  const trimmed = text.trim();
  if (trimmed === "") {
    Reflect.deleteProperty(next, key);
    return next;
  }
  next[key] = valueOf(key, trimmed);
  return next;
}

function valueOf(key: string, text: string): unknown {
  const column = COLUMNS.find((it) => it.key === key);
  if (column?.isNumber === true) {
    const value = Number(text.replace(",", "."));
    return Number.isFinite(value) ? value : text;
  }
  if (key === "tags") return text.split(",").map((it) => it.trim());
  if (key !== "conditions") return text;
  if (!text.startsWith("{")) return { item: text };
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
