import type { Config } from "../../config/schema.ts";
import { messageOf } from "../../core/errors.ts";
import { checkTimeoutMs, type HealthCheck } from "../../core/ports/health-check.ts";
import { shopAddresses } from "./addresses.ts";
import { hasShop, shopUnavailable } from "./services.ts";

/** Asks each service of the shop whether it is ready. The shop is a client of Weir: Weir is ready without it. */
export function shopCheck(config: () => Config): HealthCheck {
  return async () => {
    if (!config().shop.enabled) return { status: "ok", detail: "not started (shop.enabled)" };
    if (!hasShop()) return { status: "degraded", detail: shopUnavailable };
    const answers = await Promise.all(
      Object.entries(shopAddresses(config())).map(
        async ([name, url]) => [name, await ask(url)] as const,
      ),
    );
    const facts = Object.fromEntries(answers);
    const problems = answers.filter(([, answer]) => answer !== "ready");
    if (problems.length === 0) return { status: "ok", facts };
    const detail = problems.map(([name, answer]) => `${name}: ${answer}`).join("; ");
    return { status: "degraded", detail, facts };
  };
}

async function ask(url: string): Promise<string> {
  try {
    const { status, ok, body } = await fetch(`${url}/health/ready`, {
      signal: AbortSignal.timeout(checkTimeoutMs),
    });
    await body?.cancel();
    return ok ? "ready" : `not ready (${status})`;
  } catch (error) {
    return `does not answer (${messageOf(error)})`;
  }
}
