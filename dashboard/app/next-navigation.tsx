"use client";
import NextLink from "next/link";
import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { type ReactNode, useMemo } from "react";
import { type LinkProps, type Navigation, NavigationProvider } from "../src/frame/navigation.tsx";

/** Next's router as the navigation of the screens. */
export function NextNavigation({ children }: { children: ReactNode }) {
  const router = useRouter();
  const pathname = usePathname();
  const search = useSearchParams().toString();
  const navigation = useMemo<Navigation>(() => {
    const path = pathname.endsWith("/") ? pathname : `${pathname}/`;
    return {
      path,
      query: new URLSearchParams(search),
      Link,
      go: (address, how = "push") => router[how](address),
      setQuery(query, how = "push") {
        const text = query.toString();
        // Next follows the History API without a request.
        const write = how === "push" ? "pushState" : "replaceState";
        window.history[write](null, "", text === "" ? path : `${path}?${text}`);
      },
    };
  }, [router, pathname, search]);
  return <NavigationProvider value={navigation}>{children}</NavigationProvider>;
}

function Link(props: LinkProps) {
  return <NextLink {...props} />;
}
