/** What an order service works with: a product service, the bus and Weir, all real, in the test's process. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "../../../testing/until.ts";
import type { CloudEvent } from "../../src/bus/cloud-event.ts";
import { orderEventTypes } from "../../src/bus/order-events.ts";
import { openPostgresBus } from "../../src/bus/postgres/postgres-bus.ts";
import { migrate, sqlFolder } from "../../src/foundation/migrate.ts";
import { startProducts } from "../../src/products/start-products.ts";
import { createShopDatabases, queryShop } from "./databases.ts";
import {
  createCall,
  createShopper,
  silentLogger,
  storefrontToken,
  type TestOrders,
} from "./orders.ts";
import type { KillAt } from "./orders-process.ts";
import { productEnvironment, tokens } from "./products.ts";
import { startService } from "./services.ts";
import { startWeirIngest, weirKey } from "./weir-ingest.ts";

const script = fileURLToPath(new URL("./orders-process.ts", import.meta.url));
const realSource = fileURLToPath(new URL("../../src", import.meta.url));

export interface OrderProcess extends Pick<TestOrders, "call" | "makeCart" | "checkout"> {
  /** From now on it kills itself when it gets there. */
  arm(at: KillAt): Promise<void>;
  /** The signal that ended it. */
  endedBy(): string | null;
  kill(): Promise<void>;
}

export interface OrderShop {
  /** Of the real service, or of a build with mistakes. */
  startOrders(source?: string): Promise<OrderProcess>;
  /** Rows of the order service's database. */
  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** All that the bus has delivered. */
  readonly delivered: CloudEvent[];
  /** Waits until no checkout is in progress and no message waits. */
  untilQuiet(): Promise<void>;
  /** What is wrong; empty when all systems agree. Call it when the shop is quiet. */
  contradictions(): Promise<readonly string[]>;
}

const product = "22423";
const stock = 100_000;

export const boughtProduct = product;

export async function openOrderShop(t: TestContext): Promise<OrderShop> {
  const urls = await createShopDatabases(t, ["products", "orders", "bus"]);
  for (const name of ["orders", "bus"] as const) {
    const folder = sqlFolder(name);
    await migrate({ url: urls[name], folder, logger: silentLogger, signal: t.signal });
  }
  const products = await startService(t, startProducts, {
    ...productEnvironment(urls.products),
  });
  await queryShop(
    urls.products,
    `insert into products (id, name, description, category, price, currency, stock)
     values ($1, 'Cake stand', 'Three tiers', 'Kitchen', 12.75, 'GBP', $2)`,
    [product, stock],
  );

  const weir = await startWeirIngest(t);
  const bus = openPostgresBus({ url: urls.bus, applicationName: "test", logger: silentLogger });
  t.after(() => bus.close());
  const delivered: CloudEvent[] = [];
  const consumer = bus.consume({
    queue: "test",
    types: orderEventTypes,
    prefetch: 20,
    deliveryLimit: 5,
    retryDelaysMs: [10],
    async handle(message) {
      delivered.push(message);
    },
  });
  await until(() => consumer.state === "consuming", { what: "the queue" });

  const environment = {
    SHOP_ORDERS_DATABASE_URL: urls.orders,
    SHOP_PRODUCTS_URL: products.url,
    SHOP_TOKEN_ORDERS: tokens.orders,
    SHOP_TOKEN_STOREFRONT: storefrontToken,
    SHOP_BUS_DATABASE_URL: urls.bus,
    SHOP_WEIR_URL: weir.url,
    SHOP_WEIR_KEY_ORDERS: weirKey,
    SHOP_ORDERS_PAYMENT_TIMEOUT_MS: "500",
    SHOP_ORDERS_LEASE_MS: "400",
    SHOP_ORDERS_RECOVERY_INTERVAL_MS: "50",
    SHOP_ORDERS_OUTBOX_INTERVAL_MS: "50",
    // a machine that is busy must not make the service fail
    SHOP_ORDERS_WAIT_MS: "60000",
    SHOP_REQUEST_TIMEOUT_MS: "60000",
    SHOP_BUS_TIMEOUT_MS: "60000",
  };
  const query: OrderShop["query"] = (text, values) => queryShop(urls.orders, text, values);

  return {
    delivered,
    query,
    startOrders: (source = realSource) => startProcess(t, { source, environment }),
    async untilQuiet() {
      const isQuiet = async (): Promise<boolean> => {
        const busy = await query(
          `select 1 from checkouts where step <> 'done'
           union all select 1 from outbox where sent_at is null and failed_at is null`,
        );
        return busy.length === 0;
      };
      await until(isQuiet, { what: "no checkout in progress and no message waiting" });
    },
    async contradictions() {
      const orders = await query<{ id: string; state: string; charge: string | null }>(
        `select o.id, o.state, c.state as charge
         from orders o left join simulated_charges c on c.order_id = o.id`,
      );
      const open = await query("select from checkouts where step <> 'done'");
      const held = await queryShop<{ held: number; stock: number }>(
        urls.products,
        `select (select count(*)::int from holds) as held, stock from products where id = $1`,
        [product],
      );
      const paid = orders.filter(({ state }) => state === "paid");
      const purchased = (await weir.events())
        .filter(({ type }) => type === "purchase")
        .map(({ payload }) => Object(payload["properties"]).order_id as unknown);
      return [
        ...(open.length > 0 ? [`${open.length} checkouts in progress`] : []),
        ...orders.flatMap((order) => contradictionsOf(order, delivered)),
        ...(held[0]?.held === 0 ? [] : [`${held[0]?.held} holds stay`]),
        ...(held[0]?.stock === stock - paid.length
          ? []
          : [`stock ${held[0]?.stock} after ${paid.length} paid orders`]),
        ...(purchased.length === paid.length && new Set(purchased).size === paid.length
          ? []
          : [`${purchased.length} purchases of ${paid.length} paid orders`]),
      ];
    },
  };
}

const expectedMessages: Readonly<Record<string, readonly string[]>> = {
  paid: ["created", "paid"],
  cancelled: ["created", "payment_failed", "cancelled"],
};

function contradictionsOf(
  {
    id,
    state,
    charge,
  }: { readonly id: string; readonly state: string; readonly charge: string | null },
  delivered: readonly CloudEvent[],
): readonly string[] {
  const wanted = expectedMessages[state];
  if (wanted === undefined) return [`order ${id} is ${state}`];
  const types = new Set(delivered.filter(({ subject }) => subject === id).map(({ type }) => type));
  const missing = wanted.filter((kind) => !types.has(`shop.order.${kind}.v1`));
  return [
    ...((state === "paid") === (charge === "charged") ? [] : [`order ${id} ${state}, ${charge}`]),
    ...missing.map((kind) => `order ${id}: no message ${kind}`),
  ];
}

async function startProcess(
  t: TestContext,
  about: { readonly source: string; readonly environment: Readonly<Record<string, string>> },
): Promise<OrderProcess> {
  const child = fork(script, [about.source], {
    env: { ...process.env, ...about.environment },
    execArgv: [],
  });
  const ended = once(child, "exit");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  t.after(kill);
  const { url } = (await nextMessage(child)) as { readonly url: string };
  const call = createCall(url);
  return {
    call,
    ...createShopper(call),
    async arm(at) {
      child.send(at);
      await nextMessage(child);
    },
    endedBy: () => child.signalCode,
    kill,
  };
}

/** Rejects when the process ends first. */
async function nextMessage(child: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const end = once(child, "exit", { signal: over.signal }).then(() => {
    throw new Error("the order service ended");
  });
  try {
    const [message] = await Promise.race([once(child, "message", { signal: over.signal }), end]);
    return message;
  } finally {
    over.abort();
    end.catch(() => {});
  }
}
