import type { Logger } from "../../foundation/logger.ts";
import { ServiceRefusedError, ServiceUnavailableError } from "../../foundation/service-client.ts";

/**
 * The result, or undefined when the service is down or refuses, which is logged: the page is shown without
 * this part.
 */
export async function ifAvailable<T>(logger: Logger, call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof ServiceUnavailableError || error instanceof ServiceRefusedError)) {
      throw error;
    }
    logger.warn({ service: error.service, reason: error.message }, "a page lacks a part");
    return undefined;
  }
}
