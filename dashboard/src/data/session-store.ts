import type { Session } from "@weir/protocol";
import { asFailure, type Failure, requestJson } from "./request.ts";

export type SessionState =
  | { readonly kind: "unknown" }
  | { readonly kind: "signed-in"; readonly session: Session }
  | { readonly kind: "signed-out" }
  | { readonly kind: "failed"; readonly failure: Failure };

export type Credential = { readonly token: string } | { readonly key: string };
export type SessionStore = ReturnType<typeof createSessionStore>;

/** Who is signed in. The cookie itself is out of reach of scripts; this knows only what it opens. */
export function createSessionStore(request: typeof requestJson = requestJson) {
  let state: SessionState = { kind: "unknown" };
  let asking: Promise<void> | undefined;
  const listeners = new Set<() => void>();

  function set(next: SessionState) {
    state = next;
    for (const listener of [...listeners]) listener();
  }

  async function ask() {
    try {
      const session = (await request("/api/session")) as Session | undefined;
      set(session === undefined ? { kind: "signed-out" } : { kind: "signed-in", session });
    } catch (error) {
      const failure = asFailure(error);
      if (failure.status === 401) set({ kind: "signed-out" });
      // Whoever was signed in stays it while the server is away: the page keeps what it shows.
      else if (state.kind !== "signed-in") set({ kind: "failed", failure });
    }
  }

  return {
    read: () => state,
    subscribe(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    /** Asks who is signed in; callers at the same time share one question. */
    check(): Promise<void> {
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return asking;
    },

    /** @throws RequestError when the token or the key is not taken */
    async signIn(credential: Credential): Promise<void> {
      await request("/api/session", { method: "POST", body: credential });
      // The answer of POST may be short; what the pages need is what GET says.
      await ask();
    },

    async signOut(): Promise<void> {
      const csrfToken = state.kind === "signed-in" ? state.session.csrf_token : "";
      try {
        await request("/api/session", { method: "DELETE", csrfToken });
      } catch (error) {
        // Whoever is not signed in any more has what was asked for.
        if (asFailure(error).status !== 401) throw error;
      }
      set({ kind: "signed-out" });
    },

    /** A request was answered 401: the session is over, whatever it looked like. */
    expire() {
      if (state.kind !== "signed-out") set({ kind: "signed-out" });
    },
  };
}
