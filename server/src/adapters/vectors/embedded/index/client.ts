/** The main thread's end of the index worker: starts it at the first request, and again when it died. */
import { Worker } from "node:worker_threads";
import { VectorStoreError } from "../../../../core/ports/vector-store.ts";
import type { Reply, Request, RequestName, Requests } from "./messages.ts";

export interface IndexClient {
  /** Rejects with `VectorStoreError` `unavailable` when the worker dies, with its error when it answers one. */
  request<Name extends RequestName>(
    name: Name,
    body: Requests[Name][0],
    transfer?: readonly ArrayBuffer[],
  ): Promise<Requests[Name][1]>;
  /** Tells of a worker that ended by itself: everything in it is lost. */
  onLost(listener: (error: Error) => void): void;
  /** As a crash would end it. For tests. */
  terminate(): Promise<void>;
  close(): Promise<void>;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export function createIndexClient(): IndexClient {
  let worker: Worker | undefined;
  let closed = false;
  let lastId = 0;
  const waiting = new Map<number, Waiting>();
  const listeners: ((error: Error) => void)[] = [];

  function start(): Worker {
    // what the process was started with (loaders, test hooks) is not for the thread
    const started = new Worker(new URL("./worker.ts", import.meta.url), {
      execArgv: ["--disable-warning=ExperimentalWarning"],
      name: "vector index",
    });
    started.unref();
    started.on("message", (reply: Reply) => {
      const asked = waiting.get(reply.id);
      waiting.delete(reply.id);
      if (waiting.size === 0) started.unref();
      if ("error" in reply) asked?.reject(new Error(reply.error));
      else asked?.resolve(reply.result);
    });
    started.on("error", (error: Error) => lose(started, error));
    started.on("exit", (code) => lose(started, new Error(`exit code ${code}`)));
    return started;
  }

  function lose(lost: Worker, cause: Error): void {
    if (worker !== lost) return;
    worker = undefined;
    const error = new VectorStoreError("The vector index stopped; it is built again.", {
      code: "unavailable",
      cause,
    });
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
    if (!closed) for (const listener of listeners) listener(cause);
  }

  return {
    request(name, body, transfer = []) {
      if (closed) {
        return Promise.reject(
          new VectorStoreError("The vector store is closed.", { code: "unavailable" }),
        );
      }
      worker ??= start();
      const asked = worker;
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
        asked.ref();
        asked.postMessage({ id, name, body } satisfies Request, [...transfer]);
      });
    },
    onLost(listener) {
      listeners.push(listener);
    },
    async terminate() {
      // else the process may end while it waits
      worker?.ref();
      await worker?.terminate();
    },
    async close() {
      closed = true;
      await this.terminate();
    },
  };
}
