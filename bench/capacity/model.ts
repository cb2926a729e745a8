/** What a rate of events needs, from measured costs per event. Pure: costs and prices come in. */
export interface Cost {
  readonly points: readonly { readonly events: number; readonly us: number }[];
  /** What `events` of the points counts. */
  readonly per: string;
  /** Milliseconds of CPU in a second without events; default 0. */
  readonly idle_ms?: number;
  /** A step of the reader takes what has come in this time; default 0.4. */
  readonly step_seconds?: number;
  readonly status: string;
  readonly command: string;
  /** Names in the CPU report of a running system (cpu-by-process.ts). */
  readonly measured_as?: readonly string[];
}

export interface Costs {
  readonly cpu: Readonly<Record<string, Cost>>;
  readonly questions: { readonly cpu_ms_each: number; readonly every_seconds_per_viewer: number };
  readonly memory_mb: Readonly<Record<string, number | string>>;
  readonly bytes: {
    readonly raw_per_event_beside_payload: number;
    readonly indexes_per_event: number;
    readonly identity_per_event: number;
    readonly facts_per_event: number;
    readonly analytics_per_event: number;
    readonly per_user_and_day: number;
    readonly facts_in_message: number;
    readonly message_compressed_to: number;
    readonly written_per_event: number;
    readonly identities_are_kept_days: number;
  };
  readonly limits: {
    readonly target_utilisation: number;
    readonly one_core_utilisation: number;
    readonly machine_vcpus: readonly number[];
    readonly memory_gb_per_vcpu: number;
    readonly disk_write_mb_per_second: number;
    readonly disk_tb_per_machine: number;
    readonly partition_mb_per_second: number;
    readonly partition_consumer_events_per_second: number;
  };
}

export interface Prices {
  readonly vcpu_with_4_gb: number;
  readonly ssd_gb: number;
  readonly traffic_between_zones_gb: number;
  readonly load_balancer: number;
}

export interface Load {
  /** Events per second, sustained. */
  readonly rate: number;
  /** Events per HTTP request. */
  readonly batch: number;
  /** Bytes of an event as sent. */
  readonly payload: number;
  /** Days for which raw events are kept. */
  readonly retentionDays: number;
  /** Users that are active in a day. */
  readonly users: number;
  /** People who look at the dashboard at the same time. */
  readonly viewers: number;
  /** `http`: one system without Kafka. `kafka`: events come by HTTP and are relayed. `kafka-first`: producers write to Kafka. */
  readonly path: "http" | "kafka" | "kafka-first";
  readonly engine: "builtin" | "spark";
  /** Copies of each Kafka partition. */
  readonly replication: number;
}

/** A part with its need. `single`: one process for each shard, so that one core is its limit. */
export interface PartNeed {
  readonly part: string;
  readonly microsPerEvent: number;
  readonly cores: number;
  readonly scales: "processes" | "single" | "postgresql" | "cluster";
  /** Events per second at which one unit (process, backend) is at its limit. */
  readonly limit: number;
  readonly units: number;
  readonly status: string;
}

export interface Plan {
  readonly parts: readonly PartNeed[];
  readonly shards: number;
  /** What decides the number of shards, and what a single shard could take, events per second. */
  readonly saturation: readonly { readonly what: string; readonly eventsPerSecond: number }[];
  readonly postgresCores: number;
  readonly otherCores: number;
  readonly memoryGb: number;
  readonly partitions: number;
  readonly diskTb: { readonly postgresql: number; readonly kafka: number };
  readonly diskWriteMbPerSecond: number;
  readonly machines: readonly {
    readonly role: string;
    readonly count: number;
    readonly vcpus: number;
  }[];
  readonly monthlyCost: Readonly<Record<string, number>>;
}

const secondsPerDay = 86_400;
const usualStepSeconds = 0.4;
const steps = { least: 20, most: 5_000 };

/** Microseconds per event at `events` per request or step: a + f / events through the points. */
export function costAt({ points }: Pick<Cost, "points">, events: number): number {
  const [first, second] = points;
  if (first === undefined) throw new RangeError("a cost has no points");
  if (second === undefined) return first.us;
  const fixed = (first.us - second.us) / (1 / first.events - 1 / second.events);
  const each = first.us - fixed / first.events;
  return Math.max(each + fixed / events, Math.min(first.us, second.us) / 2);
}

/** What runs for a load: name of the cost, and how it scales. */
function partsOf({ path, engine }: Load): readonly (readonly [string, PartNeed["scales"]])[] {
  const viaHttp = path !== "kafka-first";
  const viaKafka = path !== "http";
  return [
    ...(viaKafka && viaHttp ? ([["nginx", "processes"]] as const) : []),
    ...(viaHttp
      ? ([
          ["http", "processes"],
          ["ingest in PostgreSQL", "postgresql"],
        ] as const)
      : ([
          ["intake", "processes"],
          ["intake in PostgreSQL", "postgresql"],
        ] as const)),
    ...(viaKafka && viaHttp ? ([["redis", "single"]] as const) : []),
    ...(viaKafka
      ? ([
          ["relay", "single"],
          ["relay in PostgreSQL", "postgresql"],
          ["kafka broker", "cluster"],
        ] as const)
      : []),
    ...(engine === "spark"
      ? ([
          ["spark executors", "processes"],
          ["spark's fold in PostgreSQL", "single"],
        ] as const)
      : ([["windows in PostgreSQL", "single"]] as const)),
    ["stream", "processes"],
    ["stream in PostgreSQL", "postgresql"],
    ["other of PostgreSQL", "postgresql"],
    ["supervisor", "cluster"],
  ];
}

/** CPU per event of every part of a load, in microseconds. */
export function partCosts(costs: Costs, load: Load): readonly PartNeed[] {
  const { one_core_utilisation: most } = costs.limits;
  return partsOf(load).map(([part, scales]) => {
    const cost = costs.cpu[part];
    if (cost === undefined) throw new RangeError(`costs.json has no ${part}`);
    const arrived = load.rate * (cost.step_seconds ?? usualStepSeconds);
    const step = Math.min(Math.max(arrived, steps.least), steps.most);
    const request = load.batch;
    const at = (events: number) =>
      cost.points.length === 1 && cost.per === "request"
        ? costAt(cost, 1) / request
        : costAt(cost, cost.per === "request" ? request : events);
    const microsPerEvent = at(step);
    const idle = (cost.idle_ms ?? 0) / 1000;
    const cores = idle + (load.rate * microsPerEvent) / 1e6;
    // at its limit a reader takes large steps
    const limit = ((most - idle) * 1e6) / at(steps.most);
    const units = Math.max(1, Math.ceil(load.rate / limit));
    return { part, microsPerEvent, cores, scales, limit, units, status: cost.status };
  });
}

/** @throws RangeError for a part without a cost */
export function planFor(load: Load, about: { costs: Costs; prices: Prices }): Plan {
  const { costs, prices } = about;
  const { limits, bytes } = costs;
  const parts = partCosts(costs, load);
  const questions =
    (load.viewers * costs.questions.cpu_ms_each) / 1000 / costs.questions.every_seconds_per_viewer;
  const inPostgres = ({ part }: PartNeed) => part.includes("PostgreSQL");
  const sum = (some: readonly PartNeed[]) => some.reduce((total, { cores }) => total + cores, 0);
  const postgresCores = sum(parts.filter(inPostgres)) + questions;
  const otherCores = sum(parts.filter((part) => !inPostgres(part)));

  const largest = Math.max(...limits.machine_vcpus);
  const diskWrite = (load.rate * bytes.written_per_event) / 1e6;
  const disk = diskTb(load, bytes);
  const saturation = [
    ...parts
      .filter(({ scales }) => scales === "single")
      .map(({ part, limit }) => ({ what: `${part} (one core)`, eventsPerSecond: limit })),
    {
      what: `PostgreSQL on ${largest} vCPUs`,
      eventsPerSecond: (load.rate * largest * limits.target_utilisation) / postgresCores,
    },
    {
      what: `disk of PostgreSQL at ${limits.disk_write_mb_per_second} MB/s`,
      eventsPerSecond: (load.rate * limits.disk_write_mb_per_second) / diskWrite,
    },
    {
      what: `disk of PostgreSQL with ${limits.disk_tb_per_machine} TB`,
      eventsPerSecond: (load.rate * limits.disk_tb_per_machine) / disk.postgresql,
    },
  ].sort((a, b) => a.eventsPerSecond - b.eventsPerSecond);
  const shards = Math.max(1, Math.ceil(load.rate / (saturation[0]?.eventsPerSecond ?? 1)));

  const machines = machinesFor({ load, limits, parts, shards, postgresCores });
  const vcpus = machines.reduce((total, { count, vcpus: each }) => total + count * each, 0);
  return {
    parts,
    shards,
    saturation,
    postgresCores,
    otherCores,
    memoryGb: memoryGb(costs, { load, parts, shards }),
    partitions: load.path === "http" ? 0 : partitionsFor(load, { bytes, limits }),
    diskTb: disk,
    diskWriteMbPerSecond: diskWrite,
    machines,
    monthlyCost: monthlyCost({ load, prices, vcpus, disk, bytes }),
  };
}

function diskTb(load: Load, bytes: Costs["bytes"]): Plan["diskTb"] {
  const perDay = load.rate * secondsPerDay;
  const raw = load.payload + bytes.raw_per_event_beside_payload + bytes.indexes_per_event;
  const kept = perDay * load.retentionDays * (raw + bytes.facts_per_event);
  const identities = perDay * bytes.identities_are_kept_days * bytes.identity_per_event;
  const analytics =
    load.retentionDays * (perDay * bytes.analytics_per_event + load.users * bytes.per_user_and_day);
  const message = (load.payload + bytes.facts_in_message) * bytes.message_compressed_to;
  const topics = load.path === "kafka-first" ? 2 : 1;
  const kafkaDays = Math.min(7, load.retentionDays);
  const kafka = perDay * kafkaDays * message * load.replication * topics;
  return {
    postgresql: (kept + identities + analytics) / 1e12,
    kafka: load.path === "http" ? 0 : kafka / 1e12,
  };
}

function partitionsFor(load: Load, { bytes, limits }: Pick<Costs, "bytes" | "limits">): number {
  const megabytes = (load.rate * (load.payload + bytes.facts_in_message)) / 1e6;
  const needed = Math.max(
    megabytes / limits.partition_mb_per_second,
    load.rate / limits.partition_consumer_events_per_second,
  );
  // a number with many divisors, so that consumers of several counts get equal shares
  return Math.max(6, Math.ceil(needed / 6) * 6);
}

function memoryGb(
  { memory_mb: memory }: Costs,
  about: { load: Load; parts: readonly PartNeed[]; shards: number },
): number {
  const { load, parts, shards } = about;
  const of = (name: string) => Number(memory[name] ?? 0);
  const units = (name: string) => parts.find(({ part }) => part === name)?.units ?? 0;
  const cachedMb = (load.rate * 900 * load.payload) / 1e6;
  const brokers = load.path === "http" ? 0 : Math.max(3, load.replication);
  const total =
    shards * (of("postgresql") + of("supervisor") + of("etl")) +
    cachedMb +
    units("http") * of("http") +
    units("stream") * of("stream") +
    units("intake") * of("intake") +
    (units("relay") > 0 ? shards * of("relay") : 0) +
    brokers * of("kafka broker") +
    (load.engine === "spark"
      ? of("spark driver") + units("spark executors") * of("spark executor")
      : 0);
  return total / 1024;
}

/** The smallest machines on which `vcpus` are used to the target. */
function machinesOf(role: string, cores: number, limits: Costs["limits"]) {
  const { machine_vcpus: sizes, target_utilisation: share } = limits;
  const needed = cores / share;
  const size = sizes.find((vcpus) => vcpus >= needed) ?? Math.max(...sizes);
  return { role, count: Math.max(1, Math.ceil(needed / size)), vcpus: size };
}

function machinesFor(about: {
  readonly load: Load;
  readonly limits: Costs["limits"];
  readonly parts: readonly PartNeed[];
  readonly shards: number;
  readonly postgresCores: number;
}): Plan["machines"] {
  const { load, limits, parts, shards, postgresCores } = about;
  const cores = (names: readonly string[]) =>
    parts.filter(({ part }) => names.includes(part)).reduce((total, part) => total + part.cores, 0);
  const weir = cores(["nginx", "http", "intake", "relay", "stream", "redis"]);
  if (load.path === "http" && shards === 1) {
    return [machinesOf("everything", postgresCores + weir, limits)];
  }
  const postgres = machinesOf("PostgreSQL", postgresCores / shards, limits);
  const brokers = machinesOf("Kafka", cores(["kafka broker"]), limits);
  return [
    { ...postgres, count: postgres.count * shards },
    machinesOf("Weir", weir, limits),
    ...(load.path === "http"
      ? []
      : [{ ...brokers, count: Math.max(load.replication, brokers.count) }]),
    ...(load.engine === "spark" ? [machinesOf("Spark", cores(["spark executors"]), limits)] : []),
  ];
}

function monthlyCost(about: {
  readonly load: Load;
  readonly prices: Prices;
  readonly vcpus: number;
  readonly disk: Plan["diskTb"];
  readonly bytes: Costs["bytes"];
}): Plan["monthlyCost"] {
  const { load, prices, vcpus, disk, bytes } = about;
  const message = (load.payload + bytes.facts_in_message) * bytes.message_compressed_to;
  // each copy beyond the first, and two thirds of what consumers read, cross a zone
  const crossings = load.path === "http" ? 0 : load.replication - 1 + 2 / 3;
  const monthGb = (load.rate * secondsPerDay * 30 * message) / 1e9;
  const parts = {
    machines: vcpus * prices.vcpu_with_4_gb,
    disks: (disk.postgresql + disk.kafka) * 1000 * prices.ssd_gb,
    "traffic between zones": monthGb * crossings * prices.traffic_between_zones_gb,
    "load balancer": load.path === "http" ? 0 : prices.load_balancer,
  };
  const total = Object.values(parts).reduce((sum, value) => sum + value, 0);
  return { ...parts, total };
}
