import { stripVTControlCharacters } from "node:util";
import type { KeyFile } from "../process/installation.ts";

export interface FirstScreen {
  readonly version: string;
  readonly postgres: string;
  readonly dataDir: string;
  readonly url: string;
  readonly signInUrl: string | undefined;
  readonly adminKey: KeyFile;
  readonly demoKey: string | undefined;
  /** Its address, why there is none, or both while it starts; undefined when it is not wanted. */
  readonly shop?: { readonly url?: string; readonly problem?: string } | undefined;
  readonly startedInMs: number;
}

const paint = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`;
const bold = paint(1);
const dim = paint(2);
const cyan = paint(36);

/** What `weir up` prints when it is ready. */
export function firstScreen(screen: FirstScreen, colours: boolean): string {
  // The admin key does not appear in commands, because people copy and share them.
  const key =
    screen.demoKey ??
    (screen.adminKey.key === undefined ? "<key>" : `$(cat ${screen.adminKey.file})`);
  const rows: [string, string][] = [
    ["Dashboard", cyan(screen.url)],
    [
      "Sign in",
      screen.signInUrl === undefined
        ? dim("with an API key; create one with: weir keys create admin")
        : `${cyan(screen.signInUrl)} ${dim("(works once, within 15 minutes)")}`,
    ],
    ...(screen.shop === undefined ? [] : [shopRow(screen.shop)]),
    ["API", `${cyan(`${screen.url}/docs`)}  ${dim("/openapi.json  /health")}`],
    ["Data", screen.dataDir],
  ];
  if (screen.adminKey.isNew && screen.adminKey.key !== undefined) {
    rows.push(["Admin key", screen.adminKey.key]);
    rows.push(["", dim(`shown only now; stored in ${screen.adminKey.file}, readable by you only`)]);
  } else if (screen.adminKey.key !== undefined) {
    rows.push(["Admin key", dim(`stored in ${screen.adminKey.file}`)]);
  }
  if (screen.demoKey !== undefined) rows.push(["Demo key", screen.demoKey]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = [
    "",
    `  ${bold(`Weir ${screen.version}`)} ${dim(`· PostgreSQL ${screen.postgres} · Node.js ${process.versions.node} · ready in ${(screen.startedInMs / 1000).toFixed(1)} s`)}`,
    "",
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    "",
    `  ${dim("Try it:")}`,
    `  curl ${screen.url}/api/events/ -H "X-API-Key: ${key}" -H 'Content-Type: application/json' \\`,
    `    -d '{"event_type":"product.view","user_id":"you","product":{"id":"mug-1","name":"Mug","price":9.5,"currency":"EUR"}}'`,
    `  curl ${screen.url}/api/search -H "X-API-Key: ${key}" -H 'Content-Type: application/json' -d '{"text":"a mug for tea"}'`,
    "",
    `  ${dim("Press Ctrl-C to stop.")}`,
    "",
  ];
  const text = lines.join("\n");
  return colours ? text : stripVTControlCharacters(text);
}

function shopRow({ url, problem }: NonNullable<FirstScreen["shop"]>): [string, string] {
  const parts = [url === undefined ? [] : cyan(url), problem === undefined ? [] : dim(problem)];
  return ["Shop", parts.flat().join(" ")];
}

/** The status line below the first screen. */
export function liveLine(
  counters: Readonly<Record<string, number>>,
  eventsPerSecond: number,
  problems: readonly string[],
): string {
  const number = new Intl.NumberFormat("en");
  const count = (name: string) => number.format(counters[name] ?? 0);
  const lagOf = (name: string, what: string) => {
    const ms = counters[name];
    return ms === undefined ? undefined : `${what} ${(ms / 1000).toFixed(1)} s behind`;
  };
  const samples = counters["samples_to_send"] ?? 0;
  const parts = [
    `${number.format(eventsPerSecond < 10 ? Math.round(eventsPerSecond * 10) / 10 : Math.round(eventsPerSecond))} events/s`,
    `${count("accepted")} accepted`,
    `${count("duplicate")} duplicate`,
    `${count("rejected")} rejected`,
    lagOf("etl_lag_ms", "windows"),
    lagOf("stream_lag_ms", "products"),
    `${count("live_sockets")} live feeds`,
    samples === 0 ? undefined : `${number.format(samples)} events of the demo's history to send`,
    ...problems,
  ];
  return parts.filter((part) => part !== undefined).join(" · ");
}
