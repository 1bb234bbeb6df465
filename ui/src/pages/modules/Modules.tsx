/** The kind `modules`: what each runs, its last reloads with their pause, its state, and the way back. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link } from "wouter";
import { callJson } from "../../api/client";
import { Problem } from "../../api/problem";
import { queryClient } from "../../api/query";
import { Badge, Card, Empty, Failure, Json, Loaded, PageHead, Time } from "../../parts/basic";
import { bytes, count, duration } from "../../parts/format";
import { Modal } from "../../parts/Modal";
import { toneOf, words } from "../../parts/tone";
import type { Module, ModuleReload } from "./types";

function path(name: string, rest = ""): string {
  return `/api/v1/modules/${name.split("/").map(encodeURIComponent).join("/")}${rest}`;
}

export default function Modules({ name }: { name: string | undefined }): ReactNode {
  if (name !== undefined && name !== "") return <OneModule name={name} />;
  return <AllModules />;
}

function AllModules(): ReactNode {
  const list = useQuery({
    queryKey: ["modules"],
    queryFn: async (): Promise<{ items?: Module[]; modules?: Module[] } | null> => {
      try {
        return await callJson<{ items?: Module[]; modules?: Module[] }>("/api/v1/modules");
      } catch (error) {
        if (error instanceof Problem && error.status === 404) return null;
        throw error;
      }
    },
  });
  return (
    <>
      <PageHead title="Modules">Code that is replaced with its state while it answers.</PageHead>
      <Loaded of={list} what="The modules">
        {(answer) => {
          if (answer === null) return <Empty title="This server runs no modules" />;
          const modules = answer.items ?? answer.modules ?? [];
          if (modules.length === 0) {
            return (
              <Empty title="There is no module yet">
                <p>
                  Build a component, then <code>midflight module load FILE.wasm</code>; its manifest is a document of the kind modules.
                </p>
              </Empty>
            );
          }
          return (
            <div className="card scroll-x" tabIndex={0} role="region" aria-label="Modules">
              <table>
                <thead>
                  <tr>
                    <th>Module</th>
                    <th>State</th>
                    <th>Version</th>
                    <th className="num">Generation</th>
                    <th className="num">Schema</th>
                    <th className="num">Waiting</th>
                  </tr>
                </thead>
                <tbody>
                  {modules.map((it) => (
                    <tr key={it.name}>
                      <td>
                        <Link href={`/ui/modules/${it.name}`}>{it.name}</Link>
                      </td>
                      <td>{it.state !== undefined && <Badge tone={toneOf(it.state)}>{words(it.state)}</Badge>}</td>
                      <td>{it.version ?? "–"}</td>
                      <td className="num">{it.generation ?? "–"}</td>
                      <td className="num">{it.schema ?? "–"}</td>
                      <td className="num">{typeof it.queue === "number" ? count(it.queue) : "–"}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          );
        }}
      </Loaded>
    </>
  );
}

function OneModule({ name }: { name: string }): ReactNode {
  const module = useQuery({ queryKey: ["module", name], queryFn: () => callJson<Module>(path(name)) });
  const reloads = useQuery({ queryKey: ["module", name, "reloads"], queryFn: () => callJson<{ items?: ModuleReload[] }>(path(name, "/reloads?limit=50")) });
  const [asked, setAsked] = useState(false);
  return (
    <>
      <PageHead
        title={name}
        aside={
          <>
            <Link className="button" href={`/ui/edit/modules/${name}`}>
              Edit the manifest
            </Link>
            <button className="button danger" onClick={() => setAsked(true)}>
              Return…
            </button>
          </>
        }
      />
      <div className="stack">
        <Loaded of={module} what="The module">
          {(now) => (
            <Card title="Now" aside={now.state !== undefined && <Badge tone={toneOf(now.state)}>{words(now.state)}</Badge>}>
              <dl className="figures">
                <Figure name="Version" value={now.version} />
                <Figure name="Generation" value={now.generation} />
                <Figure name="Schema of its state" value={now.schema} />
                <Figure name="Waiting" value={typeof now.queue === "number" ? now.queue : undefined} />
              </dl>
              <Json value={now} />
            </Card>
          )}
        </Loaded>
        <Card title="Reloads">
          <Loaded of={reloads} what="The reloads">
            {({ items = [] }) =>
              items.length === 0 ? (
                <Empty title="It was not reloaded yet" />
              ) : (
                <ul className="stack">
                  {items.map((it, at) => (
                    <li key={at} className="reload">
                      <div className="row">
                        <Badge tone={toneOf(it.status ?? "")}>{words(it.status ?? "unknown")}</Badge>
                        <span className="soft small">
                          {it.pause_us !== undefined && <>paused {duration(it.pause_us / 1000)}</>}
                          {it.held !== undefined && <> · {count(it.held)} messages held</>}
                          {it.state_bytes !== undefined && <> · state {bytes(it.state_bytes)}</>}
                          {it.migrated_from != null && <> · migrated from schema {it.migrated_from}</>}
                        </span>
                        <span className="grow" />
                        {it.at !== undefined && <Time at={it.at} />}
                      </div>
                    </li>
                  ))}
                </ul>
              )
            }
          </Loaded>
        </Card>
      </div>
      {asked && <Return name={name} onClose={() => setAsked(false)} />}
    </>
  );
}

function Figure({ name, value }: { name: string; value: string | number | undefined }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value ?? "–"}</dd>
    </div>
  );
}

function Return({ name, onClose }: { name: string; onClose: () => void }): ReactNode {
  const back = useMutation({
    mutationFn: () => callJson<unknown>(path(name, "/rollback"), { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }),
    onSuccess: () => void queryClient.invalidateQueries(),
  });
  return (
    <Modal title={`Return ${name} to the version before`} onClose={onClose}>
      <p>
        The version before takes over with the messages since, exactly as if the reload had not been. This is possible for a short time after a reload
        only, and touches no other module.
      </p>
      {back.error !== null && <Failure error={back.error} what="It was not returned; what runs stayed as it was" />}
      {back.data !== undefined && (
        <div role="status">
          <p className="notice good">Returned.</p>
          <Json value={back.data} />
        </div>
      )}
      <div className="dialog-actions">
        <button className="button" onClick={onClose}>
          {back.data === undefined ? "Cancel" : "Close"}
        </button>
        {back.data === undefined && (
          <button className="button danger" disabled={back.isPending} onClick={() => back.mutate()}>
            Return
          </button>
        )}
      </div>
    </Modal>
  );
}
