/** A process that takes messages and never finishes one, to be killed: `node stuck-consumer.ts <queue> <delivery limit>`. */
import { openBus } from "../../src/bus/open-bus.ts";
import { createLogger } from "../../src/foundation/logger.ts";

const [queue = "", deliveryLimit = "1"] = process.argv.slice(2);
const bus = openBus({
  environment: process.env,
  applicationName: "stuck consumer",
  logger: createLogger("stuck", "silent"),
});
bus.consume({
  queue,
  types: [`test.${queue}`],
  prefetch: 1,
  deliveryLimit: Number(deliveryLimit),
  retryDelaysMs: [10],
  handle(message) {
    process.stdout.write(`${message.id}\n`);
    return new Promise(() => {});
  },
});
