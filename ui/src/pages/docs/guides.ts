/** The guides of `docs/`, which are built into the page, each loaded when it is opened. */

export interface Guide {
  /** Its path below `docs/`, without the ending. */
  name: string;
  title: string;
  hint: string;
}

export const GUIDES: readonly Guide[] = [
  { name: "rules", title: "Rules", hint: "decide by conditions, points and a pattern" },
  { name: "patterns", title: "Patterns", hint: "classify queries, learn new patterns" },
  { name: "tools", title: "Tools", hint: "a catalogue that agents and services choose from" },
  { name: "config", title: "Config", hint: "values of services, with their origin" },
  { name: "modules", title: "Modules", hint: "code that is replaced while it answers" },
  { name: "webhooks", title: "Webhooks", hint: "events as signed requests" },
  { name: "cli", title: "Command line", hint: "formats, exit codes, completion" },
  { name: "ui", title: "Web UI", hint: "these pages" },
  { name: "access", title: "Access", hint: "roles, tokens, scopes, audit" },
  { name: "routes", title: "Routes and roles", hint: "which role may call what" },
  { name: "fleet", title: "Fleets", hint: "several replicas on one log" },
  { name: "deploy", title: "Deployment", hint: "images, charts, alerts" },
  { name: "telemetry", title: "Telemetry", hint: "traces and metrics for a collector" },
  { name: "directories", title: "Watched directories", hint: "documents from files" },
  { name: "sidecar", title: "Sidecar", hint: "reload a service that reads files" },
  { name: "migrate/rules", title: "Migrate rules", hint: "from the rule engine" },
  { name: "migrate/patterns", title: "Migrate patterns", hint: "from the classifier" },
  { name: "migrate/tools", title: "Migrate tools", hint: "from the tool catalogue" },
  { name: "migrate/config", title: "Migrate config", hint: "from the config-reloader" },
  { name: "migrate/modules", title: "Migrate modules", hint: "from hot-reloaded modules" },
];

const TEXTS = import.meta.glob<string>(["../../../../docs/*.md", "../../../../docs/migrate/*.md"], { query: "?raw", import: "default" });
const ROOT = "../../../../docs/";

/** The names of the guides that the build found. */
export const FOUND: readonly string[] = Object.keys(TEXTS).map((path) => path.slice(ROOT.length, -".md".length));

/** The text of a guide; undefined when there is none of that name. */
export function guide(name: string): Promise<string> | undefined {
  return TEXTS[`${ROOT}${name}.md`]?.();
}
