/** Which addresses a webhook may reach. Everything that is not plainly public is refused, unless it is allowed by name. */
import ipaddr from "ipaddr.js";

export class RefusedAddressError extends Error {
  override readonly name = "RefusedAddressError";
}

export interface AddressPolicy {
  /**
   * Parses the URL of an endpoint and checks everything that is known without a look-up.
   * @throws RefusedAddressError
   */
  readUrl(text: string): URL;
  /**
   * Every address that a name resolved to must be allowed: one private address among public ones is how a rebinding begins.
   * @throws RefusedAddressError
   */
  check(url: URL, addresses: readonly string[]): void;
  /** The host is named in the list, or is an address of it: it may use http and any port. */
  isPrivateHost(url: URL): boolean;
}

/** Ports below 1024 belong to other protocols. */
const publicPorts: readonly number[] = [443];
const firstFreePort = 1_024;
/** Of servers that execute what is sent to them line by line. */
const refusedPorts: readonly number[] = [1433, 3306, 5432, 6379, 9200, 11211, 27017];
const maxUrl = 2_048;

/** Not marked as special in the library: addresses outside of 2000::/3 are not routed. */
const globalUnicast: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse("2000::"), 3];

/** @param allowed CIDRs, addresses and host names whose private addresses are allowed */
export function createAddressPolicy(allowed: () => readonly string[]): AddressPolicy {
  const isAllowedAddress = (address: ipaddr.IPv4 | ipaddr.IPv6) =>
    allowed().some((entry) => {
      const range = readRange(entry);
      return range !== undefined && range[0].kind() === address.kind() && address.match(range);
    });
  const isNamed = (host: string) =>
    allowed().some((entry) => readRange(entry) === undefined && entry.toLowerCase() === host);

  function checkAddress(text: string, host: string): void {
    const address = parseAddress(text);
    if (address === undefined) throw new RefusedAddressError(`${text} is not an IP address`);
    if (isAllowedAddress(address)) return;
    const kind = rangeOf(address);
    if (kind === "public") return;
    // the metadata service of a cloud is never meant by a name
    if (isNamed(host) && kind !== "linkLocal") return;
    throw new RefusedAddressError(
      `${host} is at ${address.toString()}, a ${kind} address; deliveries.allow_private lists the private receivers that are allowed`,
    );
  }

  const isPrivateHost = (url: URL) => {
    const host = hostOf(url);
    const literal = parseAddress(host);
    return literal === undefined ? isNamed(host) : isAllowedAddress(literal);
  };

  return {
    isPrivateHost,
    readUrl(text) {
      const url = text.length <= maxUrl ? URL.parse(text) : null;
      if (url === null) throw new RefusedAddressError("the URL is not valid");
      if (url.protocol !== "https:" && url.protocol !== "http:") {
        throw new RefusedAddressError("the URL must begin with https://");
      }
      if (url.username !== "" || url.password !== "") {
        throw new RefusedAddressError("the URL must not hold a user name or a password");
      }
      if (url.hash !== "") throw new RefusedAddressError("the URL must not hold a fragment");
      const isPrivate = isPrivateHost(url);
      if (url.protocol === "http:" && !isPrivate) {
        throw new RefusedAddressError(
          "http:// is allowed for receivers of deliveries.allow_private only; use https://",
        );
      }
      if (!isPrivate) checkPort(url);
      const host = hostOf(url);
      if (parseAddress(host) !== undefined) checkAddress(host, host);
      else if (!isPrivate && !host.includes(".")) {
        throw new RefusedAddressError(`"${host}" is not a public host name`);
      }
      return url;
    },
    check(url, addresses) {
      const host = hostOf(url);
      if (addresses.length === 0) throw new RefusedAddressError(`${host} has no address`);
      for (const address of addresses) checkAddress(address, host);
    },
  };
}

/** Without brackets and without the dot of the root. `URL` has read decimal, octal and hexadecimal forms. */
export function hostOf(url: URL): string {
  return url.hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
}

/** What is wrong with an entry of the list; undefined when nothing is. */
export function allowedEntryProblem(entry: string): string | undefined {
  if (readRange(entry) !== undefined) return undefined;
  return /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(entry) && !/^[\d.]+$/.test(entry)
    ? undefined
    : `"${entry.slice(0, 80)}" is neither an address, nor a range such as 10.0.0.0/8, nor a host name`;
}

function checkPort({ port, hostname }: URL): void {
  const number = port === "" ? 443 : Number(port);
  const isFree = number >= firstFreePort && !refusedPorts.includes(number);
  if (!publicPorts.includes(number) && !isFree) {
    throw new RefusedAddressError(
      `port ${number} of ${hostname} is refused: use 443, or a port above 1023 that no database uses`,
    );
  }
}

function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  return ipaddr.isValid(text) ? ipaddr.parse(text) : undefined;
}

function readRange(entry: string): [ipaddr.IPv4 | ipaddr.IPv6, number] | undefined {
  if (ipaddr.isValidCIDR(entry)) return ipaddr.parseCIDR(entry);
  const address = /[.:]/.test(entry) ? parseAddress(entry) : undefined;
  return address === undefined ? undefined : [address, address.kind() === "ipv4" ? 32 : 128];
}

/** `public`, or the name of the special range. Addresses that carry an IPv4 address are never public. */
function rangeOf(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  const range = address.range();
  if (range !== "unicast") return range;
  if (address instanceof ipaddr.IPv6 && !address.match(globalUnicast)) return "reserved";
  return "public";
}
