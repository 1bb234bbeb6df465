/** Which words of the server are good news. Words are open: one that is not known is shown as it is. */

import type { Tone } from "./basic";

const GOOD = new Set(["applied", "committed", "success", "reloaded", "returned", "unchanged", "healthy", "ok", "live", "matched", "active", "closed", "repeated"]);
const BAD = new Set(["refused", "rejected", "rolled_back", "failed", "unhealthy", "stuck", "type_error", "open", "cancelled"]);
const WARN = new Set(["degraded", "restarting", "pending", "missing_input", "half_open", "draft", "stale"]);

export function toneOf(word: string): Tone {
  if (GOOD.has(word)) return "good";
  if (BAD.has(word)) return "bad";
  return WARN.has(word) ? "warn" : "plain";
}

export function words(word: string): string {
  return word.replaceAll("_", " ");
}
