/** One tool: its versions, what changed between two of them and for whom, what lint says. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link } from "wouter";
import { api, body, type Schemas } from "../../api/client";
import { useDocument } from "../../api/queries";
import { ActionButton } from "../../parts/ActionButton";
import { Badge, Card, Failure, Json, Loaded, PageHead, Time, type Tone } from "../../parts/basic";
import { Modal } from "../../parts/Modal";

const IMPACTS: Record<string, Tone> = { breaking: "bad", compatible: "good", wording: "plain" };

export function Tool({ name }: { name: string }): ReactNode {
  const tool = useQuery({ queryKey: ["tool", name], queryFn: () => body(api.GET("/api/v1/tools/{name}", { params: { path: { name } } })) });
  const document = useDocument("tools", name);
  const [asked, setAsked] = useState(false);
  return (
    <Loaded of={tool} what="The tool">
      {(now) => (
        <>
          <PageHead
            title={now.tool_name}
            aside={
              <>
                <ActionButton needs="edit" onClick={() => setAsked(true)}>
                  {now.enabled ? "Disable…" : "Enable…"}
                </ActionButton>
                <Link className="button" href={`/ui/edit/tools/${now.document}`}>
                  Edit
                </Link>
              </>
            }
          >
            {now.description} <Badge tone={now.enabled ? "good" : "warn"}>{now.enabled ? now.status : "disabled"}</Badge>
          </PageHead>
          <div className="card-grid">
            <Versions name={name} />
            <Card title="Document">
              <Loaded of={document} what="The document">
                {(it) => <Json value={it.body} />}
              </Loaded>
            </Card>
          </div>
          {asked && <Switch name={name} isEnabled={now.enabled} onClose={() => setAsked(false)} />}
        </>
      )}
    </Loaded>
  );
}

function Switch({ name, isEnabled, onClose }: { name: string; isEnabled: boolean; onClose: () => void }): ReactNode {
  const change = useMutation({
    mutationFn: () => {
      const options = { params: { path: { name } } };
      return isEnabled ? body(api.PATCH("/api/v1/tools/{name}/disable", options)) : body(api.PATCH("/api/v1/tools/{name}/enable", options));
    },
    onSuccess: onClose,
  });
  return (
    <Modal title={`${isEnabled ? "Disable" : "Enable"} ${name}`} onClose={onClose}>
      <p>
        {isEnabled
          ? "Agents do not see it any more, and it is not selected. Connected agents are notified at once."
          : "Agents see it and it can be selected, as soon as it is live."}
      </p>
      {change.error !== null && <Failure error={change.error} what="It was not changed" />}
      <div className="dialog-actions">
        <button className="button" onClick={onClose}>
          Cancel
        </button>
        <button className={isEnabled ? "button danger" : "button primary"} disabled={change.isPending} onClick={() => change.mutate()}>
          {isEnabled ? "Disable" : "Enable"}
        </button>
      </div>
    </Modal>
  );
}

function Versions({ name }: { name: string }): ReactNode {
  const list = useQuery({ queryKey: ["tool", name, "versions"], queryFn: () => body(api.GET("/api/v1/tools/{name}/versions", { params: { path: { name } } })) });
  const [from, setFrom] = useState<string>();
  return (
    <Card title="Versions">
      <Loaded of={list} what="The versions">
        {({ versions }: Schemas["Versions"]) => (
          <>
            <ul className="list">
              {versions.map((it) => (
                <li key={it.revision} className="row spread pad">
                  <span>
                    <strong>{it.version}</strong> {it.is_latest && <Badge tone="good">latest</Badge>} ·{" "}
                    <Link href={`/ui/history/${it.revision}`}>revision {it.revision}</Link>
                    <span className="soft small block">
                      {it.created_by}, <Time at={it.created_at} />
                      {it.reason !== "" && `: ${it.reason}`}
                    </span>
                  </span>
                  {!it.is_latest && (
                    <button className="button" aria-pressed={from === it.version} onClick={() => setFrom(it.version)}>
                      Compare with the latest
                    </button>
                  )}
                </li>
              ))}
            </ul>
            {from !== undefined && <Difference name={name} from={from} to={versions.find((it) => it.is_latest)?.version ?? from} />}
          </>
        )}
      </Loaded>
    </Card>
  );
}

function Difference({ name, from, to }: { name: string; from: string; to: string }): ReactNode {
  const diff = useQuery({
    queryKey: ["tool", name, "diff", from, to],
    queryFn: () => body(api.GET("/api/v1/tools/{name}/diff", { params: { path: { name }, query: { from, to } } })),
  });
  return (
    <Loaded of={diff} what="The difference">
      {(it) => (
        <>
          <p className="row">
            <Badge tone={it.breaking > 0 ? "bad" : "plain"}>{it.breaking} breaking</Badge>
            <Badge>{it.compatible} compatible</Badge>
            <Badge>{it.wording} wording</Badge>
          </p>
          <ul className="stack tight">
            {it.differences.map((one, at) => (
              <li key={at}>
                <Badge tone={IMPACTS[one.impact] ?? "plain"}>{one.impact}</Badge> <code>{one.path}</code> {one.message}
              </li>
            ))}
          </ul>
        </>
      )}
    </Loaded>
  );
}
