/** Collections and aliases in PostgreSQL, cached by name for one second. */
import type { Database, Notifications } from "../../../core/ports/database.ts";
import { VectorStoreError } from "../../../core/ports/vector-store.ts";

export interface CollectionRow {
  readonly id: number;
  readonly name: string;
  readonly dimension: number;
  readonly payloadIndexes: Readonly<Record<string, string>>;
  /** Identifies the collection, its database and the server's incarnation: a cache file of any other is not usable. */
  readonly identity: string;
  /** The server's; see log.incarnation. */
  readonly incarnation: string;
}

/** Notifies the other processes that a collection or an alias changed. */
const channel = "weir_collections";
const cacheMs = 1_000;

const columns = `
  c.id, c.name, c.dimension, c.payload_indexes as "payloadIndexes", i.incarnation,
  concat_ws(' ', c.id, c.name, c.dimension, extract(epoch from c.created_at), i.incarnation) as identity`;

export class Catalogue {
  readonly #database: Database;
  readonly #known = new Map<string, { readonly row: CollectionRow; readonly until: number }>();
  readonly #unsubscribe: () => void;

  constructor(database: Database, notifications: Notifications) {
    this.#database = database;
    this.#unsubscribe = notifications.subscribe(channel, () => this.#known.clear());
  }

  /** By name or alias. */
  async find(name: string): Promise<CollectionRow | undefined> {
    const known = this.#known.get(name);
    if (known !== undefined && known.until > performance.now()) return known.row;
    const [row] = await this.#database.query<CollectionRow>({
      name: "vectors_find_collection",
      text: `select ${columns} from vectors.collections c cross join log.incarnation() i (incarnation)
             where c.name = $1
               or c.id = (select collection_id from vectors.aliases where alias = $1)
             order by c.name = $1 desc limit 1`,
      values: [name],
    });
    if (row === undefined) this.#known.delete(name);
    else this.#known.set(name, { row, until: performance.now() + cacheMs });
    return row;
  }

  /** Rejects with `not_found`. */
  async get(name: string): Promise<CollectionRow> {
    const row = await this.find(name);
    if (row !== undefined) return row;
    throw new VectorStoreError(`There is no collection "${name}".`, { code: "not_found" });
  }

  async create(name: string, dimension: number, indexes: object): Promise<void> {
    await this.#database.query({
      text: `insert into vectors.collections (name, dimension, payload_indexes)
             select $1, $2, $3 where not exists (select from vectors.aliases where alias = $1)
             on conflict (name) do nothing`,
      values: [name, dimension, JSON.stringify(indexes)],
    });
    this.#known.delete(name);
    const row = await this.find(name);
    if (row?.name !== name) {
      throw new VectorStoreError(`"${name}" is the name of an alias.`, { code: "invalid" });
    }
    if (row.dimension === dimension) return;
    throw new VectorStoreError(
      `The collection "${name}" has ${row.dimension} dimensions, not ${dimension}: ` +
        "use a separate collection for vectors of another model, or delete this one first.",
      { code: "dimension_mismatch" },
    );
  }

  async drop(name: string): Promise<void> {
    await this.#database.query(
      { text: "select vectors.drop_collection($1)", values: [name] },
      { timeoutMs: 60_000 },
    );
    await this.#notifyOthers();
  }

  async switchAliases(targets: Readonly<Record<string, string>>): Promise<void> {
    const taken = await this.#database.query<{ name: string }>({
      text: "select name from vectors.collections where name = any ($1)",
      values: [Object.keys(targets)],
    });
    if (taken[0] !== undefined) {
      throw new VectorStoreError(`"${taken[0].name}" is the name of a collection.`, {
        code: "invalid",
      });
    }
    await this.#database.query({
      text: "select vectors.switch_aliases($1::jsonb)",
      values: [JSON.stringify(targets)],
    });
    await this.#notifyOthers();
  }

  async aliases(): Promise<Record<string, string>> {
    const rows = await this.#database.query<{ alias: string; name: string }>({
      text: `select a.alias, c.name from vectors.aliases a
             join vectors.collections c on c.id = a.collection_id order by a.alias`,
    });
    return Object.fromEntries(rows.map(({ alias, name }) => [alias, name]));
  }

  close(): void {
    this.#unsubscribe();
  }

  async #notifyOthers(): Promise<void> {
    this.#known.clear();
    // without the notification the cached names expire within a second
    await this.#database.query({ text: `notify ${channel}` }).catch(() => {});
    this.#known.clear();
  }
}
