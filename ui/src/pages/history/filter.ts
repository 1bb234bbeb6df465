/** Which revisions are listed. */

import type { Schemas } from "../../api/client";

export interface Filter {
  kind: string;
  /** Words, all of which stand in the names, the author, the trigger or the reason. */
  text: string;
  /** Local times, as `2026-01-31T03:00`; empty for none. */
  since: string;
  until: string;
}

export const NO_FILTER: Filter = { kind: "", text: "", since: "", until: "" };

export function matches(revision: Schemas["RevisionAnswer"], filter: Filter): boolean {
  const at = Date.parse(revision.created_at);
  if (filter.since !== "" && at < Date.parse(filter.since)) return false;
  if (filter.until !== "" && at > Date.parse(filter.until)) return false;
  const names = revision.changes.map((it) => `${it.kind}/${it.name}`);
  const all = [revision.author, revision.reason, revision.trigger, String(revision.number), ...names].join("\n").toLowerCase();
  return filter.text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
