import type { metric as en } from "../en/metric.ts";
import { translationOf } from "../message.ts";

export const metric = translationOf<typeof en>()({
  "metric.label": "Metrik",
  "metric.events": "Etkinlikler",
  "metric.users": "Kullanıcılar",
  "metric.sessions": "Oturumlar",
  "metric.views": "Görüntüleme",
  "metric.carts": "Sepete ekleme",
  "metric.purchases": "Satın alma",
  "metric.revenue": "Gelir",
  "metric.conversion": "Dönüşüm oranı",
  "metric.conversion.why": "En az bir satın alma içeren oturumların oranı",
});
