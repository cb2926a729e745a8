import { setTimeout as delay } from "node:timers/promises";
import type { FastifyInstance } from "fastify";

export interface HealthCheck {
  /** Whether the service is not ready without it. */
  readonly required: boolean;
  /** Rejects with the reason. */
  run(): Promise<unknown>;
}

interface Finding {
  readonly ok: boolean;
  readonly required: boolean;
  readonly reason?: string;
}

const checkLimitMs = 2_000;

/**
 * `/health/live`: the process answers. `/health/ready`: it can do its work, or 503 with the reasons; while
 * it drains it is not ready.
 */
export function mountHealth(
  app: FastifyInstance,
  checks: Readonly<Record<string, HealthCheck>>,
): void {
  let draining = false;
  app.addHook("preClose", async () => {
    draining = true;
  });
  app.get("/health/live", async () => ({ status: "live" }));
  app.get("/health/ready", async (_request, reply) => {
    const findings = Object.fromEntries(
      await Promise.all(
        Object.entries(checks).map(async ([name, check]) => [name, await examine(check)] as const),
      ),
    );
    const failed = Object.values(findings).some(({ ok, required }) => required && !ok);
    const status = draining ? "draining" : failed ? "not_ready" : "ready";
    return reply.code(status === "ready" ? 200 : 503).send({ status, checks: findings });
  });
}

async function examine({ required, run }: HealthCheck): Promise<Finding> {
  const end = new AbortController();
  try {
    await Promise.race([
      run(),
      delay(checkLimitMs, undefined, { signal: end.signal }).then(() => {
        throw new Error(`no answer within ${checkLimitMs / 1_000} s`);
      }),
    ]);
    return { ok: true, required };
  } catch (error) {
    return { ok: false, required, reason: error instanceof Error ? error.message : String(error) };
  } finally {
    end.abort();
  }
}
