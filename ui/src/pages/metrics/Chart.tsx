/** Lines over time, in the colours of the page, with a table of the last values for those who cannot see them. */

import { useEffect, useRef, useState, type ReactNode } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { Card } from "../../parts/basic";

export interface Line {
  name: string;
  values: readonly (number | null)[];
}

interface ChartProps {
  title: string;
  /** Seconds since 1970. */
  times: readonly number[];
  lines: readonly Line[];
  format: (value: number) => string;
  /** What is said without values; false while they are read. */
  empty: string | false;
}

const HEIGHT_PX = 180;
const COLOURS = ["--accent", "--info", "--warn", "--bad", "--chart-5", "--chart-6", "--chart-7", "--chart-8"];
/** Charts with one key show the values of the same moment. */
const SYNC = "metrics";

export function Chart({ title, times, lines, format, empty }: ChartProps): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const look = useLook();
  const [shown, setShown] = useState<number>();
  const names = lines.map((it) => it.name).join("\n");
  const hasValues = lines.some((line) => line.values.some((value) => value !== null));

  useEffect(() => {
    const element = host.current;
    if (element === null || !hasValues) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => resolved(element, style.getPropertyValue(name));
    const axis = { stroke: colour("--text-soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT_PX,
        legend: { show: false },
        cursor: { y: false, sync: { key: SYNC } },
        hooks: { setCursor: [({ cursor }) => setShown(cursor.idx ?? undefined)] },
        scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
        axes: [{ ...axis, size: 28, values: clock }, { ...axis, size: 64, values: (_, splits) => splits.map((value) => format(value)) }],
        series: [{}, ...names.split("\n").map((label, at) => ({ label, stroke: colour(COLOURS[at % COLOURS.length] ?? "--accent"), width: 1.5, points: { show: false, size: 5, filter: alone } }))],
      },
      [[], ...names.split("\n").map(() => [])],
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [names, format, look, hasValues]);

  useEffect(() => {
    plot.current?.setData([[...times], ...lines.map((line) => [...line.values])]);
  }, [times, lines, look, hasValues]);

  return (
    <Card title={title} aside={<Legend lines={lines} at={shown} time={shown === undefined ? undefined : times[shown]} format={format} />}>
      {hasValues ? <div ref={host} className="chart" role="img" aria-label={`${title} over time; the last values stand above`} /> : <p className="soft chart-empty">{empty}</p>}
    </Card>
  );
}

/** Times of the day, with seconds where marks are less than a minute apart. */
function clock(_: uPlot, marks: number[]): string[] {
  const [first = 0, second = first + 60] = marks;
  const seconds = second - first < 60 ? ({ second: "2-digit" } as const) : {};
  const format = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false, ...seconds });
  return marks.map((at) => format.format(at * 1000));
}

/** Values without neighbours: a line between two points does not show them. */
function alone(plot: uPlot, series: number): number[] {
  const values = plot.data[series] ?? [];
  return [...values.keys()].filter((at) => values[at] != null && values[at - 1] == null && values[at + 1] == null);
}

interface LegendProps {
  lines: readonly Line[];
  /** The place under the pointer, and its time; the last values are shown without. */
  at: number | undefined;
  time: number | undefined;
  format: (value: number) => string;
}

function Legend({ lines, at, time, format }: LegendProps): ReactNode {
  return (
    <ul className="legend">
      {time !== undefined && <li className="legend-time">{new Date(time * 1000).toLocaleTimeString(undefined, { hour12: false })}</li>}
      {lines.map((line, place) => {
        const value = at === undefined ? line.values.findLast((it) => it !== null) : line.values[at];
        return (
          <li key={line.name} data-line={place % COLOURS.length}>
            {line.name} <strong>{value == null ? "–" : format(value)}</strong>
          </li>
        );
      })}
    </ul>
  );
}

/** A colour that a canvas understands: `light-dark()` is resolved by the browser. */
function resolved(element: HTMLElement, colour: string): string {
  element.style.color = colour;
  const value = getComputedStyle(element).color;
  element.style.color = "";
  return value;
}

/** Changes when the colours of the page do. */
function useLook(): number {
  const [look, setLook] = useState(0);
  useEffect(() => {
    const changed = (): void => setLook((before) => before + 1);
    const observer = new MutationObserver(changed);
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", changed);
    return () => {
      observer.disconnect();
      system.removeEventListener("change", changed);
    };
  }, []);
  return look;
}
