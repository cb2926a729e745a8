import type { Database } from "../../core/ports/database.ts";

const leaseMs = 10_000;

/** One process at a time manages the models; another takes over when its lease is not renewed for 10 s. */
export class ModelsLease {
  readonly #database: Database;
  readonly #owner: string;

  constructor(database: Database, owner: string) {
    this.#database = database;
    this.#owner = owner;
  }

  /** Takes or renews the lease; false while another process has it. */
  async take(): Promise<boolean> {
    const rows = await this.#database.query<{ name: string }>({
      name: "models_lease",
      text: `insert into stream.leases as l (name, owner, heartbeat_at) values ('models', $1, clock_timestamp())
             on conflict (name) do update set owner = excluded.owner, heartbeat_at = excluded.heartbeat_at
             where l.owner = excluded.owner or l.heartbeat_at < clock_timestamp() - $2 * interval '1 millisecond'
             returning name`,
      values: [this.#owner, leaseMs],
    });
    return rows.length === 1;
  }

  /** After each transaction of long work. Rejects when another process has taken over. */
  readonly renew = async (): Promise<void> => {
    if (!(await this.take())) throw new Error("another process manages the models now");
  };

  /** Renews the lease by a timer while `work` runs. */
  async whileRenewing<T>(work: () => Promise<T>): Promise<T> {
    const timer = setInterval(() => void this.take().catch(() => {}), leaseMs / 4);
    try {
      return await work();
    } finally {
      clearInterval(timer);
    }
  }
}
