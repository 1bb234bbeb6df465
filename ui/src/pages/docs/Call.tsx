/** One call: its parameters, its body, its answers, and a form that sends it. */

import { useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent, type ReactNode } from "react";
import { Badge, Failure } from "../../parts/basic";
import { example, nameOf, resolve, type Named, type OpenApi } from "./openapi";
import { Prose } from "./Prose";

/** Calls that become a stream or another protocol cannot be tried here. */
const STREAMS = ["/api/v1/watch", "/ws/hot-reload", "/mcp"];

export function Call({ document, path, method, operation }: Named & { document: OpenApi }): ReactNode {
  const content = Object.entries(operation.requestBody?.content ?? {})[0];
  const schema = resolve(document, content?.[1].schema);
  return (
    <div>
      {(operation.description ?? "").split(/\n\n+/).filter(Boolean).map((part) => (
        <p key={part}>
          <Prose text={part} />
        </p>
      ))}
      {operation.security !== undefined && (
        <p>
          <Badge tone="warn">needs a token</Badge>
        </p>
      )}
      {schema.properties !== undefined && (
        <table>
          <caption>Body: {nameOf(content?.[1].schema)}</caption>
          <tbody>
            {Object.entries(schema.properties).map(([name, it]) => (
              <tr key={name}>
                <td className="mono">
                  {name}
                  {schema.required?.includes(name) === true && " *"}
                </td>
                <td className="soft mono">{nameOf(it)}</td>
                <td>
                  <Prose text={it.description ?? ""} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <table>
        <caption>Answers</caption>
        <tbody>
          {Object.entries(operation.responses ?? {}).map(([status, it]) => (
            <tr key={status}>
              <td className="mono">{status}</td>
              <td className="mono">
                {Object.values(it.content ?? {})
                  .map((one) => nameOf(one.schema))
                  .join(", ")}
              </td>
              <td>{it.description}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {!STREAMS.includes(path) && <Try document={document} path={path} method={method} operation={operation} />}
    </div>
  );
}

interface Sent {
  status: number;
  text: string;
}

function Try({ document, path, method, operation }: Omit<Named, "tag"> & { document: OpenApi }): ReactNode {
  const content = Object.entries(operation.requestBody?.content ?? {})[0];
  const isJson = content?.[0].includes("json") === true;
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [body, setBody] = useState(() => (content === undefined || !isJson ? "" : JSON.stringify(example(document, content[1].schema), null, 2)));
  const send = useMutation({
    mutationFn: async (): Promise<Sent> => {
      const headers = new Headers();
      const query = new URLSearchParams();
      let address = path;
      for (const { name, in: place } of operation.parameters ?? []) {
        const value = values[`${place} ${name}`] ?? "";
        if (place === "path") address = address.replace(`{${name}}`, value.split("/").map(encodeURIComponent).join("/"));
        else if (value !== "" && place === "query") query.set(name, value);
        else if (value !== "") headers.set(name, value);
      }
      if (content !== undefined) headers.set("Content-Type", content[0]);
      const response = await fetch(query.size === 0 ? address : `${address}?${query.toString()}`, {
        method: method.toUpperCase(),
        headers,
        ...(content === undefined ? {} : { body }),
      });
      const text = await response.text();
      try {
        return { status: response.status, text: JSON.stringify(JSON.parse(text), null, 2) };
      } catch {
        return { status: response.status, text };
      }
    },
  });
  function submit(event: SubmitEvent): void {
    event.preventDefault();
    send.mutate();
  }
  return (
    <form className="stack tight" onSubmit={submit}>
      <h3>Try it</h3>
      <div className="filters">
        {(operation.parameters ?? []).map((it) => {
          const key = `${it.in} ${it.name}`;
          return (
            <label key={key} className="field">
              <span className="label">
                {it.name}
                {it.required === true && " *"}
              </span>
              <input
                className="input"
                required={it.required === true}
                title={it.description}
                value={values[key] ?? ""}
                onChange={(event) => setValues({ ...values, [key]: event.target.value })}
              />
            </label>
          );
        })}
      </div>
      {content !== undefined && (
        <label className="field">
          <span className="label">Body, {content[0]}</span>
          <textarea className="input" rows={8} spellCheck={false} value={body} onChange={(event) => setBody(event.target.value)} />
        </label>
      )}
      <div>
        <button className="button primary" disabled={send.isPending}>
          Send
        </button>
      </div>
      {send.error !== null && <Failure error={send.error} what="It could not be sent" />}
      {send.data !== undefined && (
        <pre className="json" tabIndex={0} role="status">
          {send.data.status}
          {"\n"}
          {send.data.text.slice(0, 200_000)}
        </pre>
      )}
    </form>
  );
}
