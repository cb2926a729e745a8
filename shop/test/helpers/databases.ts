import { randomBytes } from "node:crypto";
import pg from "pg";
import type { CleanUp } from "../../../testing/database.ts";
import { joinSharedCluster } from "../../../testing/database-cluster.ts";

/** The databases of the shop; each is owned by a role of the same name with `shop_` before it. */
export type ShopDatabase = "products" | "orders" | "notifications" | "bus";

/**
 * Databases of their own for a test, in the PostgreSQL that all tests share, by the rules of the shop: the
 * role `shop_<name>` owns its database, and no other role may connect to it. Returns their addresses; the
 * services migrate them. Dropped after the test, also when connections are left open.
 */
export async function createShopDatabases<Name extends ShopDatabase>(
  t: CleanUp,
  names: readonly Name[],
): Promise<Readonly<Record<Name, string>>> {
  const cluster = await joinSharedCluster();
  const id = `${process.pid}_${randomBytes(4).toString("hex")}`;
  const urls = {} as Record<Name, string>;
  await onServer(cluster.url, async (client) => {
    for (const name of names) {
      const role = `shop_${name}`;
      const database = `test_${id}_${name}`;
      cluster.announce(database);
      await ensureRole(client, role);
      await client.query(`create database ${database} owner ${role}`);
      await client.query(`revoke all on database ${database} from public`);
      urls[name] = address(cluster.url, role, database);
    }
  });
  t.after(() =>
    onServer(cluster.url, async (client) => {
      for (const name of names) {
        await client.query(`drop database if exists test_${id}_${name} with (force)`);
      }
    }),
  );
  return urls;
}

/** Rows of one statement, by the role of the address. */
export async function queryShop<Row>(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  return onServer(url, async (client) => {
    const { rows } = await client.query(text, [...values]);
    return rows as Row[];
  });
}

function address(url: string, role: string, database: string): string {
  const changed = new URL(url);
  changed.username = role;
  changed.pathname = `/${database}`;
  return changed.href;
}

/** Roles belong to the whole server, which tests share; two processes may create one at the same time. */
async function ensureRole(client: pg.Client, role: string): Promise<void> {
  await client.query("select pg_advisory_lock(hashtext('shop test roles'))");
  try {
    const { rowCount } = await client.query("select from pg_roles where rolname = $1", [role]);
    if (rowCount === 0) await client.query(`create role ${role} login`);
  } finally {
    await client.query("select pg_advisory_unlock(hashtext('shop test roles'))");
  }
}

async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "test helper",
    connectionTimeoutMillis: 10_000,
    query_timeout: 60_000,
  });
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
