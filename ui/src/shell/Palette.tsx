/** The command palette: pages, documents and revisions by a few letters. */

import { useEffect, useId, useMemo, useState, type KeyboardEvent, type ReactNode } from "react";
import { useLocation } from "wouter";
import { useDocuments } from "../api/queries";
import { Modal } from "../parts/Modal";
import { PLACES } from "./places";
import { chooseTheme } from "./theme";

interface Command {
  id: string;
  title: string;
  hint: string;
  run: () => void;
}

/** More results than these are not listed: another letter is faster than a long list. */
const SHOWN_MAX = 40;

export function Palette({ onClose }: { onClose: () => void }): ReactNode {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [, go] = useLocation();
  const list = useId();
  const rules = useDocuments("rules");
  const patterns = useDocuments("patterns");
  const tools = useDocuments("tools");
  const config = useDocuments("config");

  const commands = useMemo(() => {
    const pages = PLACES.map((place): Command => ({ id: place.href, title: place.title, hint: place.hint, run: () => go(place.href) }));
    const themes = (["light", "dark", "system"] as const).map(
      (one): Command => ({ id: `theme-${one}`, title: `Theme: ${one}`, hint: "appearance", run: () => chooseTheme(one) }),
    );
    const documents = [rules, patterns, tools, config]
      .flatMap((read) => read.data ?? [])
      .map((it): Command => ({
        id: `${it.kind}/${it.name}`,
        title: `${it.kind}/${it.name}`,
        hint: "edit",
        run: () => go(`/ui/edit/${it.kind}/${it.name}`),
      }));
    return [...pages, ...themes, ...documents];
  }, [go, rules, patterns, tools, config]);

  const found = useMemo(() => {
    const parts = text.toLowerCase().split(/\s+/).filter(Boolean);
    const number = /^r?(\d+)$/.exec(text.trim())?.[1];
    const revision: Command[] =
      number === undefined ? [] : [{ id: `revision-${number}`, title: `Revision ${number}`, hint: "what it changed", run: () => go(`/ui/history/${number}`) }];
    const matching = commands.filter((one) => {
      const all = `${one.title} ${one.hint}`.toLowerCase();
      return parts.every((part) => all.includes(part));
    });
    return [...revision, ...matching].slice(0, SHOWN_MAX);
  }, [commands, text, go]);

  const chosen = Math.min(at, found.length - 1);
  useEffect(() => {
    document.getElementById(`${list}-${chosen}`)?.scrollIntoView({ block: "nearest" });
  }, [list, chosen]);

  function run(command: Command | undefined): void {
    if (command === undefined) return;
    onClose();
    command.run();
  }

  function onKey(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setAt((chosen + step + found.length) % Math.max(1, found.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(found[chosen]);
    }
  }

  return (
    <Modal title="Go to" onClose={onClose}>
      <input
        className="input"
        data-autofocus
        role="combobox"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={found.length > 0 ? `${list}-${chosen}` : undefined}
        aria-label="Page, document or revision number"
        placeholder="Page, document or revision number"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKey}
      />
      <ul className="palette-list" role="listbox" id={list} aria-label="Results">
        {found.map((command, index) => (
          <li
            key={command.id}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === chosen}
            onMouseEnter={() => setAt(index)}
            onClick={() => run(command)}
          >
            <span>{command.title}</span>
            <span className="soft small">{command.hint}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="soft">Nothing has these words. A number opens that revision.</p>}
      <p className="small soft">
        <kbd>↑</kbd> <kbd>↓</kbd> choose · <kbd>Enter</kbd> open · <kbd>Esc</kbd> close
      </p>
    </Modal>
  );
}
