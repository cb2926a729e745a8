/** How shoppers behave, counted in a sample of a real shop: `data/rees46-2019-oct-1000.csv`. */
import { readFile } from "node:fs/promises";

export interface Rates {
  /** Mean number of products that a visit looks at. */
  readonly viewsPerVisit: number;
  /** Share of the visits that put something into the cart. */
  readonly fillsCart: number;
  /** Share of those that then pay. */
  readonly pays: number;
  /** Median seconds between two steps of a visit. */
  readonly pauseSeconds: number;
}

const sample = new URL("../../../data/rees46-2019-oct-1000.csv", import.meta.url);

export async function readRates(): Promise<Rates> {
  return countRates(await readFile(sample, "utf8"));
}

/**
 * Counts a sample in the format of REES46: a row for each view, cart or purchase, with its session. A purchase without a
 * cart in the sample had one before the sample began.
 * @throws Error for a sample without sessions
 */
export function countRates(csv: string): Rates {
  const [head = "", ...lines] = csv.split(/\r?\n/).filter((line) => line !== "");
  const names = head.split(",");
  const column = (name: string) => {
    const place = names.indexOf(name);
    if (place < 0) throw new Error(`the sample has no column ${name}`);
    return place;
  };
  const [time, type, session] = [
    column("event_time"),
    column("event_type"),
    column("user_session"),
  ];
  const sessions = new Map<string, Session>();
  let views = 0;
  for (const line of lines) {
    const cells = line.split(",");
    const known = sessions.get(cells[session] ?? "") ?? { times: [], carts: 0, purchases: 0 };
    sessions.set(cells[session] ?? "", known);
    known.times.push(Date.parse((cells[time] ?? "").replace(" UTC", "Z").replace(" ", "T")));
    if (cells[type] === "view") views++;
    if (cells[type] === "cart") known.carts++;
    if (cells[type] === "purchase") known.purchases++;
  }
  const all = [...sessions.values()];
  const filled = all.filter(({ carts, purchases }) => carts + purchases > 0).length;
  const paid = all.filter(({ purchases }) => purchases > 0).length;
  if (filled === 0) throw new Error("the sample has no session with a cart");
  return {
    viewsPerVisit: views / all.length,
    fillsCart: filled / all.length,
    pays: paid / filled,
    pauseSeconds: median(all.flatMap(({ times }) => gapsOf(times))) / 1_000,
  };
}

interface Session {
  readonly times: number[];
  carts: number;
  purchases: number;
}

function gapsOf(times: readonly number[]): number[] {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted.slice(1).map((at, index) => at - (sorted[index] ?? at));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
