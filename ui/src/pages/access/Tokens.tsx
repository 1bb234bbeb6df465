/** The API tokens: who holds which, with what role and scopes, until when; made, rotated and revoked here. */

import { useState, type ReactNode } from "react";
import type { Schemas } from "../../api/client";
import { TOKENS_MAX, useTokens } from "../../api/queries";
import { Badge, Card, Empty, Loaded, Time } from "../../parts/basic";
import { CreateToken } from "./CreateToken";
import { RevokeToken } from "./RevokeToken";
import { RotateToken } from "./RotateToken";

type Token = Schemas["TokenAnswer"];
type Asked = { action: "create" } | { action: "rotate" | "revoke"; token: Token };

export function Tokens({ self }: { self: string | undefined }): ReactNode {
  const list = useTokens(true);
  const [asked, setAsked] = useState<Asked>();
  const close = (): void => setAsked(undefined);
  return (
    <Card
      title="Tokens"
      aside={
        <button className="button primary" onClick={() => setAsked({ action: "create" })}>
          Create a token…
        </button>
      }
    >
      <p className="small soft">The name of a token is the author of the revisions that it makes. The server keeps a hash: a token is shown once, when it is made.</p>
      <Loaded of={list} what="The tokens">
        {({ items, next_cursor }) =>
          items.length === 0 ? (
            <Empty title="There is no token yet">
              <p>The admin token of the server is not in this list. Create one for each person and each program.</p>
            </Empty>
          ) : (
            <>
              <Table tokens={items} self={self} onAsk={setAsked} />
              {next_cursor != null && <p className="small soft">The first {TOKENS_MAX} are listed; midflight token list has all.</p>}
            </>
          )
        }
      </Loaded>
      {asked?.action === "create" && <CreateToken onClose={close} />}
      {asked?.action === "rotate" && <RotateToken token={asked.token} onClose={close} />}
      {asked?.action === "revoke" && <RevokeToken token={asked.token} isSelf={asked.token.name === self} onClose={close} />}
    </Card>
  );
}

function Table({ tokens, self, onAsk }: { tokens: readonly Token[]; self: string | undefined; onAsk: (asked: Asked) => void }): ReactNode {
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Tokens">
      <table>
        <thead>
          <tr>
            <th>Name</th>
            <th>Role</th>
            <th>Documents</th>
            <th>Expires</th>
            <th>Last used</th>
            <th>Made</th>
            <th>
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {tokens.map((it) => (
            <tr key={it.name}>
              <td>
                <span className="mono">{it.name}</span> {it.name === self && <Badge tone="info">you</Badge>}
              </td>
              <td>{it.role}</td>
              <td className="small">{it.scopes == null ? <span className="soft">all</span> : it.scopes.map((scope) => <code key={scope} className="block">{scope}</code>)}</td>
              <td>
                {it.expired ? <Badge tone="bad">expired</Badge> : it.expires_at == null ? <span className="soft">never</span> : <Time at={it.expires_at} />}
                {it.previous_valid_until != null && (
                  <span className="soft small block">
                    the earlier one: <Time at={it.previous_valid_until} />
                  </span>
                )}
              </td>
              <td>{it.last_used_at == null ? <span className="soft">never</span> : <Time at={it.last_used_at} />}</td>
              <td>
                <Time at={it.created_at} />
                {it.created_by != null && <span className="soft small block">by {it.created_by}</span>}
              </td>
              <td className="num">
                <button className="button quiet" onClick={() => onAsk({ action: "rotate", token: it })} aria-label={`Rotate ${it.name}`}>
                  Rotate…
                </button>
                <button className="button quiet danger" onClick={() => onAsk({ action: "revoke", token: it })} aria-label={`Revoke ${it.name}`}>
                  Revoke…
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
