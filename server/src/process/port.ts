import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** A name that the resolver does not answer for is as good as unknown. */
const resolveLimitMs = 800;

/** Resolves when nothing listens at the address. @throws NodeJS.ErrnoException, such as EADDRINUSE */
export function checkPortIsFree({ host, port }: { host: string; port: number }): Promise<void> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(Object.assign(new Error(`${host} is not resolved`), { code: "ETIMEDOUT" })),
      resolveLimitMs,
    );
    server.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    server.listen(port, host, () => {
      clearTimeout(timer);
      server.close(() => resolve());
    });
  });
}

/** Below the range that the system gives to outgoing connections, one of which may take a port of it. */
const freeRange = { first: 10_000, count: 22_000 } as const;
const freeAttempts = 100;

/** A port on which nothing listens now. @throws NodeJS.ErrnoException of the last attempt */
export async function findFreePort(host: string): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = freeRange.first + randomInt(freeRange.count);
    try {
      await checkPortIsFree({ host, port });
      return port;
    } catch (error) {
      if (attempt === freeAttempts) throw error;
    }
  }
}
