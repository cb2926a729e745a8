import assert from "node:assert/strict";
import { test } from "node:test";
import { allowedEntryProblem, createAddressPolicy, RefusedAddressError } from "./address-policy.ts";

const strict = createAddressPolicy(() => []);

/** Whether the URL with these addresses behind its name is refused. */
function isRefused(url: string, addresses: readonly string[] = [], policy = strict): boolean {
  try {
    const parsed = policy.readUrl(url);
    if (addresses.length > 0) policy.check(parsed, addresses);
    return false;
  } catch (error) {
    if (error instanceof RefusedAddressError) return true;
    throw error;
  }
}

test("public addresses are allowed, in the URL and behind a name", () => {
  for (const url of [
    "https://example.org/a?b=c",
    "https://8.8.8.8/",
    "https://example.org:8443/",
    "https://[2606:4700::1111]/",
  ]) {
    assert.equal(isRefused(url), false, url);
  }
  assert.equal(
    isRefused("https://example.org/", ["93.184.215.14", "2606:2800:21f:cb07::1"]),
    false,
  );
});

test("every special range is refused, written in any notation", () => {
  const hosts = [
    // loopback: dotted, short, decimal, octal, hexadecimal, with the dot of the root, full-width digits
    ...[
      "127.0.0.1",
      "127.1",
      "2130706433",
      "017700000001",
      "0177.0.0.1",
      "0x7f000001",
      "0x7f.1",
      "127.0.0.1.",
      "１２７.0.0.1",
    ],
    // unspecified, private, shared, link-local, metadata, benchmark, documentation, multicast, reserved, broadcast
    ...[
      "0",
      "0.0.0.0",
      "10.0.0.1",
      "172.16.0.1",
      "172.31.255.255",
      "192.168.1.1",
      "100.64.0.1",
      "169.254.1.1",
    ],
    ...[
      "169.254.169.254",
      "2852039166",
      "198.18.0.1",
      "192.0.2.1",
      "198.51.100.1",
      "203.0.113.1",
      "192.0.0.192",
    ],
    ...["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1"],
    // IPv6: loopback, unspecified, link-local, site-local, unique local, multicast, documentation, discard
    ...[
      "[::1]",
      "[::]",
      "[fe80::1]",
      "[fec0::1]",
      "[fc00::1]",
      "[fd00:ec2::254]",
      "[ff02::1]",
      "[2001:db8::1]",
      "[100::1]",
    ],
    // IPv6 that carries an IPv4 address: mapped, compatible, translated, NAT64 (both prefixes), 6to4, Teredo
    ...[
      "[::ffff:127.0.0.1]",
      "[::ffff:a9fe:a9fe]",
      "[::ffff:8.8.8.8]",
      "[::127.0.0.1]",
      "[::ffff:0:127.0.0.1]",
    ],
    ...[
      "[64:ff9b::127.0.0.1]",
      "[64:ff9b:1::a00:1]",
      "[2002:7f00:1::]",
      "[2002:a9fe:a9fe::1]",
      "[2001:0:1::1]",
    ],
  ];
  for (const host of hosts) assert.equal(isRefused(`https://${host}/`), true, host);
  for (const host of hosts.filter((one) => /^[\d.]+$/.test(one) || one.startsWith("["))) {
    const address = new URL(`https://${host}/`).hostname.replace(/^\[|\]$/g, "");
    assert.equal(isRefused("https://example.org/", [address]), true, `${host} behind a name`);
  }
});

test("one private address among public ones refuses the name", () => {
  assert.equal(isRefused("https://example.org/", ["93.184.215.14", "10.0.0.1"]), true);
  assert.throws(() => strict.check(new URL("https://example.org/"), []), RefusedAddressError);
  assert.throws(
    () => strict.check(new URL("https://example.org/"), ["nonsense"]),
    RefusedAddressError,
  );
});

test("schemes, credentials, fragments, ports and local names that a receiver never needs are refused", () => {
  const urls = [
    ...[
      "http://example.org/",
      "ftp://example.org/",
      "file:///etc/passwd",
      "gopher://example.org/",
      "unix:/run/a.sock",
    ],
    ...[
      "https://user@example.org/",
      "https://user:pass@example.org/",
      "https://example.org/#fragment",
    ],
    ...[
      "https://example.org:22/",
      "https://example.org:25/",
      "https://example.org:80/",
      "https://example.org:6379/",
      "https://example.org:5432/",
    ],
    ...[
      "https://localhost/",
      "https://metadata/",
      "https://postgres:8443/",
      "nonsense",
      "",
      `https://example.org/${"a".repeat(3_000)}`,
    ],
    "https://example.org@127.0.0.1/",
  ];
  for (const url of urls) assert.equal(isRefused(url), true, url);
});

test("what the list allows may be private and use http, and nothing else may", () => {
  const policy = createAddressPolicy(() => [
    "127.0.0.1",
    "10.1.0.0/16",
    "fd00::/8",
    "hooks.internal",
  ]);
  const allowed: readonly (readonly [string, readonly string[]])[] = [
    ["http://127.0.0.1:8080/", []],
    ["http://10.1.2.3/", []],
    ["https://[fd00::1]:22/", []],
    ["http://hooks.internal:80/", ["192.168.7.7"]],
    ["https://example.org/", ["10.1.9.9"]],
  ];
  for (const [url, addresses] of allowed)
    assert.equal(isRefused(url, addresses, policy), false, url);
  const refused: readonly (readonly [string, readonly string[]])[] = [
    ["http://127.0.0.2/", []],
    ["http://[::ffff:127.0.0.1]/", []],
    ["https://10.2.0.1/", []],
    ["http://example.org/", ["10.1.9.9"]],
    ["https://other.internal/", ["192.168.7.7"]],
    ["http://hooks.internal/", ["169.254.169.254"]],
    ["https://hooks.internal@10.2.0.1/", []],
  ];
  for (const [url, addresses] of refused)
    assert.equal(isRefused(url, addresses, policy), true, url);
});

test("an entry of the list is an address, a range or a host name", () => {
  for (const entry of [
    "127.0.0.1",
    "::1",
    "10.0.0.0/8",
    "fd00::/8",
    "hooks.internal",
    "receiver",
  ]) {
    assert.equal(allowedEntryProblem(entry), undefined, entry);
  }
  for (const entry of ["10.0.0.0/33", "300.1.1.1", "*", "http://a", "a b", ""]) {
    assert.notEqual(allowedEntryProblem(entry), undefined, entry);
  }
});
