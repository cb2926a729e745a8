import type { Room } from "./rooms.ts";

const driver =
  "A port with its drivers: it imports foundation/ and itself; only it imports its library.";
const service =
  "A service imports foundation/, cache/, bus/ and itself; it reaches other services by HTTP and the bus.";

/** The rooms of the shop: services that reach each other by HTTP and the bus, and what they share. */
export const shopRooms: readonly Room[] = [
  { path: "shop/src/*", imports: ["foundation", "cache", "bus"], because: service },
  {
    path: "shop/src/foundation",
    imports: [],
    libraries: ["pg*", "fastify*", "pino*"],
    packages: ["@weir/sdk"],
    because: "foundation/ is what all services share; it depends on none of them.",
  },
  {
    path: "shop/src/cache",
    imports: ["foundation"],
    libraries: ["@redis/client"],
    because: driver,
  },
  {
    path: "shop/src/bus",
    imports: ["foundation"],
    // pg: the pool of foundation/ cannot listen for notifications
    libraries: ["rabbitmq-client", "pg*"],
    because: driver,
  },
  {
    path: "shop/src/notifications",
    imports: ["foundation", "cache", "bus"],
    libraries: ["nodemailer"],
    because: service,
  },
  {
    path: "shop/src/storefront",
    imports: ["foundation", "cache", "bus"],
    packages: ["@weir/sdk"],
    because: "A service; the SDK also runs in its pages.",
  },
];
