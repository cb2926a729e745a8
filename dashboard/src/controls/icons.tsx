const paths = {
  overview: "M3 16V9m4.7 7V4m4.6 12v-5M17 16V7",
  live: "M2 10h3.500l2-5 4 10 2.500-7 1.200 2H18",
  search: "M14.500 9a5.500 5.500 0 1 1-11 0 5.500 5.500 0 0 1 11 0zM13 13l4 4",
  similar:
    "M12.500 8a4.500 4.500 0 1 1-9 0 4.500 4.500 0 0 1 9 0zM16.500 12a4.500 4.500 0 1 1-9 0 4.500 4.500 0 0 1 9 0z",
  windows: "M3 4h14v12H3zM3 8.500h14M8 8.500V16m4.700-7.500V16",
  menu: "M3 5h14M3 10h14M3 15h14",
  close: "M5 5l10 10M15 5L5 15",
  pause: "M7 4v12M13 4v12",
  play: "M6 4l10 6-10 6z",
  plus: "M10 4v12M4 10h12",
  copy: "M7 7V3h10v10h-4M3 7h10v10H3z",
  download: "M10 3v9m-4-3.500 4 4 4-4M3 16.500h14",
  help: "M7.500 7.500a2.500 2.500 0 1 1 3.600 2.200c-.7.4-1.100.9-1.100 1.800m0 2.800v.2M17.500 10a7.500 7.500 0 1 1-15 0 7.500 7.500 0 0 1 15 0z",
  out: "M12 3.500H4v13h8M8 10h9m-3-3 3 3-3 3",
  rerun: "M16 10a6 6 0 1 1-1.800-4.300L16 7.500M16 3v4.500h-4.500",
  filter: "M3 5h14l-5.500 6v5l-3-1.500V11z",
} as const;

export type IconName = keyof typeof paths;

/** An icon. It always has a text or a label beside it, and is hidden from screen readers. */
export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.500"
      strokeLinecap="round"
      strokeLinejoin="round"
      className="flex-none"
    >
      <path d={paths[name]} />
    </svg>
  );
}

/** Three threads of water that fall over the crest. */
export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 32 32"
      fill="none"
      className="flex-none text-accent"
    >
      <path
        d="M3 8h12c5 0 4 9 8.500 9H29M3 13.500h9c5 0 4 9 8.500 9H29"
        stroke="currentColor"
        strokeWidth="2.400"
        strokeLinecap="round"
      />
      <path
        d="M3 19h6c4.500 0 4 8.500 8.500 8.500H29"
        stroke="currentColor"
        strokeWidth="2.400"
        strokeLinecap="round"
        opacity=".45"
      />
    </svg>
  );
}
