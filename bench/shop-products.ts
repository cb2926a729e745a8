/**
 * The product service's detail: hits, misses and no cache, as requests per second of one core of the service.
 *
 *     node bench/shop-products.ts [--requests 20000] [--redis]
 *
 * The service runs as a process of its own; its CPU time is read from /proc, so the rate per core does not
 * depend on what else this machine does. PostgreSQL's own CPU is not counted: a miss costs it besides.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createShopDatabases } from "../shop/test/helpers/databases.ts";
import { productEnvironment } from "../shop/test/helpers/products.ts";
import { startShopProcess } from "../shop/test/helpers/services.ts";
import { startRedis } from "../testing/servers/redis.ts";

const { values } = parseArgs({
  options: { requests: { type: "string", default: "20000" }, redis: { type: "boolean" } },
});
const requests = Number(values.requests);
const concurrency = 16;
/** Clock ticks of /proc in a second, on Linux. */
const ticks = 100;

const cleanUps: (() => void | Promise<void>)[] = [];
const t = { after: (work: () => void | Promise<void>) => void cleanUps.push(work) };

try {
  const redisUrl = values.redis === true ? (await startRedis(t)).url : undefined;
  console.log(`requests/s per core of the service, ${requests} requests, ${concurrency} at a time`);
  await measure("no cache", { SHOP_PRODUCTS_CACHE: "off" }, requests);
  const driver = redisUrl === undefined ? {} : { SHOP_REDIS_URL: redisUrl };
  await measure("miss", driver, undefined);
  await measure("hit", driver, requests);
} finally {
  for (const work of cleanUps.reverse()) await work();
}

/** `count` undefined: each product once, so that every request is a miss. */
async function measure(
  name: string,
  driver: Readonly<Record<string, string>>,
  count: number | undefined,
): Promise<void> {
  const { products } = await createShopDatabases(t, ["products"]);
  const { urls, pid, stop } = await startShopProcess(t, {
    names: ["products"],
    environment: { ...productEnvironment(products), SHOP_PRODUCTS_SEED: "on", ...driver },
  });
  const url = urls["products"] ?? "";
  const ids = await allIds(url);
  // the compiler warms up on other routes' answers and on products that do not exist
  await ask(
    url,
    Array.from({ length: 3_000 }, (_, index) => `none-${index}`),
  );
  const chosen = ids.slice(0, 200);
  if (count !== undefined) await ask(url, chosen);
  const asked =
    count === undefined
      ? ids
      : Array.from({ length: count }, (_, index) => chosen[index % chosen.length] ?? "");
  const [cpu, started] = [cpuSeconds(pid), performance.now()];
  const outcomes = await ask(url, asked);
  const seconds = (performance.now() - started) / 1_000;
  const used = cpuSeconds(pid) - cpu;
  console.log(
    `${name.padEnd(9)} ${Math.round(asked.length / used)}/s per core, ` +
      `${Math.round((used / asked.length) * 1e6)} µs CPU each, ${Math.round(asked.length / seconds)}/s here; ` +
      JSON.stringify(outcomes),
  );
  await stop();
}

async function allIds(url: string): Promise<string[]> {
  const ids: string[] = [];
  let after = "";
  do {
    const response = await fetch(`${url}/products?limit=100${after}`);
    const page = (await response.json()) as { items: { id: string }[]; next: string | null };
    ids.push(...page.items.map(({ id }) => id));
    after = page.next === null ? "" : `&after=${page.next}`;
  } while (after !== "");
  return ids;
}

/** Asks for the details; counts what `x-cache` says. */
async function ask(url: string, ids: readonly string[]): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {};
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < ids.length) {
      const id = ids[next++];
      const response = await fetch(`${url}/products/${id}`);
      await response.arrayBuffer();
      const outcome = response.headers.get("x-cache") ?? "none";
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return outcomes;
}

/** User and system time of a process. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}
