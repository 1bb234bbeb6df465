/** A call of a module from the page: an operation, a payload, and what came back from which version. */

import { useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent, type ReactNode } from "react";
import { api, body } from "../../api/client";
import { queryClient } from "../../api/query";
import { ActionButton } from "../../parts/ActionButton";
import { Card, Failure } from "../../parts/basic";

export function CallModule({ name }: { name: string }): ReactNode {
  const [operation, setOperation] = useState("");
  const [payload, setPayload] = useState("");
  const parsed = parse(payload);
  const call = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/v1/modules/{name}/call", {
          params: { path: { name } },
          body: { operation: operation.trim(), ...(payload.trim() === "" ? {} : { payload: parsed.value }) },
        }),
      ),
    onSettled: () => void queryClient.invalidateQueries({ queryKey: ["module", name] }),
  });
  function submit(event: SubmitEvent): void {
    event.preventDefault();
    if (operation.trim() !== "" && parsed.error === undefined) call.mutate();
  }
  return (
    <Card title="Call it">
      <form className="stack tight" onSubmit={submit}>
        <label className="field">
          <span className="label">Operation</span>
          <input className="input mono" value={operation} onChange={(event) => setOperation(event.target.value)} placeholder="add" />
        </label>
        <label className="field">
          <span className="label">Payload, JSON (optional)</span>
          <textarea className="input" rows={2} spellCheck={false} value={payload} onChange={(event) => setPayload(event.target.value)} />
        </label>
        {parsed.error !== undefined && <p className="notice bad">The payload is no JSON: {parsed.error}</p>}
        <div className="row">
          <ActionButton needs="execute" type="submit" className="primary" disabled={operation.trim() === "" || parsed.error !== undefined || call.isPending}>
            Call
          </ActionButton>
          <span className="small soft">A call may change the state of the module.</span>
        </div>
      </form>
      {call.error !== null && <Failure error={call.error} what="It was not answered" />}
      {call.data !== undefined && (
        <div className="stack tight" role="status">
          <p className="small soft">
            version {call.data.module_version}, generation {call.data.generation}
          </p>
          <pre className="json" tabIndex={0}>
            {call.data.result_base64 ?? JSON.stringify(call.data.result, null, 2)}
          </pre>
        </div>
      )}
    </Card>
  );
}

function parse(text: string): { value?: unknown; error?: string } {
  if (text.trim() === "") return {};
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
