import type { Problem } from "@weir/protocol";
import { readRunFile, readSecretFile } from "../process/run-file.ts";
import { type CommandContext, UserError } from "./context.ts";

export interface RunningWeir {
  readonly url: string;
  readonly key: string;
  /** Asks the API and parses the answer. @throws UserError with the problem's own words */
  ask<T>(path: string): Promise<T>;
}

const timeoutMs = 10_000;

/** The Weir of `WEIR_URL` and `WEIR_KEY`, else the one that runs on the data folder. */
export function runningWeir({ config }: CommandContext): RunningWeir {
  const run = readRunFile(config.data_dir);
  const url = process.env["WEIR_URL"] ?? run?.url;
  const keyFile = run?.keys.admin ?? undefined;
  const key =
    process.env["WEIR_KEY"] ?? (keyFile === undefined ? undefined : readSecretFile(keyFile));
  if (url === undefined) {
    throw new UserError(`no Weir runs on ${config.data_dir}`, {
      hint: 'start one with "weir up", name another folder with --data, or set WEIR_URL and WEIR_KEY',
    });
  }
  if (key === undefined) {
    throw new UserError("there is no key to ask with", { hint: "set WEIR_KEY" });
  }
  return {
    url,
    key,
    async ask<T>(path: string) {
      const response = await fetch(`${url}${path}`, {
        headers: { "x-api-key": key },
        signal: AbortSignal.timeout(timeoutMs),
      }).catch((cause: unknown) => {
        throw new UserError(`${url} does not answer`, {
          hint: cause instanceof Error ? cause.message : String(cause),
        });
      });
      const body: unknown = await response.json();
      if (response.ok || response.status === 503) return body as T;
      const problem = body as Problem;
      throw new UserError(`${problem.title} (${problem.code})`, {
        hint: problem.detail ?? `status ${problem.status}`,
      });
    },
  };
}
