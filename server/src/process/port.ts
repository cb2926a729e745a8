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
