/** FNV-1a of a text: the same on every machine, so that a product keeps its picture. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return hash >>> 0;
}

/** An entry of the list by the hash; `turn` gives independent choices of one hash. */
export function choose<const List extends readonly [unknown, ...unknown[]]>(
  list: List,
  hash: number,
  turn: number,
): List[number] {
  const mixed = Math.imul(hash ^ (turn * 0x9e3779b1), 0x85ebca6b) >>> 0;
  return list[(mixed >>> 8) % list.length] ?? list[0];
}
