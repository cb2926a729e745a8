import type { signIn as en } from "../en/sign-in.ts";
import { translationOf } from "../message.ts";

export const signIn = translationOf<typeof en>()({
  "sign-in.title": "Oturum aç",
  "sign-in.lead": "Yetkili etkinliklerden kesin analizlere.",
  "sign-in.opening": "Oturum açılıyor…",
  "sign-in.key": "API anahtarı",
  "sign-in.key.hint": "weir_ ile başlar. Yalnızca bir kez, oluşturulduğunda gösterilmiştir.",
  "sign-in.submit": "Oturum aç",
  "sign-in.busy": "Oturum açılıyor…",
  "sign-in.link.title": "API anahtarınız yanınızda değil mi?",
  "sign-in.link.text":
    "Weir başlarken tek kullanımlık bir oturum açma bağlantısı yazdırır. Bağlantı bir kez kullanılabilir ve kısa süre sonra geçersiz olur.",
  "sign-in.link.used":
    "Bu bağlantı kullanılmış veya süresi dolmuş. Yeni bir bağlantı için Weir'i yeniden başlatın veya API anahtarıyla oturum açın.",
  "sign-in.key.empty": "Bir API anahtarı girin.",
  "sign-in.key.form": "Bu bir Weir anahtarı değil. Anahtarlar weir_ ile başlar.",
  "sign-in.private":
    "Anahtar yalnızca bu sunucuya gönderilir ve betiklerin okuyamadığı bir oturum çereziyle değiştirilir.",
  "sign-in.over": "İstediğiniz sayfaya devam etmek için oturum açın.",
});
