/** Who this tab is for the server and what that role may do; for admins the tokens and the audit. */

import * as Tabs from "@radix-ui/react-tabs";
import { useState, useSyncExternalStore, type ReactNode } from "react";
import { Link } from "wouter";
import { useWhoami, type Permission } from "../../api/queries";
import { session } from "../../api/session";
import { Badge, Card, Figure, Loaded, PageHead, Time } from "../../parts/basic";
import { SignIn } from "../../shell/SignIn";
import { SignOut } from "../../shell/SignOut";
import { Audit } from "./Audit";
import { Tokens } from "./Tokens";

/** What each permission is for, in the order in which roles get them. */
const PERMISSIONS: readonly (readonly [Permission, string])[] = [
  ["read", "see every page"],
  ["execute", "execute rules, classify queries, select and call tools, call modules"],
  ["edit", "change documents"],
  ["operate", "reload, restore, roll back"],
  ["admin", "manage tokens, read the audit"],
];

export default function Access(): ReactNode {
  const { name } = useSyncExternalStore(session.subscribe, session.snapshot);
  const whoami = useWhoami();
  const isAdmin = whoami.data?.permissions.includes("admin") === true;
  const [tab, setTab] = useState("tokens");
  return (
    <>
      <PageHead title="Access" />
      <div className="stack">
        <div className="card-grid">
          <Card title="You">
            <Loaded of={whoami} what="Your role">
              {(who) => (
                <>
                  <dl className="figures">
                    <Figure name="Name">{who.name}</Figure>
                    <Figure name="Role">{who.role}</Figure>
                    <Figure name="Expires">{who.expires_at == null ? "never" : <Time at={who.expires_at} />}</Figure>
                    <Figure name="Documents">{who.scopes == null ? "all" : who.scopes.join(", ")}</Figure>
                  </dl>
                  <ul className="checks">
                    {PERMISSIONS.map(([permission, text]) => {
                      const may = who.permissions.includes(permission);
                      return (
                        <li key={permission}>
                          <span className={may ? "mark good" : "mark"} aria-hidden="true">
                            {may ? "✓" : "–"}
                          </span>
                          <span className={may ? undefined : "soft"}>
                            <span className="visually-hidden">{may ? "may: " : "may not: "}</span>
                            <strong>{permission}</strong> {text}
                          </span>
                        </li>
                      );
                    })}
                  </ul>
                </>
              )}
            </Loaded>
          </Card>
          <Card title={typeof name === "string" ? "Signed in" : "Sign in"}>
            {name === null && <SignIn />}
            {typeof name === "string" && (
              <>
                <p>
                  This browser has a session in a cookie that scripts and other sites cannot read. The token itself is kept nowhere, except that a JSON Web
                  Token is the cookie.
                </p>
                <div>
                  <SignOut />
                </div>
              </>
            )}
            <p className="small soft">
              An API token or a JSON Web Token of an issuer that this server trusts. <Link href="/ui/docs/guides/access">How access works</Link>
            </p>
          </Card>
        </div>
        {isAdmin ? (
          <Tabs.Root value={tab} onValueChange={setTab} className="stack">
            <Tabs.List className="tabs" aria-label="For admins">
              <Tabs.Trigger value="tokens">Tokens</Tabs.Trigger>
              <Tabs.Trigger value="audit">
                Audit
              </Tabs.Trigger>
            </Tabs.List>
            <Tabs.Content value="tokens">
              <Tokens self={whoami.data?.name} />
            </Tabs.Content>
            <Tabs.Content value="audit">
              <Audit />
            </Tabs.Content>
          </Tabs.Root>
        ) : (
          <p className="soft">
            Tokens and the audit need the role <Badge>admin</Badge>.
          </p>
        )}
      </div>
    </>
  );
}
