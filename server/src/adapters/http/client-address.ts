/** Which address a request comes from, and what else proxies in front of Weir are believed. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";

export interface TrustedProxies {
  /**
   * The address of the client: that of the connection, or, if that is a trusted proxy, the last address in
   * X-Forwarded-For that is not one. What stands before it is what the client itself claimed.
   */
  addressOf(request: IncomingMessage): string;
  /**
   * The id of a request that a trusted proxy may send more than once, to another process too: the same each
   * time, and never that of another request. Undefined from anyone else.
   */
  repeatIdOf(request: IncomingMessage): string | undefined;
}

const repeatIdForm = /^[0-9a-f]{32}$/;

/** @param ranges addresses and CIDR ranges @throws Error for one that is neither */
export function trustedProxies(ranges: readonly string[]): TrustedProxies {
  if (ranges.length === 0) {
    return {
      addressOf: ({ socket }) => socket.remoteAddress ?? "",
      repeatIdOf: () => undefined,
    };
  }
  const list = listOf(ranges);
  const isTrusted = (address: string) => {
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? "ipv4" : "ipv6");
  };
  return {
    addressOf({ socket, headers }) {
      const peer = socket.remoteAddress ?? "";
      return isTrusted(peer) ? clientOf(peer, headers, isTrusted) : peer;
    },
    repeatIdOf({ socket, headers }) {
      const id = headers["weir-request-id"];
      if (typeof id !== "string" || !repeatIdForm.test(id)) return undefined;
      return isTrusted(socket.remoteAddress ?? "") ? id : undefined;
    },
  };
}

function clientOf(
  peer: string,
  headers: IncomingHttpHeaders,
  isTrusted: (address: string) => boolean,
): string {
  // Node joins several lines of this header with commas
  const claimed = String(headers["x-forwarded-for"] ?? "").split(",");
  let client = peer;
  for (const text of claimed.reverse()) {
    const address = text.trim();
    // a trusted proxy that passed on something else saw no address: the last one known counts
    if (isIP(address) === 0) return client;
    client = address;
    if (!isTrusted(address)) return client;
  }
  return client;
}

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits] = range.split("/");
    const version = isIP(address);
    const most = version === 4 ? 32 : 128;
    const prefix = bits === undefined ? most : Number(bits);
    const isRange = version !== 0 && (bits === undefined || /^\d{1,3}$/.test(bits));
    if (!isRange || prefix > most) {
      throw new Error(`http.trusted_proxies: "${range}" is neither an address nor a CIDR range`);
    }
    list.addSubnet(address, prefix, version === 4 ? "ipv4" : "ipv6");
  }
  return list;
}
