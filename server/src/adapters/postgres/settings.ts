import { totalmem } from "node:os";

export interface ServerSettings {
  /** False only in tests: a crash of the machine may then lose data. */
  readonly durable?: boolean;
  readonly maxConnections?: number;
  /** Size at which the server's own log begins a new file; default 64 MiB. */
  readonly logFileBytes?: number;
  /** Further settings of postgresql.conf; they override all others. */
  readonly extra?: Readonly<Record<string, string>>;
}

const MiB = 1024 * 1024;

/** Contents of `weir.conf`, rewritten at every start; the operator's own settings go to `local.conf`. */
export function serverSettings(
  options: ServerSettings,
  { walDiskBytes, ...folders }: ServerFolders & { readonly walDiskBytes: number },
): string {
  const wal = walLimits(walDiskBytes);
  const durable = options.durable !== false;
  const memory = Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem());
  // Allocated lazily, but never released: pages used once stay allocated. The system's page cache
  // holds the rest of the data.
  const shared = Math.round(Math.min(Math.max(memory / 16 / MiB, 128), 192));
  const settings: Record<string, string> = {
    listen_addresses: "",
    unix_socket_directories: folders.socket,
    unix_socket_permissions: "0700",
    max_connections: String(options.maxConnections ?? 100),
    password_encryption: "scram-sha-256",

    fsync: durable ? "on" : "off",
    // in tests too: without it, kill -9 loses commits
    synchronous_commit: "on",
    full_page_writes: durable ? "on" : "off",
    // Only pglz is available (no lz4 in the packages). After a checkpoint, random ids in groups of 100:
    // 18 µs of CPU and 3,074 B of WAL a row without, 231 µs and 2,846 B with it.
    wal_compression: "off",
    wal_level: "replica",
    max_wal_senders: "4",
    // the default is one segment, which is small here
    wal_buffers: `${Math.round(shared / 32)}MB`,
    max_wal_size: `${wal.most}MB`,
    min_wal_size: `${wal.least}MB`,
    checkpoint_timeout: "15min",
    checkpoint_completion_target: "0.9",

    shared_buffers: `${shared}MB`,
    work_mem: "16MB",
    maintenance_work_mem: `${Math.round(Math.max(shared / 4, 64))}MB`,
    effective_cache_size: `${Math.round(memory / 2 / MiB)}MB`,
    // flash storage; the default of 4 is for spinning disks
    random_page_cost: "1.1",
    // JIT compilation costs more than these short queries take
    jit: "off",

    autovacuum_naptime: "20s",
    autovacuum_vacuum_cost_limit: "1000",
    autovacuum_analyze_scale_factor: "0.05",

    idle_in_transaction_session_timeout: "60s",
    lock_timeout: "30s",
    // detects a client that died silently while its query runs
    client_connection_check_interval: "5s",

    // about 1 of 22 µs of a trivial statement
    shared_preload_libraries: "pg_stat_statements",
    "pg_stat_statements.max": "2000",
    track_io_timing: "on",

    logging_collector: "on",
    log_destination: "stderr",
    log_directory: folders.log,
    // a name twice would continue its file instead of beginning a new one
    log_filename: "postgresql-%Y%m%dT%H%M.log",
    log_file_mode: "0600",
    log_rotation_age: "1d",
    log_rotation_size: `${Math.ceil((options.logFileBytes ?? 64 * MiB) / 1024)}kB`,
    log_line_prefix: "%m [%p] %q%u@%d %a ",
    log_checkpoints: "on",
    log_lock_waits: "on",
    log_min_duration_statement: "1s",
    log_parameter_max_length: "0",
    log_parameter_max_length_on_error: "0",

    timezone: "UTC",
    log_timezone: "UTC",
    datestyle: "ISO, YMD",
    ...options.extra,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quote(value)}`);
  return `# Written by Weir at every start. Your own settings go into local.conf, which is read last.\n${lines.join("\n")}\n`;
}

/** In MB, as PostgreSQL counts them. The log may take a quarter of its disk, and is never larger than 4 GB. */
function walLimits(diskBytes: number): { readonly most: number; readonly least: number } {
  const most = Math.max(16, Math.min(4_096, Math.floor(diskBytes / 4 / MiB)));
  return { most, least: Math.max(2, Math.min(256, Math.floor(most / 4))) };
}

export interface ServerFolders {
  readonly data: string;
  readonly socket: string;
  readonly log: string;
}

function quote(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
