/** The state of this process for systemd: `Type=notify`, `NotifyAccess=all`, `WatchdogSec=`. */
import { execFile } from "node:child_process";

/** A message to the service manager takes some milliseconds; one that hangs must not pile up. */
const limitMs = 5_000;

export interface ServiceManager {
  ready(): void;
  stopping(): void;
}

/**
 * Reports to systemd when it started this process (`NOTIFY_SOCKET`), and with `WatchdogSec=` gives it a sign
 * of life three times per interval: a frozen process, a stopped one too, is then killed and restarted.
 * Node.js has no datagram sockets of the unix domain, so systemd's own `systemd-notify` sends.
 */
export function connectServiceManager(
  env: NodeJS.ProcessEnv,
  onFailure: (reason: string) => void,
): ServiceManager {
  if (env["NOTIFY_SOCKET"] === undefined) return { ready() {}, stopping() {} };
  let failed = false;
  const notify = (state: string) => {
    execFile("systemd-notify", [state], { timeout: limitMs }, (error) => {
      if (error === null || failed) return;
      failed = true;
      onFailure(error.message);
    });
  };
  const watchdogMs = Number(env["WATCHDOG_USEC"] ?? 0) / 1_000;
  return {
    ready() {
      notify("READY=1");
      if (watchdogMs > 0) setInterval(() => notify("WATCHDOG=1"), watchdogMs / 3).unref();
    },
    stopping: () => notify("STOPPING=1"),
  };
}
