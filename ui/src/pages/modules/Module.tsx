/** One module: what answers, what it was asked, its last reloads with their phases, a call to try, and the ways back. */

import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link } from "wouter";
import { api, body, type Schemas } from "../../api/client";
import { ActionButton } from "../../parts/ActionButton";
import { Badge, Card, Figure, Json, Loaded, PageHead } from "../../parts/basic";
import { count, duration } from "../../parts/format";
import { toneOf, words } from "../../parts/tone";
import { CallModule } from "./CallModule";
import { ModuleReloads } from "./ModuleReloads";
import { ReloadDialog } from "./ReloadDialog";
import { RollbackDialog } from "./RollbackDialog";

export function Module({ name }: { name: string }): ReactNode {
  const module = useQuery({ queryKey: ["module", name], queryFn: () => body(api.GET("/api/v1/modules/{name}", { params: { path: { name } } })) });
  const [asked, setAsked] = useState<"reload" | "rollback">();
  const close = (): void => setAsked(undefined);
  return (
    <>
      <PageHead
        title={name}
        aside={
          <>
            <Link className="button" href={`/ui/edit/modules/${name}`}>
              Edit the manifest
            </Link>
            <ActionButton needs="operate" onClick={() => setAsked("reload")}>
              Reload…
            </ActionButton>
            <ActionButton needs="operate" className="danger" onClick={() => setAsked("rollback")}>
              Roll back…
            </ActionButton>
          </>
        }
      >
        <Link href="/ui/modules">All modules</Link>
      </PageHead>
      <Loaded of={module} what="The module" lines={10}>
        {(now) => (
          <div className="stack">
            <Running answer={now} />
            <div className="card-grid">
              <CallModule name={name} />
              <Counters of={now.module.counters} />
            </div>
            <ModuleReloads name={name} />
            {now.parked.length > 0 && <Parked messages={now.parked} />}
            <details className="card">
              <summary>Manifest and limits in effect</summary>
              <Json value={now.manifest} />
              <Limits of={now.limits} />
            </details>
            {asked === "reload" && <ReloadDialog name={name} onClose={close} />}
            {asked === "rollback" && <RollbackDialog module={now} onClose={close} />}
          </div>
        )}
      </Loaded>
    </>
  );
}

function Running({ answer: { module, revision, last_reload } }: { answer: Schemas["ModuleAnswer"] }): ReactNode {
  return (
    <Card title="Now" aside={<Badge tone={toneOf(module.state)}>{words(module.state)}</Badge>}>
      {module.why != null && <p className="notice warn">{module.why}</p>}
      <dl className="figures">
        <Figure name="Version">{module.version ?? "–"}</Figure>
        <Figure name="Generation">{module.generation ?? "–"}</Figure>
        <Figure name="Schema of its state">{module.schema ?? "–"}</Figure>
        <Figure name="Messages in the queue">{count(module.queue)}</Figure>
        <Figure name="Revision served">{revision}</Figure>
        {last_reload != null && <Figure name="Last pause">{duration(last_reload.pause_us / 1000)}</Figure>}
      </dl>
      {module.code != null && (
        <p className="small soft">
          code <span className="mono">{module.code}</span>
        </p>
      )}
    </Card>
  );
}

function Counters({ of }: { of: Schemas["ModuleCounters"] }): ReactNode {
  const failed = Object.entries(of.failed_reloads);
  return (
    <Card title="Since this process started">
      <dl className="figures">
        <Figure name="Accepted">{count(of.accepted)}</Figure>
        <Figure name="Answered">{count(of.answered)}</Figure>
        <Figure name="With a failure">{count(of.failures)}</Figure>
        <Figure name="Refused, queue full">{count(of.refused_full)}</Figure>
        <Figure name="Traps">{count(of.traps)}</Figure>
        <Figure name="Restarts">{count(of.restarts)}</Figure>
        <Figure name="Undone by restarts">{count(of.lost_by_restart)}</Figure>
        <Figure name="Reloads">{count(of.reloads)}</Figure>
        <Figure name="Returns">{count(of.returns)}</Figure>
        <Figure name="Pause, p99">{of.pause_us_p99 == null ? "–" : duration(of.pause_us_p99 / 1000)}</Figure>
      </dl>
      {failed.length > 0 && (
        <p className="notice warn">Failed reloads: {failed.map(([phase, times]) => `${count(times)} in ${phase}`).join(", ")}. The version before kept its state.</p>
      )}
    </Card>
  );
}

function Parked({ messages }: { messages: readonly Schemas["ParkedAnswer"][] }): ReactNode {
  return (
    <Card title="Messages that trapped twice">
      <p className="small soft">Each trapped two instances, was answered with a failure, and is not tried again.</p>
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Messages that trapped twice">
        <table>
          <thead>
            <tr>
              <th className="num">Message</th>
              <th>Operation</th>
              <th className="num">Generation</th>
              <th>Trap</th>
              <th>Payload, SHA-256</th>
            </tr>
          </thead>
          <tbody>
            {messages.map((it) => (
              <tr key={it.id}>
                <td className="num">{it.id}</td>
                <td className="mono">{it.operation}</td>
                <td className="num">{it.generation}</td>
                <td>{it.trap}</td>
                <td className="mono small">{it.payload_digest.slice(0, 16)}…</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Limits({ of }: { of: Readonly<Record<string, number>> }): ReactNode {
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Limits">
      <table>
        <caption>Limits</caption>
        <tbody>
          {Object.entries(of).map(([name, value]) => (
            <tr key={name}>
              <th scope="row" className="mono">
                {name}
              </th>
              <td className="num">{count(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
