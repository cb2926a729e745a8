import type { Database } from "../../core/ports/database.ts";
import { Stillness } from "../../core/stillness.ts";

const leaseMs = 10_000;

/**
 * One process at a time manages the models; another takes over when it has seen the lease unchanged for 10 s of its
 * own monotonic clock. `heartbeat_at` only has to change: what it says counts for nothing.
 */
export class ModelsLease {
  readonly #database: Database;
  readonly #owner: string;
  readonly #stillness: Stillness;

  /** @param monotonic milliseconds, as `performance.now()` */
  constructor(
    database: Database,
    owner: string,
    monotonic: () => number = () => performance.now(),
  ) {
    this.#database = database;
    this.#owner = owner;
    this.#stillness = new Stillness(monotonic);
  }

  /** Takes or renews the lease; false while another process has it. */
  async take(): Promise<boolean> {
    if (await this.#write(null)) return true;
    const [held] = await this.#database.query<{ heartbeat: string }>({
      name: "models_lease_heartbeat",
      text: "select owner || ' ' || heartbeat_at::text as heartbeat from stream.leases where name = 'models'",
    });
    if (held === undefined) return false;
    return (
      this.#stillness.of("models", held.heartbeat) >= leaseMs && (await this.#write(held.heartbeat))
    );
  }

  /** @param dead a heartbeat whose owner may be replaced */
  async #write(dead: string | null): Promise<boolean> {
    const rows = await this.#database.query<{ name: string }>({
      name: "models_lease",
      text: `insert into stream.leases as l (name, owner, heartbeat_at) values ('models', $1, clock_timestamp())
             on conflict (name) do update set owner = excluded.owner, heartbeat_at = excluded.heartbeat_at
             where l.owner = excluded.owner or l.owner || ' ' || l.heartbeat_at::text = $2
             returning name`,
      values: [this.#owner, dead],
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
