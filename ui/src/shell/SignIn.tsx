/** Sign-in by a token, which becomes a session of this browser. */

import { useState, type SubmitEvent, type ReactNode } from "react";
import { asProblem } from "../api/problem";
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
      await session.signIn(token.trim());
      onDone?.();
    } catch (error) {
      const problem = asProblem(error);
      const isUnknown = problem.status === 401 && problem.message === "unknown token";
      setFailed(isUnknown ? "The server does not know this token. Check that it is complete." : problem.message);
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
        <code>midflight serve</code> writes the first one into the file of <code>--admin-token-file</code>; <code>make run</code> prints it. It
        becomes a session of this browser, which ends after twelve hours or with <em>Sign out</em>.
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
