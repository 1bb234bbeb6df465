/** Sign-in by a token. It is tried before it is kept. */

import { useState, type SubmitEvent, type ReactNode } from "react";
import { asProblem, Problem } from "../api/problem";
import { session } from "../api/session";

export function SignIn({ why, onDone }: { why?: string | undefined; onDone?: () => void }): ReactNode {
  const [token, setToken] = useState("");
  const [failed, setFailed] = useState<string>();
  const [busy, setBusy] = useState(false);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setFailed(undefined);
    try {
      const headers = { Authorization: `Bearer ${token.trim()}` };
      const response = await fetch("/api/v1/status", { headers });
      if (response.status === 401) throw new Problem(401, { detail: "The server does not know this token. Check that it is complete." });
      if (!response.ok && response.status !== 403) throw new Problem(response.status, (await response.json()) as object);
      session.signIn(token.trim());
      onDone?.();
    } catch (error) {
      setFailed(asProblem(error).message);
    } finally {
      setBusy(false);
    }
  }

  return (
    <form className="stack" onSubmit={(event) => void submit(event)}>
      {why !== undefined && <p className="soft">{why}</p>}
      <label className="field">
        <span className="label">Token</span>
        <input
          className="input mono"
          type="password"
          autoComplete="current-password"
          required
          placeholder="mf_… or a JWT"
          value={token}
          onChange={(event) => setToken(event.target.value)}
          aria-describedby="token-help"
          data-autofocus
        />
      </label>
      <p id="token-help" className="small soft">
        <code>midflight serve</code> writes the first one into the file of <code>--admin-token-file</code>; <code>make run</code> prints it. This
        tab keeps it until it is closed.
      </p>
      {failed !== undefined && (
        <p className="notice bad" role="alert">
          {failed}
        </p>
      )}
      <button className="button primary" disabled={busy || token.trim() === ""}>
        {busy ? "Checking…" : "Sign in"}
      </button>
    </form>
  );
}
