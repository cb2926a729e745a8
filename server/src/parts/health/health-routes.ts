import { statfs } from "node:fs/promises";
import { availableParallelism, freemem, loadavg, totalmem } from "node:os";
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { schema as s } from "@weir/protocol";
import type { CheckResult, HealthCheck } from "../../core/ports/health-check.ts";
import type { Route, RouteReply } from "../../core/ports/route.ts";

export interface HealthOptions {
  readonly version: string;
  /** By name: `postgres`, `etl`, ... */
  readonly checks: Readonly<Record<string, HealthCheck>>;
  /** Names of the checks that must pass before events can be accepted. */
  readonly needed: readonly string[];
  readonly draining: () => boolean;
  readonly dataDir: string;
  readonly metrics: () => Promise<string>;
}

const checkSchema = s.object({
  status: s.oneOf(["ok", "degraded", "down"]),
  detail: s.optional(s.string()),
  ms: s.optional(s.number()),
  facts: s.optional(s.record(s.unknown())),
});
const healthSchema = s.object(
  {
    status: s.oneOf(["ok", "degraded", "down"]),
    version: s.string(),
    checks: s.record(checkSchema),
  },
  { $id: "Health" },
);

/**
 * `/health/live`: the process answers. `/health/ready`: events can be accepted. `/health`: everything.
 * The details are for operators and contain no secrets or addresses.
 */
export function healthRoutes(options: HealthOptions): Route[] {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const { checks, needed } = options;

  const report = async (names: readonly string[]): Promise<RouteReply> => {
    const results = await Promise.all(
      names.map(async (name) => [name, (await checks[name]?.()) ?? unknownCheck] as const),
    );
    const byName: Record<string, CheckResult> = Object.fromEntries(results);
    const bad = results.filter(([, { status }]) => status !== "ok").map(([name]) => name);
    const down =
      options.draining() ||
      bad.some((name) => needed.includes(name) && byName[name]?.status === "down");
    const status = down ? "down" : bad.length > 0 ? "degraded" : "ok";
    return { status: down ? 503 : 200, body: { status, version: options.version, checks: byName } };
  };
  const get = (described: Pick<Route, "path" | "view" | "summary" | "handle">): Route => ({
    ...described,
    method: "GET",
    access: "public",
    responses: {
      200: { description: "Healthy, or degraded but serving.", schema: healthSchema },
      503: { description: "Unable to serve.", schema: healthSchema },
    },
  });

  return [
    get({
      path: "/health",
      view: "common.health",
      summary: "Health of all parts and dependencies.",
      handle: () => report(Object.keys(checks)),
    }),
    get({
      path: "/health/live",
      view: "common.health_live",
      summary: "Liveness: the process answers.",
      handle: async () => ({
        status: 200,
        body: { status: "ok", version: options.version, checks: {} },
      }),
    }),
    get({
      path: "/health/ready",
      view: "common.health_ready",
      summary: "Readiness: events can be accepted.",
      handle: () => report(needed),
    }),
    ...Object.keys(checks).map((name) =>
      get({
        path: `/health/${name}`,
        view: `common.health_${name}`,
        summary: `Health of ${name}.`,
        handle: () => report([name]),
      }),
    ),
    get({
      path: "/health/system",
      view: "common.health_system",
      summary: "Memory, load, event loop and disk of the server.",
      handle: async () => ({
        status: 200,
        body: {
          status: "ok",
          version: options.version,
          checks: { system: { status: "ok", facts: await systemFacts(options.dataDir, delay) } },
        },
      }),
    }),
    {
      ...get({
        path: "/healthz",
        view: "common.healthz",
        summary: "Readiness, for authorised callers.",
        handle: () => report(needed),
      }),
      access: "permission",
    },
    {
      method: "GET",
      path: "/metrics",
      view: "common.metrics",
      access: "permission",
      summary: "Metrics in the Prometheus text format.",
      responses: {
        200: { description: "Metrics.", schema: s.string(), contentType: "text/plain" },
      },
      handle: async () => ({
        status: 200,
        headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
        body: await options.metrics(),
      }),
    },
  ];
}

const unknownCheck: CheckResult = { status: "down", detail: "there is no check with this name" };

async function systemFacts(dataDir: string, delay: IntervalHistogram) {
  const memory = process.memoryUsage();
  const disk = await statfs(dataDir).catch(() => undefined);
  return {
    uptime_s: Math.round(process.uptime()),
    cores: availableParallelism(),
    load: loadavg(),
    memory_free_bytes: freemem(),
    memory_total_bytes: totalmem(),
    process_rss_bytes: memory.rss,
    process_heap_bytes: memory.heapUsed,
    event_loop_delay_p99_ms: Math.round(delay.percentile(99) / 1e4) / 100,
    disk_free_bytes: disk === undefined ? null : disk.bavail * disk.bsize,
  };
}
