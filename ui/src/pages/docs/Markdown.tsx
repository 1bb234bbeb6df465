/**
 * Markdown as elements of these pages. What it is made of is read by a library; nothing of it is put into the page as
 * HTML, so a text can only ever be text.
 */

import { marked, type Token, type Tokens } from "marked";
import { Fragment, useMemo, type ReactNode } from "react";
import { Link } from "wouter";
import { hrefOf, slugOf } from "./links";

/** `from` is the file that the text is of, below `docs/`, without its ending. */
export function Markdown({ text, from }: { text: string; from: string }): ReactNode {
  const tokens = useMemo(() => marked.lexer(text), [text]);
  return <article className="prose">{blocks(tokens, from)}</article>;
}

function blocks(tokens: readonly Token[], from: string): ReactNode {
  return tokens.map((token, at) => <Fragment key={at}>{block(token, from)}</Fragment>);
}

function block(token: Token, from: string): ReactNode {
  switch (token.type) {
    case "heading": {
      const { depth, text, tokens } = token as Tokens.Heading;
      // The title of the page is above; the guide's own is left out by its page.
      const Heading = depth <= 2 ? "h2" : "h3";
      return <Heading id={slugOf(text)}>{inline(tokens, from)}</Heading>;
    }
    case "code":
      return (
        <pre className="json" tabIndex={0}>
          {(token as Tokens.Code).text}
        </pre>
      );
    case "list": {
      const { ordered, items } = token as Tokens.List;
      const List = ordered ? "ol" : "ul";
      return (
        <List className={ordered ? "steps" : "bullets"}>
          {items.map((item, at) => (
            <li key={at}>{blocks(item.tokens, from)}</li>
          ))}
        </List>
      );
    }
    case "table":
      return <Table token={token as Tokens.Table} from={from} />;
    case "blockquote":
      return <blockquote className="notice">{blocks((token as Tokens.Blockquote).tokens, from)}</blockquote>;
    case "paragraph":
      return <p>{inline((token as Tokens.Paragraph).tokens, from)}</p>;
    case "hr":
      return <hr />;
    case "space":
      return null;
    default:
      return inline([token], from);
  }
}

function Table({ token, from }: { token: Tokens.Table; from: string }): ReactNode {
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label={token.header.map((it) => it.text).join(", ")}>
      <table>
        <thead>
          <tr>
            {token.header.map((cell, at) => (
              <th key={at} scope="col">{inline(cell.tokens, from)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, at) => (
            <tr key={at}>
              {row.map((cell, column) => (
                <td key={column}>{inline(cell.tokens, from)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function inline(tokens: readonly Token[], from: string): ReactNode {
  return tokens.map((token, at) => <Fragment key={at}>{span(token, from)}</Fragment>);
}

function span(token: Token, from: string): ReactNode {
  switch (token.type) {
    case "codespan":
      return <code>{(token as Tokens.Codespan).text}</code>;
    case "strong":
      return <strong>{inline((token as Tokens.Strong).tokens, from)}</strong>;
    case "em":
      return <em>{inline((token as Tokens.Em).tokens, from)}</em>;
    case "br":
      return <br />;
    case "link": {
      const { href, tokens } = token as Tokens.Link;
      const to = hrefOf(href, from);
      if (to === undefined) return inline(tokens, from);
      if (to.startsWith("/")) return <Link href={to}>{inline(tokens, from)}</Link>;
      return <a href={to}>{inline(tokens, from)}</a>;
    }
    default:
      if ("tokens" in token && Array.isArray(token.tokens)) return inline(token.tokens, from);
      return "text" in token ? unescaped(String(token.text)) : token.raw;
  }
}

/** A text may name the characters that HTML reserves by their entities. */
function unescaped(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&amp;", "&");
}
