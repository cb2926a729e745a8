/**
 * An order service in a process of its own that kills itself at a step: `node orders-process.ts <shop/src>`
 * with the service's environment. The message `{ when, step, nth }` from its parent arms it.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Database, Queryable } from "../../src/foundation/database.ts";

/** Of another build, if it has mistakes. */
const source = process.argv[2] ?? "";
const load = <Module>(path: string): Promise<Module> =>
  import(pathToFileURL(join(source, path)).href);

export interface KillAt {
  readonly when: "before" | "after";
  readonly step: string;
  /** Which time, from 1. */
  readonly nth: number;
}

let target: KillAt | undefined;
let reached = 0;
process.on("message", (message: KillAt) => {
  target = message;
  reached = 0;
  process.send?.("armed");
});

function reach(when: KillAt["when"], step: string | undefined): void {
  if (target?.when !== when || target.step !== step) return;
  reached++;
  if (reached === target.nth) process.kill(process.pid, "SIGKILL");
}

/** The statements of a checkout by name; a step that is stored has its own. */
const statements: readonly (readonly [RegExp, (values: readonly unknown[]) => string])[] = [
  [/^insert into checkouts/, () => "accept"],
  [/^insert into orders/, () => "insert order"],
  [/^insert into order_items/, () => "insert items"],
  [/^insert into order_history/, () => "insert history"],
  [/^insert into outbox/, () => "insert messages"],
  [/^update checkouts set step = \$4/, (values) => `store ${values[3]}`],
  [/^update orders set state/, () => "move order"],
  [/^delete from cart_items/, () => "take from cart"],
  [/^update outbox set sent_at/, () => "mark sent"],
  [/^update checkouts set step = 'done'/, () => "end releasing"],
];

function nameOf(text: string, values: readonly unknown[] = []): string | undefined {
  const found = statements.find(([form]) => form.test(text.trim()));
  return found?.[1](values);
}

function watched(connection: Queryable, names: string[]): Queryable {
  return {
    async query<Row>(text: string, values?: readonly unknown[]) {
      const name = nameOf(text, values);
      if (name !== undefined) names.push(name);
      reach("before", name);
      const rows = await connection.query<Row>(text, values);
      reach("after", name);
      return rows;
    },
  };
}

function watchedDatabase(database: Database): Database {
  return {
    ...database,
    ...watched(database, []),
    async transaction(work) {
      const names: string[] = [];
      const result = await database.transaction((connection) => work(watched(connection, names)));
      reach("after", `commit ${names[0]}`);
      return result;
    },
  };
}

/** A port whose calls are steps by the name of the function. */
function watchedPort<Port extends object>(port: Port, prefix = ""): Port {
  return new Proxy(port, {
    get(from, name) {
      const member: unknown = Reflect.get(from, name);
      if (typeof member !== "function") return member;
      return async (...values: unknown[]) => {
        reach("before", `${prefix}${String(name)}`);
        const result = await member.apply(from, values);
        reach("after", `${prefix}${String(name)}`);
        return result;
      };
    },
  });
}

const { createLogger } =
  await load<typeof import("../../src/foundation/logger.ts")>("foundation/logger.ts");
const { openDatabase } =
  await load<typeof import("../../src/foundation/database.ts")>("foundation/database.ts");
const { createServiceClient } = await load<typeof import("../../src/foundation/service-client.ts")>(
  "foundation/service-client.ts",
);
const { openWeirDelivery } = await load<typeof import("../../src/foundation/weir-delivery.ts")>(
  "foundation/weir-delivery.ts",
);
const { openBus } = await load<typeof import("../../src/bus/open-bus.ts")>("bus/open-bus.ts");
const { createOrders } =
  await load<typeof import("../../src/orders/create-orders.ts")>("orders/create-orders.ts");
const { createSimulatedPayments } =
  await load<typeof import("../../src/orders/payments.ts")>("orders/payments.ts");
const { createProducts } =
  await load<typeof import("../../src/orders/products.ts")>("orders/products.ts");
const { readOrderSettings } =
  await load<typeof import("../../src/orders/settings.ts")>("orders/settings.ts");

const environment = process.env;
const settings = readOrderSettings(environment);
const logger = createLogger("orders", environment["WEIR_TEST_LOG"] ?? "silent");
/** A machine that is busy must not make the service fail. */
const patienceMs = 60_000;
const database = openDatabase({
  url: settings.databaseUrl,
  applicationName: "test orders",
  logger,
  connectTimeoutMs: patienceMs,
  statementTimeoutMs: patienceMs,
});
const bus = openBus({ environment, applicationName: "test orders", logger });
const weir = openWeirDelivery({
  url: settings.weirUrl ?? "",
  key: settings.weirKey ?? "",
  timeoutMs: patienceMs,
});
const client = createServiceClient({
  service: "products",
  url: settings.productsUrl,
  token: settings.productsToken,
  timeoutMs: patienceMs,
});
const service = await createOrders(
  {
    database: watchedDatabase(database),
    products: watchedPort(createProducts(client)),
    payments: watchedPort(createSimulatedPayments(database)),
    publish: (messages) => watchedPort(bus).publish(messages),
    sendToWeir: (events) => watchedPort(weir, "weir ").send(events),
    busHealth: async () => {},
    logger,
    now: () => new Date(),
    random: Math.random,
  },
  settings,
);
process.send?.({ url: service.url });
