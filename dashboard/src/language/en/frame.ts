import type { Texts } from "../message.ts";

/** What surrounds every screen: navigation, header, preferences. */
export const frame = {
  "frame.navigation": "Main navigation",
  "frame.screen.overview": "Overview",
  "frame.screen.live": "Live",
  "frame.screen.search": "Search",
  "frame.screen.windows": "Windows",
  "frame.group.explore": "Explore",
  "frame.group.operate": "Operations",
  "frame.fresh": "Data as of {age} ago",
  "frame.fresh.behind": { one: "{count} event pending", other: "{count} events pending" },
  "frame.fresh.why": "The numbers include every event committed before this time.",
  "frame.version": "version {version}",
  "frame.menu": "Menu and preferences",
  "frame.theme": "Theme",
  "frame.theme.light": "Light",
  "frame.theme.dark": "Dark",
  "frame.theme.system": "System",
  "frame.language": "Language",
  "frame.shortcuts": "Keyboard shortcuts",
  "frame.signed-in": "Signed in as {service}",
  "frame.role": "Role: {role}",
  "frame.sign-out": "Sign out",
  "frame.api": "API reference",
} as const satisfies Texts;
