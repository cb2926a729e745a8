import type { Environment } from "./settings.ts";

/**
 * The environment of one of several services in a process: `SHOP_ORDERS__HOST` is `SHOP_HOST` for `orders` alone, and
 * replaces also a file (`SHOP_X_FILE`) that names the same secret for all.
 */
export function environmentOf(service: string, environment: Environment): Environment {
  const prefix = `SHOP_${service.toUpperCase()}__`;
  const own = Object.entries(environment).filter(([name]) => name.startsWith(prefix));
  if (own.length === 0) return environment;
  const changed: Record<string, string | undefined> = { ...environment };
  for (const [name, value] of own) {
    const plain = `SHOP_${name.slice(prefix.length)}`.replace(/_FILE$/, "");
    delete changed[plain];
    delete changed[`${plain}_FILE`];
    changed[`SHOP_${name.slice(prefix.length)}`] = value;
  }
  return changed;
}
