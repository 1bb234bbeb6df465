/** The versions of a document: who made the last one, all of them, and the ways back to one. */

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link } from "wouter";
import { api, body, type Schemas } from "../../api/client";
import { write } from "../../code/yaml";
import { ActionButton } from "../../parts/ActionButton";
import { Badge, Loaded, Patch, Time } from "../../parts/basic";
import { RestoreDialog } from "../history/RestoreDialog";

interface Of {
  kind: string;
  name: string;
}

/** So many versions are listed; the history has all. */
const LISTED_MAX = 50;

/** The versions of a document, newest first; an error for one that is not there. */
export function useVersions({ kind, name }: Of): UseQueryResult<Schemas["VersionList"]> {
  return useQuery({
    queryKey: ["versions", kind, name],
    queryFn: () => body(api.GET("/api/v1/documents/{kind}/{name}/versions", { params: { path: { kind, name }, query: { limit: LISTED_MAX } } })),
  });
}

/** Who changed the document last, when and why. */
export function LastChange({ kind, name }: Of): ReactNode {
  const last = useVersions({ kind, name }).data?.items[0];
  if (last === undefined) return null;
  return (
    <>
      Version {last.version} by <strong>{last.author}</strong>, <Time at={last.created_at} />
      {last.reason !== "" && `: “${last.reason}”`}
    </>
  );
}

/** Brings the version before the last one back, as a revision of its own. */
export function UndoLast({ kind, name }: Of): ReactNode {
  const before = useVersions({ kind, name }).data?.items[1];
  const [asked, setAsked] = useState(false);
  if (before === undefined) return null;
  return (
    <>
      <ActionButton needs="operate" onClick={() => setAsked(true)}>
        Undo the last change…
      </ActionButton>
      {asked && (
        <RestoreDialog to={before.revision} only={{ kind, name }} title={`Undo the last change of ${kind}/${name}`} onClose={() => setAsked(false)} />
      )}
    </>
  );
}

export function Versions({ kind, name, onTake }: Of & { onTake: (body: unknown) => void }): ReactNode {
  const list = useVersions({ kind, name });
  const [shown, setShown] = useState<number>();
  const [asked, setAsked] = useState<Schemas["VersionList"]["items"][number]>();
  return (
    <Loaded of={list} what="The versions">
      {({ items }) => (
        <>
          <ul className="list card flush">
            {items.map((it, at) => (
              <li key={it.version} className="version">
                <div className="row spread">
                  <span>
                    Version {it.version} · <Link href={`/ui/history/${it.revision}`}>revision {it.revision}</Link>
                    {it.op === "delete" && <Badge tone="bad">deleted</Badge>}
                    <span className="soft small block">
                      {it.author}, <Time at={it.created_at} />
                      {it.reason !== "" && `: ${it.reason}`}
                    </span>
                  </span>
                  <span className="row">
                    <button className="button quiet" aria-expanded={shown === it.version} onClick={() => setShown(shown === it.version ? undefined : it.version)}>
                      Show
                    </button>
                    {it.op !== "delete" && (
                      <button className="button quiet" onClick={() => onTake(it.body)}>
                        Take into the draft
                      </button>
                    )}
                    {at > 0 && (
                      <ActionButton needs="operate" onClick={() => setAsked(it)}>
                        Restore…
                      </ActionButton>
                    )}
                  </span>
                </div>
                {shown === it.version && <Patch text={write(it.body)} />}
              </li>
            ))}
          </ul>
          {asked !== undefined && (
            <RestoreDialog
              to={asked.revision}
              only={{ kind, name }}
              title={`Restore version ${asked.version} of ${kind}/${name}`}
              onClose={() => setAsked(undefined)}
            />
          )}
        </>
      )}
    </Loaded>
  );
}
