/** The part `erasure` in a test, and requests that wait for their certificate. */
import assert from "node:assert/strict";
import type { CleanUp, TestDatabase } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { createErasure } from "../../src/parts/erasure/erasure.ts";
import type { UserHistory } from "../../src/parts/erasure/ports.ts";
import {
  type AfterRequest,
  type Erasure,
  readErasure,
  requestErasure,
} from "../../src/parts/erasure/requests.ts";

/** For tests without the stream. */
export const noHistory: UserHistory = { restore: async () => {} };

/** It polls: no notifications. */
export function startErasure(
  t: CleanUp,
  { owner }: TestDatabase,
  history: UserHistory = noHistory,
): { stop(): Promise<void> } {
  const aborting = new AbortController();
  let wakeUp = () => {};
  const part = createErasure({
    database: owner,
    notifications: {
      subscribe(_channel, wake) {
        wakeUp = wake;
        return () => {};
      },
    },
    history,
  });
  const running = part.run(aborting.signal);
  const timer = setInterval(() => wakeUp(), 20);
  const stop = async () => {
    clearInterval(timer);
    aborting.abort();
    await running;
  };
  t.after(stop);
  return { stop };
}

export async function requestAs(
  database: TestDatabase,
  userKey: string,
  afterRequest: AfterRequest,
): Promise<Erasure> {
  return requestErasure(database.app, { userKey, requestedBy: "test", afterRequest });
}

export function certificateOf(database: TestDatabase, id: string): Promise<Erasure> {
  return until(
    async () => {
      const erasure = await readErasure(database.app, id);
      assert.equal(erasure.error, null);
      return erasure.state === "done" ? erasure : undefined;
    },
    { what: "the certificate", timeoutMs: 60_000 },
  );
}
