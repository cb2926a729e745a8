import type { frame as en } from "../en/frame.ts";
import { translationOf } from "../message.ts";

export const frame = translationOf<typeof en>()({
  "frame.navigation": "Ana menü",
  "frame.screen.overview": "Genel Bakış",
  "frame.screen.live": "Canlı",
  "frame.screen.search": "Arama",
  "frame.screen.windows": "Pencereler",
  "frame.group.explore": "Keşfet",
  "frame.group.operate": "Operasyon",
  "frame.fresh": "Son veri: {age} önce",
  "frame.fresh.behind": { one: "{count} etkinlik bekliyor", other: "{count} etkinlik bekliyor" },
  "frame.fresh.why": "Sayılar, bu andan önce kaydedilen tüm etkinlikleri içerir.",
  "frame.version": "sürüm {version}",
  "frame.menu": "Menü ve tercihler",
  "frame.theme": "Tema",
  "frame.theme.light": "Açık",
  "frame.theme.dark": "Koyu",
  "frame.theme.system": "Sistem",
  "frame.language": "Dil",
  "frame.shortcuts": "Klavye kısayolları",
  "frame.signed-in": "Oturum açan: {service}",
  "frame.role": "Rol: {role}",
  "frame.sign-out": "Oturumu kapat",
  "frame.api": "API dokümantasyonu",
});
