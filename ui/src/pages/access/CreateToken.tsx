/** A new token: its name, role, scopes and end; shown once. */

import { useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent, type ReactNode } from "react";
import { api, body } from "../../api/client";
import { TOKENS_KEY } from "../../api/queries";
import { queryClient } from "../../api/query";
import { Failure } from "../../parts/basic";
import { Modal } from "../../parts/Modal";
import { ShownOnce } from "./ShownOnce";

const ROLES = ["viewer", "executor", "editor", "operator", "admin"] as const;
const DAY_MS = 86_400_000;
const LIVES: readonly (readonly [title: string, ms: number | undefined])[] = [
  ["a day", DAY_MS],
  ["a week", 7 * DAY_MS],
  ["30 days", 30 * DAY_MS],
  ["90 days", 90 * DAY_MS],
  ["a year", 365 * DAY_MS],
  ["never", undefined],
];
const LIFE_AT_FIRST = 3;

export function CreateToken({ onClose }: { onClose: () => void }): ReactNode {
  const [name, setName] = useState("");
  const [role, setRole] = useState<string>("editor");
  const [scopes, setScopes] = useState("");
  const [life, setLife] = useState(LIFE_AT_FIRST);
  const expires_in_ms = LIVES[life]?.[1];
  const wanted = scopes.split(/[\s,]+/).filter(Boolean);
  // An admin can make any token, so the server refuses scopes for one.
  const isScoped = wanted.length > 0 && role !== "admin";
  const create = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/v1/tokens", {
          body: { name: name.trim(), role, ...(isScoped ? { scopes: wanted } : {}), ...(expires_in_ms === undefined ? {} : { expires_in_ms }) },
        }),
      ),
    onSuccess: () => void queryClient.invalidateQueries({ queryKey: TOKENS_KEY }),
  });
  if (create.data !== undefined) return <ShownOnce title={`Token ${create.data.info.name}`} token={create.data.token} onClose={onClose} />;
  function submit(event: SubmitEvent): void {
    event.preventDefault();
    if (name.trim() !== "") create.mutate();
  }
  return (
    <Modal title="Create a token" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <label className="field">
          <span className="label">Name, the author of what it changes</span>
          <input className="input" data-autofocus required maxLength={128} pattern="[A-Za-z0-9._@+\-]+" value={name} onChange={(event) => setName(event.target.value)} placeholder="ci" />
        </label>
        <label className="field">
          <span className="label">Role</span>
          <select className="input" value={role} onChange={(event) => setRole(event.target.value)}>
            {ROLES.map((it) => (
              <option key={it}>{it}</option>
            ))}
          </select>
        </label>
        <label className="field">
          <span className="label">Documents that it may see and change (all by default)</span>
          <input
            className="input mono"
            value={role === "admin" ? "" : scopes}
            disabled={role === "admin"}
            onChange={(event) => setScopes(event.target.value)}
            placeholder="rules/pricing rules/pricing/*"
          />
        </label>
        <label className="field">
          <span className="label">Expires in</span>
          <select className="input" value={life} onChange={(event) => setLife(Number(event.target.value))}>
            {LIVES.map(([title], at) => (
              <option key={title} value={at}>
                {title}
              </option>
            ))}
          </select>
        </label>
        {create.error !== null && <Failure error={create.error} what="The token was not created" />}
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button className="button primary" disabled={name.trim() === "" || create.isPending}>
            Create
          </button>
        </div>
      </form>
    </Modal>
  );
}
