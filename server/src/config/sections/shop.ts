import { schema as s } from "@weir/protocol";

const port = (of: string) =>
  s.integer({
    default: 0,
    minimum: 0,
    maximum: 65_535,
    description: `Port of ${of}, on this machine only; 0 picks a free port.`,
  });

export const shopSection = s.object({
  enabled: s.boolean({
    default: false,
    description:
      "`weir up` also runs the shop: four services that send their events to Weir, and simulated shoppers instead of the demo's live traffic. `npm start` enables it. Not in production.",
  }),
  processes: s.oneOf(["one", "each"], {
    default: "one",
    description:
      "`one` process for all services of the shop saves 200 MB; `each` gives every service a process of its own. Databases, roles, ports and health are separate either way.",
  }),
  port: s.integer({
    default: 8085,
    minimum: 0,
    maximum: 65_535,
    description: "Port of the shop's pages, on `http.host`; 0 picks a free port.",
  }),
  ports: s.object({
    products: port("the product service"),
    orders: port("the order service"),
    notifications: port("the notification service"),
  }),
  public_url: s.nullable(
    s.string({
      default: null,
      pattern: "^https?://[^/]+$",
      description:
        "Address of the shop for browsers, when it is not the one that it listens on. Pages of this origin may send events to Weir.",
    }),
  ),
  redis_url: s.nullable(
    s.string({
      default: null,
      "x-secret": true,
      pattern: "^rediss?://[^/]+",
      description: "URL of Redis for the shop's cache. Without it the cache is in memory.",
    }),
  ),
  rabbitmq_url: s.nullable(
    s.string({
      default: null,
      "x-secret": true,
      pattern: "^amqps?://[^/]+",
      description:
        "URL of RabbitMQ for the shop's messages. Without it they go through the database `shop_bus`.",
    }),
  ),
  traffic: s.object({
    enabled: s.boolean({ default: true, description: "Simulated shoppers visit the shop." }),
    rate: s.number({
      default: 0.05,
      minimum: 0,
      maximum: 1_000,
      description: "Visits that begin per second, on average.",
    }),
    pace: s.number({
      default: 1,
      minimum: 0,
      maximum: 100,
      description:
        "Time between two steps of a visitor, relative to the sample's; 0.1 is ten times as fast.",
    }),
    buyers: s.nullable(
      s.number({
        default: null,
        minimum: 0,
        maximum: 1,
        description: "Share of the visits that buy. Default: the sample's, 0.024.",
      }),
    ),
    seed: s.integer({
      default: 1,
      minimum: 0,
      maximum: 2_147_483_647,
      description: "The same seed gives the same shoppers with the same plans.",
    }),
  }),
});
