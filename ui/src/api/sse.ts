/** Server-sent events over `fetch`, since an `EventSource` cannot send a token. */

export interface ServerEvent {
  event: string;
  id: string | undefined;
  data: string;
}

/** Takes the text of a stream piece by piece and gives whole events. */
export class EventParser {
  private rest = "";

  feed(text: string): ServerEvent[] {
    this.rest = (this.rest + text).replaceAll("\r\n", "\n");
    const events: ServerEvent[] = [];
    let end = this.rest.indexOf("\n\n");
    while (end >= 0) {
      const event = parse(this.rest.slice(0, end));
      if (event !== undefined) events.push(event);
      this.rest = this.rest.slice(end + 2);
      end = this.rest.indexOf("\n\n");
    }
    return events;
  }
}

function parse(block: string): ServerEvent | undefined {
  let event = "message";
  let id: string | undefined;
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    // A line that begins with a colon is a comment: it keeps the connection alive.
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event = value;
    else if (field === "id") id = value;
    else if (field === "data") data.push(value);
  }
  return data.length === 0 ? undefined : { event, id, data: data.join("\n") };
}
