import type { range as en } from "../en/range.ts";
import { translationOf } from "../message.ts";

export const range = translationOf<typeof en>()({
  "range.label": "Zaman aralığı",
  "range.1h": "1 sa",
  "range.24h": "24 sa",
  "range.today": "Bugün",
  "range.yesterday": "Dün",
  "range.7d": "7 gün",
  "range.30d": "30 gün",
  "range.90d": "90 gün",
  "range.custom": "Özel…",
  "range.custom.title": "Özel aralık",
  "range.custom.from": "Başlangıç",
  "range.custom.to": "Bitiş (hariç)",
  "range.custom.zone": "Saatler {zone} saat dilimindedir.",
  "range.custom.wrong": "Bitiş, başlangıçtan sonra ve en fazla 400 gün sonra olmalıdır.",
  "range.compared": "(karşılaştırma: {range})",
  "range.granularity": "Ayrıntı düzeyi",
  "range.granularity.auto": "Otomatik ({granularity})",
  "range.granularity.minute": "Dakika",
  "range.granularity.hour": "Saat",
  "range.granularity.day": "Gün",
  "range.zone": "Saat dilimi",
  "range.zone.own": "{zone} (tarayıcı)",
});
