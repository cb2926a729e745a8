import type { error as en } from "../en/error.ts";
import { translationOf } from "../message.ts";

export const error = translationOf<typeof en>()({
  "error.permission": "Eksik izin",
  "error.permission.how": "Bir yönetici bu izni {service} servisine verebilir.",
  "error.code": "Kod",
  "error.request": "İstek kimliği",
  "error.unreachable": "Weir yanıt vermiyor",
  "error.unreachable.text": "Sunucu yeniden başlatılıyor veya ağ bağlantısı kesilmiş olabilir.",
  "error.unreadable": "Beklenmeyen yanıt",
  "error.unreadable.text":
    "Yanıt Weir'den gelmedi. Bu sayfa ile Weir arasındaki bir vekil sunucu yanıt vermiş olabilir.",
});
