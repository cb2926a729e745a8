/** Clients that send events through nginx without pause, and what became of each event. */
import { clientOf, type Database, type Front } from "./cluster.ts";

export interface Load {
  /** Requests that were answered 202. */
  readonly answered: () => number;
  /** Why other requests failed: a status with its body, or the error of the connection. */
  readonly failures: readonly string[];
  /** Resolves when all clients have ended. */
  stop(): Promise<void>;
}

interface LoadOptions {
  readonly front: Front;
  readonly key: string;
  /** Of the events of this load. */
  readonly eventType: string;
  readonly clients: number;
  /** Sends an event again until it is answered, as senders do. Without an id it may then be there twice. */
  readonly repeats?: boolean;
}

/**
 * Half of the events have an id and half have none; each has a number of its own. An event that failed is sent
 * again only with `repeats`, and then it has an id.
 */
export function startLoad(options: LoadOptions): Load {
  const { front, key, eventType, clients, repeats = false } = options;
  const state = { stopping: false, answered: 0, next: 0 };
  const failures: string[] = [];
  const headers = { "x-api-key": key, "content-type": "application/json" };

  const run = async () => {
    using client = clientOf(front);
    while (!state.stopping) {
      const number = state.next++;
      const id = repeats || number % 2 === 0 ? { event_id: `${eventType}-${number}` } : {};
      const body = JSON.stringify({ ...id, event_type: eventType, properties: { number } });
      let sent = false;
      while (!sent) {
        const problem = await client
          .ask({ method: "POST", path: "/api/events/", headers, body })
          .then(({ status, body: text }) => (status === 202 ? undefined : `${status} ${text}`))
          .catch((error: NodeJS.ErrnoException) => `${error.code ?? ""} ${error.message}`);
        if (problem === undefined) state.answered += 1;
        else failures.push(problem);
        sent = problem === undefined || !repeats;
      }
    }
  };
  const running = Promise.all(Array.from({ length: clients }, run));
  return {
    answered: () => state.answered,
    failures,
    async stop() {
      state.stopping = true;
      await running;
    },
  };
}

export interface Stored {
  readonly rows: number;
  readonly numbers: number;
}

/** Rows of a load in the raw log, and how many different numbers they have. */
export async function storedOf({ owner }: Pick<Database, "owner">, type: string): Promise<Stored> {
  const [row] = await owner.query<{ rows: string; numbers: string }>({
    text: `select count(*) as rows,
             count(distinct payload::json -> 'properties' ->> 'number') as numbers
           from raw.events where event_type = $1`,
    values: [type],
  });
  return { rows: Number(row?.rows), numbers: Number(row?.numbers) };
}
