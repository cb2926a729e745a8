/**
 * A process of its own with a directory, as an HTTP server has: asks a key, a session and a principal
 * that it holds (as an open socket does) again and again, and tells its parent what they answer.
 */
import { setTimeout as delay } from "node:timers/promises";
import { openNotifications } from "../../src/adapters/postgres/notifications.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import type { Principal } from "../../src/core/access/principal.ts";
import { Directory } from "../../src/parts/auth/directory.ts";

export interface DirectoryProcessTask {
  readonly url: string;
  readonly key: string;
  readonly sessionToken: string;
  readonly permission: string;
  /** `off`: the control, a directory that never looks again. */
  readonly refresh: "notified" | "polling" | "off";
}

export interface DirectoryReport {
  /** What a request with the key would get: `allowed`, `forbidden` or an error's code. */
  readonly request: string;
  readonly session: string;
  readonly socket: string;
  /** Milliseconds since 1970: the same clock as the parent's, to a fraction of a millisecond. */
  readonly at: number;
}

async function main(task: DirectoryProcessTask): Promise<void> {
  const { url, key, sessionToken, permission, refresh } = task;
  const database = openPool({ url, applicationName: "directory process", max: 2 });
  const notifications = openNotifications({ url, applicationName: "directory process" });
  const directory = new Directory({
    database,
    env: "test",
    ...(refresh === "notified" ? { notifications } : {}),
  });
  await directory.refresh();
  const held = directory.authenticate(key);
  if (refresh !== "off") void directory.run(new AbortController().signal);

  let last = "";
  const look = async (): Promise<void> => {
    const answers = {
      request: decision(() => directory.authenticate(key), permission),
      session: await directory
        .session(sessionToken)
        .then((session) => decision(() => session?.principal, permission), codeOf),
      socket: decision(() => held, permission),
    };
    const text = JSON.stringify(answers);
    if (text !== last)
      process.send?.({ ...answers, at: performance.timeOrigin + performance.now() });
    last = text;
  };
  for (;;) {
    await look();
    await delay(2);
  }
}

function decision(find: () => Principal | undefined, permission: string): string {
  try {
    const principal = find();
    if (principal === undefined) return "unauthenticated";
    return principal.may(permission) ? "allowed" : "forbidden";
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? "error";
}

if (process.send !== undefined) {
  process.once("message", (task) => void main(task as DirectoryProcessTask));
  process.once("disconnect", () => process.exit(0));
}
