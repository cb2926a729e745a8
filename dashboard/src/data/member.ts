/** The member of a list that a text is, such as a parameter of an address; undefined for any other. */
export function member<const T extends string>(
  values: readonly T[],
  text: string | null,
): T | undefined {
  return values.find((value) => value === text);
}
