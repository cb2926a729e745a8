import { statfs } from "node:fs/promises";
import { availableParallelism, freemem, loadavg, totalmem } from "node:os";
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { schema as s } from "@weir/protocol";
import type { CheckResult, HealthCheck } from "../../core/ports/health-check.ts";
import type { Route, RouteReply, RouteRequest } from "../../core/ports/route.ts";

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
/** The permission to read more of the health than its status. */
export const healthDetailsPermission = "common.get.health_details";
const detailsDescription = `Only for a caller with ${healthDetailsPermission}.`;
const healthSchema = s.object(
  {
    status: s.oneOf(["ok", "degraded", "down"]),
    version: s.optional(s.string({ description: detailsDescription })),
    checks: s.optional(s.record(checkSchema, { description: detailsDescription })),
  },
  { $id: "Health" },
);

/**
 * `/health/live`: the process answers. `/health/ready`: events can be accepted. `/health`: everything.
 * Anyone may ask for the status, with which load balancers decide. The details show version, load,
 * memory and disk of the server, so that they need a permission; they contain no secrets or addresses.
 */
export function healthRoutes(options: HealthOptions): Route[] {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const { checks, needed } = options;

  const report = async (names: readonly string[]): Promise<Report> => {
    const results = await Promise.all(
      names.map(async (name) => [name, (await checks[name]?.()) ?? unknownCheck] as const),
    );
    const byName: Record<string, CheckResult> = Object.fromEntries(results);
    const bad = results.filter(([, { status }]) => status !== "ok").map(([name]) => name);
    const down =
      options.draining() ||
      bad.some((name) => needed.includes(name) && byName[name]?.status === "down");
    const status = down ? "down" : bad.length > 0 ? "degraded" : "ok";
    return { status, checks: byName };
  };
  const answer = ({ principal }: RouteRequest, { status, checks: found }: Report): RouteReply => ({
    status: status === "down" ? 503 : 200,
    body: principal.may(healthDetailsPermission)
      ? { status, version: options.version, checks: found }
      : { status },
  });
  const get = ({
    read,
    ...described
  }: Pick<Route, "path" | "view" | "summary"> & {
    readonly read: () => Promise<Report>;
  }): Route => ({
    ...described,
    method: "GET",
    access: "optional",
    duringOutage: true,
    handle: async (request) => answer(request, await read()),
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
      read: () => report(Object.keys(checks)),
    }),
    get({
      path: "/health/live",
      view: "common.health_live",
      summary: "Liveness: the process answers.",
      read: async () => ({ status: "ok", checks: {} }),
    }),
    get({
      path: "/health/ready",
      view: "common.health_ready",
      summary: "Readiness: events can be accepted.",
      read: () => report(needed),
    }),
    ...Object.keys(checks).map((name) =>
      get({
        path: `/health/${name}`,
        view: `common.health_${name}`,
        summary: `Health of ${name}.`,
        read: () => report([name]),
      }),
    ),
    get({
      path: "/health/system",
      view: "common.health_system",
      summary: "Memory, load, event loop and disk of the server.",
      read: async () => ({
        status: "ok",
        checks: { system: { status: "ok", facts: await systemFacts(options.dataDir, delay) } },
      }),
    }),
    {
      ...get({
        path: "/healthz",
        view: "common.healthz",
        summary: "Readiness, for authorised callers.",
        read: () => report(needed),
      }),
      access: "permission",
    },
    {
      method: "GET",
      path: "/metrics",
      view: "common.metrics",
      access: "permission",
      duringOutage: true,
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

interface Report {
  readonly status: CheckResult["status"];
  readonly checks: Readonly<Record<string, CheckResult>>;
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
