/** The text format of metrics, as far as the server writes it, and what two readings of it say together. */

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

/** Per second, between two readings; none when the server began again in between. */
export function rate(before: Reading, after: Reading, name: string, labels?: Readonly<Record<string, string>>): number | null {
  const grown = total(after, name, labels) - total(before, name, labels);
  const seconds = (after.at - before.at) / 1000;
  return grown < 0 || seconds <= 0 ? null : grown / seconds;
}

/**
 * A quantile of what was observed between two readings, in the unit of the histogram, by linear interpolation within the
 * bucket, as Prometheus does it. None when nothing was observed.
 */
export function quantile(before: Reading, after: Reading, name: string, q: number): number | null {
  const buckets = new Map<number, number>();
  const add = (reading: Reading, sign: number): void => {
    for (const it of reading.samples) {
      if (it.name !== `${name}_bucket`) continue;
      const bound = it.labels["le"] === "+Inf" ? Infinity : Number(it.labels["le"]);
      buckets.set(bound, (buckets.get(bound) ?? 0) + sign * it.value);
    }
  };
  add(after, 1);
  add(before, -1);
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const all = sorted.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  const wanted = q * all;
  let lower = 0;
  let below = 0;
  for (const [bound, upTo] of sorted) {
    if (upTo >= wanted) {
      if (bound === Infinity) return lower;
      const within = upTo - below;
      return within === 0 ? bound : lower + ((bound - lower) * (wanted - below)) / within;
    }
    lower = bound;
    below = upTo;
  }
  return lower;
}
