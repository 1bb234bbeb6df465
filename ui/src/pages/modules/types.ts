/** What the server says of modules. Members are optional: a server may say less. */

export interface Module {
  name: string;
  version?: string;
  digest?: string;
  schema?: number;
  generation?: number;
  state?: string;
  queue?: unknown;
}

export interface ModuleReload {
  status?: string;
  at?: string;
  pause_us?: number;
  held?: number;
  migrated_from?: number | null;
  state_bytes?: number;
}
