/**
 * Platform events: the process or page ends, the network goes down or comes up. One listener of each
 * kind for all clients, added with the first client and removed with the last.
 */
export interface Listener {
  /** Node: the event loop is empty. May start new work; called again when that is done. */
  beforeExit?(): void;
  /** Browser: the page may be closed after this returns. */
  leave?(): void;
  network?(online: boolean): void;
}

interface BrowserLike {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
  readonly document?: {
    readonly visibilityState: string;
    addEventListener(type: string, listener: () => void): void;
    removeEventListener(type: string, listener: () => void): void;
  };
  readonly navigator?: { readonly onLine?: boolean };
  readonly process?: {
    on?(event: "beforeExit", listener: () => void): void;
    off?(event: "beforeExit", listener: () => void): void;
  };
}

const platform = globalThis as unknown as BrowserLike;
const listeners = new Set<Listener>();

const onBeforeExit = () => {
  for (const listener of listeners) listener.beforeExit?.();
};
const onPageHide = () => {
  for (const listener of listeners) listener.leave?.();
};
// phones close hidden pages without a pagehide event
const onVisibility = () => {
  if (platform.document?.visibilityState === "hidden") onPageHide();
};
const onOnline = () => {
  for (const listener of listeners) listener.network?.(true);
};
const onOffline = () => {
  for (const listener of listeners) listener.network?.(false);
};

/** Registers a listener; the returned function removes it. */
export function listen(listener: Listener): () => void {
  if (listeners.size === 0) attach();
  listeners.add(listener);
  return () => {
    if (listeners.delete(listener) && listeners.size === 0) detach();
  };
}

/** False only if the platform is certain that there is no network. */
export function isOnline(): boolean {
  return platform.navigator?.onLine !== false;
}

function attach(): void {
  platform.process?.on?.("beforeExit", onBeforeExit);
  if (platform.document === undefined) return;
  platform.addEventListener?.("pagehide", onPageHide);
  platform.document.addEventListener("visibilitychange", onVisibility);
  platform.addEventListener?.("online", onOnline);
  platform.addEventListener?.("offline", onOffline);
}

function detach(): void {
  platform.process?.off?.("beforeExit", onBeforeExit);
  if (platform.document === undefined) return;
  platform.removeEventListener?.("pagehide", onPageHide);
  platform.document.removeEventListener("visibilitychange", onVisibility);
  platform.removeEventListener?.("online", onOnline);
  platform.removeEventListener?.("offline", onOffline);
}
