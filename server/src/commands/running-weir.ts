import type { Problem } from "@weir/protocol";
import { messageOf } from "../core/errors.ts";
import { readRunFile, readSecretFile } from "../process/run-file.ts";
import { type CommandContext, UserError } from "./context.ts";

export interface RunningWeir {
  readonly url: string;
  readonly key: string;
  /** Reads from the API and parses the answer. @throws UserError with the title and detail of a problem */
  get<T>(path: string): Promise<T>;
}

const timeoutMs = 10_000;

/** The Weir of `WEIR_URL` and `WEIR_KEY`, or the one that runs on the data folder. */
export function runningWeir({ config }: CommandContext): RunningWeir {
  const run = readRunFile(config.data_dir);
  const url = process.env["WEIR_URL"] ?? run?.url;
  const keyFile = run?.keys.admin ?? undefined;
  const key =
    process.env["WEIR_KEY"] ?? (keyFile === undefined ? undefined : readSecretFile(keyFile));
  if (url === undefined) {
    throw new UserError(`no Weir is running on ${config.data_dir}`, {
      hint: 'start one with "weir up", name another folder with --data, or set WEIR_URL and WEIR_KEY',
    });
  }
  if (key === undefined) throw new UserError("there is no API key", { hint: "set WEIR_KEY" });
  return { url, key, get: <T>(path: string) => get(`${url}${path}`, key) as Promise<T> };
}

async function get(url: string, key: string): Promise<unknown> {
  const response = await fetch(url, {
    headers: { "x-api-key": key },
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((cause: unknown) => {
    throw new UserError(`${new URL(url).origin} does not answer`, { hint: messageOf(cause) });
  });
  const body: unknown = await response.json();
  // health reports "down" with 503
  if (response.ok || response.status === 503) return body;
  const problem = body as Problem;
  throw new UserError(`${problem.title} (${problem.code})`, {
    hint: problem.detail ?? `status ${problem.status}`,
  });
}
