/** The zones to select from: the current one, the browser's, UTC, then all that the browser knows. */
export function zoneList(shown: string, own: string): string[] {
  return [...new Set([shown, own, "UTC", ...Intl.supportedValuesOf("timeZone")])];
}
