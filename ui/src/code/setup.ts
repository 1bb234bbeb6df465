/** CodeMirror in the design of the page, and completion from a JSON schema. */

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { membersAt, valuesAt, type Schema } from "./schema";
import { pathAt } from "./yaml";

const look = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "13px", height: "100%" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-1px" },
  ".cm-content": { fontFamily: "var(--mono)", caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--text-soft)", border: "0", fontFamily: "var(--mono)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 7%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 26%, transparent)",
  },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "6px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent-soft)", color: "var(--text)" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad)" },
  // The library's own mark is an image in the style, which the policy of the page does not load.
  ".cm-lint-marker-error": { content: '"●"', color: "var(--bad)", lineHeight: "1.4" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "3px" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--text)" },
  ".cm-changedLine": { backgroundColor: "var(--info-soft) !important" },
  ".cm-changedText": { background: "color-mix(in srgb, var(--info) 30%, transparent) !important" },
});

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.content], color: "var(--text)" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword, tags.atom], color: "var(--info)" },
  { tag: [tags.comment, tags.meta], color: "var(--text-soft)" },
  { tag: [tags.punctuation, tags.separator], color: "var(--text-soft)" },
]);

/** What an editor and a view that is only read have alike. */
export function common(language: "yaml" | "json", label: string): Extension[] {
  return [
    look,
    syntaxHighlighting(colours),
    language === "yaml" ? yaml() : json(),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": label }),
  ];
}

export function readOnly(): Extension[] {
  // It can be reached by the keyboard, so that it can be scrolled and copied from.
  return [EditorState.readOnly.of(true), EditorView.editable.of(false), EditorView.contentAttributes.of({ tabindex: "0" })];
}

/** Tab stays a key that leaves the editor; completion and indentation have their own keys. */
export function editing(schema: () => Schema | undefined): Extension[] {
  return [
    lineNumbers(),
    history(),
    drawSelection(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    highlightSelectionMatches(),
    lintGutter(),
    autocompletion({ override: [(context) => complete(context, schema())] }),
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
  ];
}

function complete(context: CompletionContext, schema: Schema | undefined): CompletionResult | null {
  if (schema === undefined) return null;
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const text = context.state.doc.sliceString(0, context.pos);
  const value = /^\s*(?:- )*([\w.-]+):\s*([\w.-]*)$/.exec(before);
  if (value !== null) {
    const [, key = "", typed = ""] = value;
    const options = valuesAt(schema, [...pathAt(text, context.pos), key]).map((label) => ({ label, type: "constant" }));
    return options.length === 0 ? null : { from: context.pos - typed.length, options };
  }
  const key = /^\s*(?:- )*([\w.-]*)$/.exec(before);
  if (key === null || (key[1] === "" && !context.explicit)) return null;
  const members = membersAt(schema, pathAt(text, context.pos));
  const options = members.map(({ name, description, isRequired }) => ({
    label: name,
    apply: `${name}: `,
    type: "property",
    detail: isRequired ? "required" : "",
    info: description,
  }));
  return options.length === 0 ? null : { from: context.pos - (key[1] ?? "").length, options };
}
