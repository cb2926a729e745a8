import { schema as s } from "@weir/protocol";

export const supervisorSection = s.object({
  heartbeat_timeout_ms: s.integer({
    default: 5_000,
    minimum: 3_000,
    maximum: 600_000,
    description:
      "A process that gives no sign of life for this long is frozen: `weir up` kills and restarts it, `weir serve` ends so that its process manager restarts it. Raise it to debug with breakpoints.",
  }),
  postgres_hang_timeout_ms: s.integer({
    default: 60_000,
    minimum: 20_000,
    maximum: 3_600_000,
    description:
      "`weir up` restarts its own PostgreSQL when it has answered no connection attempt for this long. A stopped one is continued within seconds.",
  }),
  state_path: s.nullable(
    s.string({
      default: null,
      description:
        "Path of a file in which `weir serve` records its state every second, for the health check of a container. Without it none is written.",
    }),
  ),
});
