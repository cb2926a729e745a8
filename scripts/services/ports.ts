import { UsageError } from "./command.ts";

/** `kafka=9092` and `rabbitmq.management=15672`. */
export function readPorts(
  options: readonly string[],
): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const ports = new Map<string, Map<string, number>>();
  for (const option of options) {
    const [, server = "", port = "", number] =
      /^([a-z]+)(?:\.([a-z-]+))?=(\d{1,5})$/.exec(option) ?? [];
    const value = Number(number);
    if (!(value > 0 && value < 65_536)) {
      throw new UsageError(`--port ${option}: write server=number or server.port=number`);
    }
    const known = ports.get(server) ?? new Map<string, number>();
    ports.set(server, known.set(port, value));
  }
  return ports;
}
