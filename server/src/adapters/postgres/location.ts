/**
 * Database addresses are `postgresql://` URLs, which libpq's tools accept too. The folder of a unix
 * socket is the parameter `host`.
 */
export function locationUrl(at: {
  readonly socket: string;
  readonly port: string;
  readonly user: string;
  readonly database: string;
}): string {
  const host = encodeURIComponent(at.socket);
  return `postgresql://${at.user}@localhost:${at.port}/${at.database}?host=${host}`;
}

/** The same server and database for another role; its password, where the server requires one. */
export function withRole(url: string, role: string, password?: string): string {
  const changed = new URL(url);
  changed.username = role;
  changed.password = password ?? "";
  return changed.href;
}

/** The same server and role, another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(database)}`;
  return changed.href;
}
