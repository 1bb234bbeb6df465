/** The pages, as the navigation and the palette list them. */

export interface Place {
  href: string;
  title: string;
  group: "Watch" | "Change" | "Kinds" | "Server";
  hint: string;
}

export const PLACES: readonly Place[] = [
  { href: "/", title: "Now", group: "Watch", hint: "what is live, on which replicas" },
  { href: "/ui/history", title: "History", group: "Watch", hint: "who changed what, compare, restore" },
  { href: "/ui/metrics", title: "Metrics", group: "Watch", hint: "rates and latencies of the last hour" },
  { href: "/ui/edit", title: "Editor", group: "Change", hint: "documents of every kind, with a dry run" },
  { href: "/ui/rules", title: "Rules", group: "Kinds", hint: "try an input, edit a ruleset as a table" },
  { href: "/ui/patterns", title: "Patterns", group: "Kinds", hint: "classify a query, approve what was learned" },
  { href: "/ui/tools", title: "Tools", group: "Kinds", hint: "search, selection explained, lint" },
  { href: "/ui/config", title: "Config", group: "Kinds", hint: "effective values with their origin" },
  { href: "/ui/modules", title: "Modules", group: "Kinds", hint: "versions, reloads, return" },
  { href: "/ui/access", title: "Access", group: "Server", hint: "who you are, tokens, audit" },
  { href: "/ui/docs", title: "Docs", group: "Server", hint: "API, guides, error codes" },
  { href: "/ui/tour", title: "Tour", group: "Server", hint: "five minutes, step by step" },
];
