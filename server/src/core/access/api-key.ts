/**
 * API keys: `weir_<env>_<id>_<secret><checksum>`.
 *
 * The id is public (lists, logs, audit). The secret has 190 random bits, so storing its plain SHA-256 is
 * enough and costs a microsecond. The checksum allows refusing a truncated or mistyped key without a
 * look-up, and lets secret scanners recognise real keys.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import { WeirError } from "../errors.ts";

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 32 characters without l, o, 0 and 1, as ids are read aloud and typed. */
const base32 = "abcdefghijkmnpqrstuvwxyz23456789";
const secretLength = 32;
const checksumLength = 6;
const keyGrammar = /^weir_([a-z][a-z0-9]{0,15})_([a-km-np-z2-9]{12})_([0-9A-Za-z]{32,64})$/;
const keyInText = /weir_([a-z][a-z0-9]{0,15})_([a-z0-9]{12})_[0-9A-Za-z]+/g;

/** `random(n)` returns n random bytes, e.g. node's `randomBytes`. */
export type RandomBytes = (size: number) => Uint8Array;

export interface ApiKey {
  readonly env: string;
  readonly id: string;
  readonly secret: string;
}

/** A new key and its text; only `hashSecret(key.secret)` may be stored. */
export function generateApiKey(env: string, random: RandomBytes): ApiKey & { text: string } {
  const id = Array.from(random(12), (byte) => base32[byte & 31]).join("");
  const secret = randomText(secretLength, random);
  const body = `weir_${env}_${id}_${secret}`;
  const text = body + checksum(body);
  parseApiKey(text);
  return { env, id, secret, text };
}

/** @throws WeirError `key_malformed` if the text is not a complete key; the error reveals none of it. */
export function parseApiKey(text: string): ApiKey {
  const parts = text.length > 160 ? null : keyGrammar.exec(text);
  const [, env, id, tail] = parts ?? [];
  if (env === undefined || id === undefined || tail === undefined) {
    throw new WeirError("key_malformed", {
      detail: "an API key has the form weir_<env>_<id>_<secret>, without spaces or quotes",
    });
  }
  if (checksum(text.slice(0, -checksumLength)) !== text.slice(-checksumLength)) {
    throw new WeirError("key_malformed", {
      detail: "the checksum at the end of the key is wrong; the key is mistyped or truncated",
    });
  }
  return { env, id, secret: tail.slice(0, -checksumLength) };
}

export function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret, "utf8").digest();
}

/** Compares in constant time; hashes of another length are unequal, not an error. */
export function secretMatches(secret: string, storedHash: Uint8Array): boolean {
  const hash = hashSecret(secret);
  return storedHash.length === hash.length && timingSafeEqual(hash, storedHash);
}

/** `weir_dev_<id>_…`: shown in lists instead of the key. */
export function displayKey(env: string, id: string): string {
  return `weir_${env}_${id}_…`;
}

/** A text with every key in it reduced to its public part; for logs. */
export function redactKeys(text: string): string {
  return text.replace(keyInText, (_key, env: string, id: string) => displayKey(env, id));
}

/** Base62 text without bias: bytes that would favour the first characters are discarded. */
export function randomText(length: number, random: RandomBytes): string {
  let text = "";
  while (text.length < length) {
    for (const byte of random(length)) {
      if (byte < 248 && text.length < length) text += base62[byte % 62];
    }
  }
  return text;
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = "";
  for (let index = 0; index < checksumLength; index++) {
    text = `${base62[rest % 62]}${text}`;
    rest = Math.floor(rest / 62);
  }
  return text;
}
