import type { Session } from "@weir/protocol";
import { asFailure, type Failure, requestJson } from "./request.ts";

export type SessionState =
  | { readonly kind: "unknown" }
  | { readonly kind: "signed-in"; readonly session: Session }
  | { readonly kind: "signed-out" }
  | { readonly kind: "failed"; readonly failure: Failure };

export type Credential = { readonly token: string } | { readonly key: string };
export type SessionStore = ReturnType<typeof createSessionStore>;

/** The session. Scripts cannot read the cookie itself, only what the server says of its session. */
export function createSessionStore(request: typeof requestJson = requestJson) {
  let state: SessionState = { kind: "unknown" };
  let loading: Promise<void> | undefined;
  const listeners = new Set<() => void>();

  function set(next: SessionState) {
    state = next;
    for (const listener of [...listeners]) listener();
  }

  async function load() {
    try {
      const session = (await request("/api/session")) as Session | undefined;
      set(session === undefined ? { kind: "signed-out" } : { kind: "signed-in", session });
    } catch (error) {
      const failure = asFailure(error);
      if (failure.status === 401) set({ kind: "signed-out" });
      // A session is kept while the server is down: the page keeps what it shows.
      else if (state.kind !== "signed-in") set({ kind: "failed", failure });
    }
  }

  return {
    read: () => state,
    subscribe(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    /** Reads the session from the server. Simultaneous callers share one request. */
    check(): Promise<void> {
      loading ??= load().finally(() => {
        loading = undefined;
      });
      return loading;
    },

    /** @throws RequestError when the token or the key is not accepted */
    async signIn(credential: Credential): Promise<void> {
      await request("/api/session", { method: "POST", body: credential });
      // The pages need what GET answers; the answer of POST may be shorter.
      await load();
    },

    async signOut(): Promise<void> {
      const csrfToken = state.kind === "signed-in" ? state.session.csrf_token : "";
      try {
        await request("/api/session", { method: "DELETE", csrfToken });
      } catch (error) {
        // The session is already over.
        if (asFailure(error).status !== 401) throw error;
      }
      set({ kind: "signed-out" });
    },

    /** A request was answered with 401: the session is over. */
    expire() {
      if (state.kind !== "signed-out") set({ kind: "signed-out" });
    },
  };
}
