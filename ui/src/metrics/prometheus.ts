/** The text format of metrics, as far as the server writes it. */

export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

export function parse(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)/.exec(line);
    if (found === null) continue;
    const [, name = "", labels = "", value = ""] = found;
    samples.push({ name, labels: labelsOf(labels), value: value === "+Inf" ? Infinity : Number(value) });
  }
  return samples;
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name = "", value = ""] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name] = value.replaceAll('\\"', '"').replaceAll("\\n", "\n").replaceAll("\\\\", "\\");
  }
  return labels;
}

export interface Reading {
  /** Milliseconds since 1970. */
  at: number;
  samples: readonly Sample[];
}

export function total(reading: Reading, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return reading.samples
    .filter((it) => it.name === name && Object.entries(labels).every(([key, value]) => it.labels[key] === value))
    .reduce((sum, it) => sum + it.value, 0);
}
