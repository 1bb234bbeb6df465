/** What waits for its time. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { api, body, type Schemas } from "../../api/client";
import { ActionButton } from "../../parts/ActionButton";
import { Card, Failure, Time } from "../../parts/basic";
import { plural } from "../../parts/format";
import { Modal } from "../../parts/Modal";

export function Schedules(): ReactNode {
  const list = useQuery({ queryKey: ["schedules"], queryFn: () => body(api.GET("/api/v1/schedules")) });
  const [asked, setAsked] = useState<Schemas["ScheduleAnswer"]>();
  const items = list.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <Card title="Scheduled">
      <ul className="list">
        {items.map((it) => (
          <li key={it.id} className="row spread pad">
            <span>
              <span className="mono">{it.id}</span> · {it.what}, {plural(it.changes.length, "change")}
              {it.next_at != null && (
                <>
                  {" "}
                  · next <Time at={it.next_at} />
                </>
              )}
              <span className="soft block small">
                {it.author}
                {it.reason !== "" && `: ${it.reason}`}
              </span>
            </span>
            <ActionButton needs="edit" onClick={() => setAsked(it)}>
              Cancel…
            </ActionButton>
          </li>
        ))}
      </ul>
      {asked !== undefined && <CancelSchedule schedule={asked} onClose={() => setAsked(undefined)} />}
    </Card>
  );
}

function CancelSchedule({ schedule, onClose }: { schedule: Schemas["ScheduleAnswer"]; onClose: () => void }): ReactNode {
  const cancel = useMutation({
    mutationFn: () => body(api.DELETE("/api/v1/schedules/{id}", { params: { path: { id: schedule.id } } })),
    onSuccess: onClose,
  });
  return (
    <Modal title={`Cancel ${schedule.id}`} onClose={onClose}>
      <p>These changes will not be made:</p>
      <ul>
        {schedule.changes.map((it) => (
          <li key={`${it.kind}/${it.name}`} className="mono">
            {it.op} {it.kind}/{it.name}
          </li>
        ))}
      </ul>
      {cancel.error !== null && <Failure error={cancel.error} what="It was not cancelled" />}
      <div className="dialog-actions">
        <button className="button" onClick={onClose}>
          Keep it
        </button>
        <button className="button danger" disabled={cancel.isPending} onClick={() => cancel.mutate()}>
          Cancel the schedule
        </button>
      </div>
    </Modal>
  );
}
