import { createServer } from "node:net";

/** Resolves when nothing listens at the address. @throws NodeJS.ErrnoException, such as EADDRINUSE */
export function checkPortIsFree({ host, port }: { host: string; port: number }): Promise<void> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => server.close(() => resolve()));
  });
}
