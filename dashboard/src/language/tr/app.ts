import type { app as en } from "../en/app.ts";
import { translationOf } from "../message.ts";

export const app = translationOf<typeof en>()({
  "app.name": "Weir",
  "app.skip": "İçeriğe geç",
  "app.loading": "Yükleniyor…",
  "app.copy": "Kopyala",
  "app.copied": "Kopyalandı",
  "app.close": "Kapat",
  "app.cancel": "İptal",
  "app.apply": "Uygula",
  "app.retry": "Tekrar dene",
  "app.more": "Daha fazla göster",
  "app.csv": "CSV",
  "app.csv.of": "CSV olarak indir: {what}",
  "app.none": "yok",
  "app.not-found.title": "Sayfa bulunamadı",
  "app.not-found.text": "Adresi kontrol edin. Sayfa taşınmış olabilir.",
  "app.to-overview": "Genel Bakış ekranına git",
  "app.crashed.title": "Bir sorun oluştu",
  "app.crashed.text":
    "Veri kaybı olmadı: bu panel yalnızca verileri gösterir. Tekrar deneyin. Sorun devam ederse yöneticinize başvurun.",
});
