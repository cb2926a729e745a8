import type { LanguageTexts } from "./template.ts";

const action = "Siparişi görüntüle";

export const turkish: LanguageTexts = {
  locale: "tr-TR",
  total: "Toplam",
  footer:
    "Weir Shop. Bu iletiyi, mağazamızdaki bir sipariş veya oturum açma isteği nedeniyle aldınız.",
  templates: {
    order_created: {
      subject: "{order_number} numaralı siparişinizi aldık",
      paragraphs: [
        "{date} tarihli siparişiniz için teşekkür ederiz.",
        "Ödemeniz ulaştığında size yeniden yazacağız.",
      ],
      items: true,
      action,
    },
    order_paid: {
      subject: "{order_number} numaralı siparişinizin ödemesi alındı",
      paragraphs: ["{total} tutarındaki ödemenizi aldık. Siparişiniz hazırlanıyor."],
      items: true,
      action,
    },
    order_shipped: {
      subject: "{order_number} numaralı siparişiniz yola çıktı",
      paragraphs: ["Siparişiniz {date} tarihinde kargoya verildi."],
      items: true,
      action,
    },
    order_delivered: {
      subject: "{order_number} numaralı siparişiniz teslim edildi",
      paragraphs: ["Siparişiniz {date} tarihinde teslim edildi. Güle güle kullanın!"],
      action,
    },
    order_cancelled: {
      subject: "{order_number} numaralı siparişiniz iptal edildi",
      paragraphs: [
        "Siparişiniz {date} tarihinde iptal edildi.",
        "Ödeme yaptıysanız {total} tutarı iade edilecektir.",
      ],
      action,
    },
    order_refunded: {
      subject: "{order_number} numaralı siparişinizin iadesi",
      paragraphs: [
        "{total} tutarını iade ettik. Bankanızın hesabınıza yansıtması birkaç gün sürebilir.",
      ],
      action,
    },
    payment_failed: {
      subject: "{order_number} numaralı siparişinizin ödemesi başarısız oldu",
      paragraphs: [
        "Bankanız {total} tutarındaki ödemeyi kabul etmedi.",
        "Kartınızdan para çekilmedi. Başka bir kartla yeniden sipariş verebilirsiniz.",
      ],
      action,
    },
    sign_in_link: {
      subject: "Giriş bağlantınız",
      paragraphs: [
        "Oturum açmak için bu bağlantıyı kullanın. Bağlantı bir kez ve {minutes} dakika geçerlidir.",
        "Bu isteği siz yapmadıysanız iletiyi dikkate almayın.",
      ],
      action: "Oturum aç",
    },
  },
};
