/**
 * The path of this site that a form wants to return to. Anything that a browser could read as another
 * site's address becomes `/`.
 */
export function safePath(wanted: string | null | undefined): string {
  if (wanted === null || wanted === undefined || wanted.length > 1_000) return "/";
  // browsers read "\" as "/", and drop tabs and line breaks inside addresses
  if (!/^\/[^\s\\\p{Cc}]*$/u.test(wanted) || wanted.startsWith("//")) return "/";
  const base = "http://shop.invalid";
  const url = URL.parse(wanted, base);
  if (url?.origin !== base || url.pathname.startsWith("//")) return "/"; // of "/a/..//other.example"
  return `${url.pathname}${url.search}`;
}
