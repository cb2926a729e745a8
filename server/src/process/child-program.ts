/** How the supervisor starts a child: `weir` itself, or another program that Node.js runs. */
import { type ChildProcess, spawn } from "node:child_process";
import { supervisedVariable } from "./supervisor-channel.ts";

export interface ChildSpec {
  readonly name: string;
  /** Arguments of the program, e.g. `["serve", "--parts", "etl"]`; at a restart it gets its previous URL. */
  arguments(previousUrl: string | undefined): readonly string[];
  /** Flags of Node.js itself. */
  readonly nodeFlags?: readonly string[];
  /** It sends to the others, which therefore stop after it. */
  readonly stopsFirst?: boolean;
  /** How long it may take to stop; default: 1 s for one that stops first, 3 s for others. */
  readonly stopGraceMs?: number;
  /** Another program than `weir`. */
  readonly program?: Program;
}

/**
 * A program that knows nothing of Weir. It says when it is ready, sends `{"type":"beat"}` over the channel
 * to its parent every second, and stops when the channel closes.
 */
export interface Program {
  /** What Node.js runs. */
  readonly file: string;
  /** All of its environment: it gets none of Weir's variables, which hold the database's logins. */
  readonly environment: Readonly<Record<string, string>>;
  /** It is ready when it has printed a line `{"ready":"<name>"}` for each of these. */
  readonly announces: readonly string[];
}

export function spawnChild(
  spec: ChildSpec,
  of: {
    readonly main: string;
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly previousUrl: string | undefined;
  },
): ChildProcess {
  const { program, nodeFlags = [] } = spec;
  const parameters = [...nodeFlags, program?.file ?? of.main, ...spec.arguments(of.previousUrl)];
  return spawn(process.execPath, parameters, {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: program?.environment ?? {
      // glibc would keep one heap per thread, up to eight per core
      MALLOC_ARENA_MAX: "2",
      ...process.env,
      ...of.environment,
      [supervisedVariable]: "1",
    },
  });
}

/** What a program needs of this process's environment, besides variables of its own. */
export function plainEnvironment(): Record<string, string> {
  const names =
    /^(PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|MALLOC_\w+)$/;
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] => names.test(entry[0]) && entry[1] !== undefined,
  );
  return Object.fromEntries(kept);
}

const longestLine = 64 * 1024;

/** Calls `ready` once all names were announced on the program's standard output. */
export function onAnnounced(
  { stdout }: ChildProcess,
  names: readonly string[],
  ready: () => void,
): void {
  const missing = new Set(names);
  let rest = "";
  stdout?.on("data", (text: Buffer | string) => {
    if (missing.size === 0) return;
    const lines = (rest + String(text)).split("\n");
    rest = (lines.pop() ?? "").slice(-longestLine);
    for (const line of lines) missing.delete(announcedBy(line) ?? "");
    if (missing.size === 0) ready();
  });
}

function announcedBy(line: string): string | undefined {
  if (!line.startsWith('{"ready"')) return undefined;
  try {
    const { ready } = JSON.parse(line) as { readonly ready?: unknown };
    return typeof ready === "string" ? ready : undefined;
  } catch {
    return undefined;
  }
}
