/** A guard is named `<kind>` or `<kind>:<id>`; the id may itself contain colons. */

export function guardKind(name: string): string {
  const colon = name.indexOf(":");
  return colon === -1 ? name : name.slice(0, colon);
}

/** Whether the name has an id: there can be any number of these, and they come and go. */
export function hasId(name: string): boolean {
  return name.includes(":");
}
