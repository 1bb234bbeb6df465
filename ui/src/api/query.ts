/** The one cache of answers. What depends on the log is asked again when the log moves; what has a number never changes. */

import { QueryClient } from "@tanstack/react-query";
import { Live } from "./live";
import { Problem } from "./problem";
import { session } from "./session";

/** The first part of the key of what never changes: a revision, a diff of two. */
export const FIXED = "fixed";

/** Not more often than this is asked again, however fast the log moves. */
const REFRESH_MS_MIN = 400;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 60_000,
      refetchOnWindowFocus: true,
      retry: (failures, error) => !(error instanceof Problem && error.status >= 400 && error.status < 500) && failures < 2,
    },
  },
});

let refreshedAt = 0;
let waiting = false;

function refresh(): void {
  if (waiting) return;
  waiting = true;
  const wait = Math.max(0, refreshedAt + REFRESH_MS_MIN - Date.now());
  setTimeout(() => {
    waiting = false;
    refreshedAt = Date.now();
    void queryClient.invalidateQueries({ predicate: (query) => query.queryKey[0] !== FIXED });
  }, wait);
}

/** Who this tab is for the server. It is no part of the log. */
export const WHOAMI_KEY = [FIXED, "whoami"];

/** The stream begins as a signed-in caller, or it ended since the session did: the server says which. */
function askWho(): void {
  if (session.snapshot().name !== undefined) void queryClient.invalidateQueries({ queryKey: WHOAMI_KEY });
}

export const live = new Live(refresh, askWho);

function readAgain(isOtherHolder: boolean): void {
  // Another holder may read other things: what was read as the last one is dropped.
  if (isOtherHolder) void queryClient.resetQueries();
  else void queryClient.invalidateQueries();
  live.start();
}

/** The tabs of a browser have one session: each says to the others when it began or ended one. */
const tabs = new BroadcastChannel("midflight-session");
tabs.onmessage = ({ data }: MessageEvent<boolean>) => readAgain(data);

session.onSignedInOrOut((isOtherHolder) => {
  readAgain(isOtherHolder);
  tabs.postMessage(isOtherHolder);
});
