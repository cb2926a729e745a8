/** Sizes as people write them in settings: `512 MiB`, `2GB`, `1048576`. */

/** For schemas of settings. */
export const sizePattern = "^[0-9]+(\\.[0-9]+)? ?([kKMGT]i?)?B?$";

const powers: Readonly<Record<string, number>> = { "": 0, K: 1, M: 2, G: 3, T: 4 };

/** Bytes. `MB` is 1,000,000 bytes and `MiB` 1,048,576. @throws RangeError for other text */
export function parseSize(text: string): number {
  const [, number, prefix = "", binary] =
    /^([0-9]+(?:\.[0-9]+)?) ?(?:([kKMGT])(i)?)?B?$/.exec(text) ?? [];
  const power = powers[prefix.toUpperCase()];
  if (number === undefined || power === undefined) {
    throw new RangeError(`"${text}" is not a size such as 512 MiB`);
  }
  return Math.round(Number(number) * (binary === undefined ? 1_000 : 1_024) ** power);
}

const names = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;

/** For people: three digits are enough, `1.25 GiB`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_024 && unit < names.length - 1) {
    value /= 1_024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${names[unit]}`;
}
