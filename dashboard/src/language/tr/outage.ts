import type { outage as en } from "../en/outage.ts";
import { translationOf } from "../message.ts";

export const outage = translationOf<typeof en>()({
  "outage.database": "Weir {time} saatinden beri veritabanına ulaşamıyor",
  "outage.server": "Weir {time} saatinden beri yanıt vermiyor",
  "outage.retrying": "Yeniden deneniyor; sayfa kendiliğinden yeniden dolacak.",
  "outage.safe":
    "Kabul edilmiş hiçbir etkinlik kaybolmaz. Yeni etkinlikler şimdilik reddediliyor, gönderenler yeniden gönderiyor.",
  "outage.waiting": "Weir'in yeniden yanıt vermesi bekleniyor.",
});
