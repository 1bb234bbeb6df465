/** The reads that more than one page has. */

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { api, body, type Schemas } from "./client";
import { Problem } from "./problem";
import { FIXED, WHOAMI_KEY } from "./query";
import { session } from "./session";

/** How often replicas are asked for while one of them has not acknowledged: what they report is in no event. */
const ACK_MS = 1000;

export type Permission = "read" | "execute" | "edit" | "operate" | "admin";

/** A timer of a browser waits no longer. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Who this tab is for the server: who signed in, or an anonymous caller. Asked once for a session and when it is to end,
 * since the audit has each time.
 */
export function useWhoami(): UseQueryResult<Schemas["Whoami"]> {
  return useQuery({
    queryKey: WHOAMI_KEY,
    queryFn: async () => {
      const who = await body(api.GET("/api/v1/whoami"));
      session.saw(who);
      return who;
    },
    staleTime: Infinity,
    refetchInterval: ({ state }) => {
      const until = state.data?.expires_at;
      return until == null ? false : Math.min(TIMER_MS_MAX, Math.max(1000, Date.parse(until) - Date.now() + 500));
    },
  });
}

/** So many tokens are listed; the command line lists more. */
export const TOKENS_MAX = 500;
/** Tokens are in no revision, and each read of them is in the audit: they are read again when this page changed them. */
export const TOKENS_KEY = [FIXED, "tokens"];

export function useTokens(isAdmin: boolean): UseQueryResult<Schemas["TokenList"]> {
  return useQuery({ queryKey: TOKENS_KEY, queryFn: () => body(api.GET("/api/v1/tokens", { params: { query: { limit: TOKENS_MAX } } })), enabled: isAdmin });
}

/** Why the role of this tab may not do something; undefined when it may, and until the role is known. */
export function useRefusal(needs: Permission): string | undefined {
  const { data } = useWhoami();
  if (data === undefined || data.permissions.includes(needs)) return undefined;
  return `The role ${data.role} does not include the permission ${needs}. Sign in with a token that has it.`;
}

export function useStatus(): UseQueryResult<Schemas["StatusAnswer"]> {
  return useQuery({ queryKey: ["status"], queryFn: () => body(api.GET("/api/v1/status")) });
}

export function useHealth(): UseQueryResult<Schemas["HotReloadHealth"]> {
  return useQuery({
    queryKey: ["health"],
    queryFn: async () => {
      const { data, error, response } = await api.GET("/health/hot-reload");
      if (data !== undefined) return data;
      // An unhealthy server answers 503 with the same body; a refused call has a code instead.
      if ("checks" in error) return error;
      throw new Problem(response.status, error);
    },
  });
}

export function useReplicas(head: number | undefined): UseQueryResult<Schemas["ReplicaList"]> {
  return useQuery({
    queryKey: ["replicas"],
    queryFn: () => body(api.GET("/api/v1/replicas")),
    refetchInterval: (query) => {
      const items = query.state.data?.items ?? [];
      const isBehind = items.some((it) => !it.silent_since && head !== undefined && it.applied_revision < head);
      return isBehind ? ACK_MS : false;
    },
  });
}

export function useRevisions(limit: number, kind?: string): UseQueryResult<Schemas["RevisionList"]> {
  return useQuery({
    queryKey: ["revisions", limit, kind],
    queryFn: () => body(api.GET("/api/v1/revisions", { params: { query: { limit, ...(kind === undefined ? {} : { kind }) } } })),
  });
}

export function useReloads(limit: number): UseQueryResult<Schemas["ReloadList"]> {
  return useQuery({
    queryKey: ["reloads", limit],
    queryFn: () => body(api.GET("/api/v1/reloads", { params: { query: { limit } } })),
  });
}

export function useRevision(number: number): UseQueryResult<Schemas["RevisionDetail"]> {
  return useQuery({
    queryKey: [FIXED, "revision", number],
    queryFn: () => body(api.GET("/api/v1/revisions/{number}", { params: { path: { number } } })),
    staleTime: Infinity,
  });
}

export function useDiff(number: number, against: number): UseQueryResult<Schemas["RevisionDiff"]> {
  return useQuery({
    queryKey: [FIXED, "diff", number, against],
    queryFn: () =>
      body(api.GET("/api/v1/revisions/{number}/diff", { params: { path: { number }, query: { against, text: true } } })),
    staleTime: Infinity,
  });
}

export async function readDocument(kind: string, name: string, at?: number): Promise<Schemas["DocumentAnswer"]> {
  return body(
    api.GET("/api/v1/documents/{kind}/{name}", {
      params: { path: { kind, name }, query: at === undefined ? {} : { at } },
    }),
  );
}

export function useDocument(kind: string, name: string): UseQueryResult<Schemas["DocumentAnswer"]> {
  return useQuery({ queryKey: ["document", kind, name], queryFn: () => readDocument(kind, name) });
}

/** Every document of a kind, page after page. */
export function useDocuments(kind: string, prefix?: string): UseQueryResult<Schemas["DocumentAnswer"][]> {
  return useQuery({
    queryKey: ["documents", kind, prefix],
    queryFn: async () => {
      const all: Schemas["DocumentAnswer"][] = [];
      let cursor: string | undefined;
      do {
        const page: Schemas["DocumentList"] = await body(
          api.GET("/api/v1/documents/{kind}", {
            params: {
              path: { kind },
              query: { limit: 500, ...(cursor === undefined ? {} : { cursor }), ...(prefix === undefined ? {} : { prefix }) },
            },
          }),
        );
        all.push(...page.items);
        cursor = page.next_cursor ?? undefined;
      } while (cursor !== undefined);
      return all;
    },
    structuralSharing: (before, after) => kept(before as Schemas["DocumentAnswer"][] | undefined, after as Schemas["DocumentAnswer"][]),
  });
}

/** The documents read, each as the object that it was before where its version is the same: ten thousand are not compared by value. */
function kept(before: readonly Schemas["DocumentAnswer"][] | undefined, after: Schemas["DocumentAnswer"][]): Schemas["DocumentAnswer"][] {
  const known = new Map(before?.map((it) => [it.name, it]));
  return after.map((it) => {
    const same = known.get(it.name);
    return same !== undefined && same.version === it.version && same.revision === it.revision && same.owner === it.owner ? same : it;
  });
}

const searchTexts = new WeakMap<Schemas["DocumentAnswer"], string>();

/** What words are looked for in: the name and the body, in lower case. Made once of each document that was read. */
export function searchTextOf(document: Schemas["DocumentAnswer"]): string {
  const text = searchTexts.get(document) ?? `${document.name} ${JSON.stringify(document.body)}`.toLowerCase();
  searchTexts.set(document, text);
  return text;
}

export function useSchemas(): UseQueryResult<Schemas["SchemaList"]> {
  return useQuery({ queryKey: [FIXED, "schemas"], queryFn: () => body(api.GET("/api/v1/schemas")), staleTime: Infinity });
}
