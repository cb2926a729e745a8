/**
 * The forms of texts on the wire, as regular expressions (ECMA-262, flag `u`). The server checks with
 * the same text that the API document shows. A name of the word `expects` says in words what fits.
 */
const days =
  "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))";
const hours = "(?:[01][0-9]|2[0-3])";
const minutes = "[0-5][0-9]";
const offset = `(?:[Zz]|[+-]${hours}:${minutes})`;
const leapYears = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
const date = `(?:[0-9]{4}-${days}|${leapYears}-02-29)`;
/** From 1970 on: when an event can have happened. */
const eventDate = `(?:(?:19[7-9][0-9]|[2-9][0-9]{3})-${days}|(?:19(?:7[26]|8[048]|9[26])|[2-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[3579][26])00)-02-29)`;
/** 2000 to 2199, the years of questions. */
const askedDate = `(?:2[01][0-9]{2}-${days}|(?:2[01](?:0[48]|[2468][048]|[13579][26])|2000)-02-29)`;

/** RFC 3339 with seconds and offset, of an existing day. */
export const instantPattern = `^${date}[Tt ]${hours}:${minutes}:${minutes}(?:\\.[0-9]{1,9})?${offset}$`;
export const instantExpects = "an RFC 3339 instant with offset, e.g. 2027-01-31T12:00:00Z";

/** The time of an event. How far it may be in the future depends on the server's clock. */
export const eventInstantPattern = `^${eventDate}[Tt]${hours}:${minutes}:${minutes}(?:\\.[0-9]{1,30})?${offset}$`;

/** A date or an instant of the years 2000 to 2199; seconds may be left out. */
export const momentPattern = `^${askedDate}(?:[Tt]${hours}:${minutes}(?::${minutes}(?:\\.[0-9]{1,9})?)?${offset})?$`;
export const momentExpects =
  "a date or an RFC 3339 instant with offset from 2000 to 2199, e.g. 2026-11-21T09:30:00Z";

/** The same on a whole minute. */
export const minutePattern = `^${askedDate}(?:[Tt]${hours}:${minutes}(?::00(?:\\.0{1,9})?)?${offset})?$`;
export const minuteExpects =
  "a date or an RFC 3339 instant with offset on a whole minute from 2000 to 2199, e.g. 2026-11-21T09:30:00Z";

/** The form of an IANA time zone's name; whether it exists depends on the time-zone database. */
export const timeZonePattern = "^[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,3}$";

/** Of services and roles. */
export const namePattern = "^[a-z][a-z0-9-]{0,62}$";
/** The public part of an API key. */
export const keyIdPattern = "^[a-km-np-z2-9]{12}$";
export const uuidPattern = "^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
/** Cursors of lists: base64url. */
export const cursorPattern = "^[A-Za-z0-9_-]+$";
export const currencyPattern = "^[A-Za-z]{3}$";

const segment = "[a-z][a-z0-9_]{0,62}";
const method = "(?:get|post|put|patch|delete)";
export const permissionPattern = `^${segment}\\.${method}\\.${segment}$`;
/** A permission with `*` for one or more of its segments. */
export const wildcardPattern = `^(?:\\*\\.(?:${method}|\\*)\\.(?:${segment}|\\*)|(?:${segment}|\\*)\\.\\*\\.(?:${segment}|\\*)|(?:${segment}|\\*)\\.(?:${method}|\\*)\\.\\*)$`;

/** Any text that PostgreSQL can store. */
export const textPattern = "^[^\\u0000]*$";
/** A text on one line: no control characters. */
export const linePattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$";
