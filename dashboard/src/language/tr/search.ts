import type { search as en } from "../en/search.ts";
import { translationOf } from "../message.ts";

export const search = translationOf<typeof en>()({
  "search.query": "Arama sorgusu",
  "search.mode": "Arama ölçütü",
  "search.mode.text": "Anlam",
  "search.mode.product": "Ürün",
  "search.mode.user": "Kullanıcı",
  "search.mode.text.text": "Metni, sorgunuza anlamca yakın olan ürünler.",
  "search.mode.product.text": "Belirli bir ürüne benzeyen ürünler.",
  "search.mode.user.text": "Kullanıcının beğenebileceği ürünler; satın aldıkları hariç.",
  "search.term.text": "Bir ürün tarif edin",
  "search.term.product": "Ürün kimliği",
  "search.term.user": "Kullanıcı kimliği",
  "search.submit": "Ara",
  "search.category": "Kategori",
  "search.category.only": "Kategoriye göre filtrele: {category}",
  "search.price.from": "Min. fiyat",
  "search.price.to": "Maks. fiyat",
  "search.price.upside-down": "En düşük fiyat, en yüksek fiyattan yüksek olamaz.",
  "search.hybrid": "Kelimeleri de eşleştir",
  "search.hybrid.why":
    "Anlam benzerliğini kelime ve harf eşleşmesiyle birleştirir. Parça numaraları, tam adlar ve kelime ekleri için kullanışlıdır.",
  "search.models": "Modeller",
  "search.model": "Model",
  "search.model.live": "{id} (yayında)",
  "search.model.gone": "{id} (mevcut değil)",
  "search.model.none": "yayında model yok",
  "search.model.building": "Hazırlanıyor: {id}",
  "search.model.failing": "{id} hazırlanamıyor: {error}",
  "search.models.one": "Karşılaştırmak için bir model daha ekleyin:",
  "search.beside": "Karşılaştırma",
  "search.beside.none": "Yok",
  "search.shared": {
    one: "{most} ürünün {count} tanesi iki listede de var.",
    other: "{most} ürünün {count} tanesi iki listede de var.",
  },
  "search.results": "Sonuçlar",
  "search.results.of": "{model} modelinin sonuçları",
  "search.results.none":
    "Eşleşme yok. Başka kelimeler deneyin veya kategori ve fiyat filtrelerini genişletin.",
  "search.results.unknown":
    "Bu kimliğe sahip bir ürünün henüz adı, açıklaması veya kategorisi yok. Ürün, bunlardan birini içeren ilk etkinlikten yaklaşık 0,1 sn sonra bulunabilir.",
  "search.source.dimension": "{dimension} boyut",
  "search.source.fitted": {
    one: "{count} ürünle eğitildi",
    other: "{count} ürünle eğitildi",
  },
  "search.source.points": {
    one: "dizinde {count} ürün ({driver})",
    other: "dizinde {count} ürün ({driver})",
  },
  "search.source.loading": "Dizin yükleniyor: sonuçlar eksik olabilir",
  "search.like": "Benzerleri aranan ürün:",
  "search.basis.interest":
    "Bu kullanıcının görüntülediği, sepete eklediği ve satın aldığı ürünlere göre.",
  "search.basis.popular":
    "Bu kullanıcının henüz bilinen bir etkinliği yok. Popüler ürünler gösteriliyor.",
  "search.bought": {
    one: "Satın alınan {count} ürün hariç tutuldu.",
    other: "Satın alınan {count} ürün hariç tutuldu.",
  },
  "search.score.why": "Kosinüs benzerliği. 1, aynı metin demektir.",
  "search.similar": "Benzerleri",
  "search.similar.of": "Benzer ürünler: {product}",
  "search.only-here": "yalnızca bu listede",
  "search.rank-there": "diğer listede {rank}. sırada",
  "search.start.text.title": "Tam adıyla değil, anlamıyla arayın",
  "search.start.text.text":
    "Yazım hataları, eksik kelimeler ve ekler sorun olmaz. Yeni ürünler, ilk etkinliklerinden yaklaşık 0,1 sn sonra bulunabilir. En çok görüntülenen ürünlerden birini deneyin:",
  "search.start.product.title": "Benzer ürünleri bulun",
  "search.start.product.text":
    "Yalnızca katalog metnine göre: ad, açıklama ve kategori. En çok görüntülenen ürünlerden birini deneyin:",
  "search.start.user.title": "Bir kullanıcı için öneriler",
  "search.start.user.text":
    "Görüntüleme, sepete ekleme ve satın almalara göre. Yakın zamandakiler daha çok etkiler. Yakın zamanda görülen bir kullanıcıyı deneyin:",
  "search.start.examples": "Örnekler",
  "search.start.empty": "Henüz ürün yok. Ürün içeren bir etkinlik gönderin:",
});
