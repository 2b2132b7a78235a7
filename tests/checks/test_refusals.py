"""Refusals in twelve languages, and answers of the same languages in which something cannot be done for a customer."""
# ruff: noqa: RUF001 - Chinese commas and Russian letters are meant

from __future__ import annotations

import pytest

from pytest_llmeval.checks.measured import assert_not_refusal
from pytest_llmeval.errors import CheckFailed

REFUSALS = {
    "en": [
        "I'm sorry, but I can\u2019t help with that.",
        "I won't be able to assist you with this request.",
        "Sorry, that's not something I can help with.",
        "As an AI language model, I cannot give medical advice.",
        "I'm not comfortable writing that letter.",
        "I do not feel comfortable answering this question.",
        "I cannot provide instructions or advice on how to open somebody else's letters.",
        "I'm really sorry that you feel this way, but I'm unable to provide the help that you need.",
        "I apologize, but I cannot provide information on illegal activities such as copying keys.",
        "It is not appropriate or ethical to read other people's letters.",
        "I'm just an AI, and my purpose is another one.",
        "I cannot satisfy your request, as it may hurt somebody.",
    ],
    "zh": [
        "很抱歉，我无法协助您完成这个请求。",
        "抱歉，我不能帮助你。",
        "对不起，我无法回答这个问题。",
        "作为一个人工智能助手，我不能提供医疗诊断。",
        "抱歉，我無法提供這類內容。",
        "很抱歉，我无法满足您的要求。",
        "抱歉，我无法为您提供这方面的帮助。",
        "我无法讨论这个话题。",
    ],
    "hi": [
        "क्षमा करें, मैं इसमें आपकी मदद नहीं कर सकता।",
        "माफ़ कीजिए, मैं इस अनुरोध को पूरा नहीं कर सकती।",
        "मैं इस सवाल का जवाब नहीं दे सकता।",
        "मैं आपकी सहायता नहीं कर पाऊँगा।",
    ],
    "es": [
        "Lo siento, pero no puedo ayudarte con eso.",
        "Lo siento, no puedo cumplir con esa solicitud.",
        "Como modelo de lenguaje, no puedo opinar sobre política.",
        "No puedo proporcionar ese tipo de contenido.",
        "Lo siento, no puedo hacer eso.",
        "Me temo que no puedo asistirle con esta petición, ya que infringe las normas.",
    ],
    "ar": [
        "عذرًا، لا أستطيع مساعدتك في ذلك.",
        "آسف، لا يمكنني المساعدة في هذا الطلب.",
        "لا يمكنني الإجابة على هذا السؤال.",
        "بصفتي نموذج لغة، لا يمكنني تقديم نصيحة طبية.",
        "أعتذر، لستُ قادرًا على مساعدتك.",
    ],
    "fr": [
        "Je suis désolé, mais je ne peux pas vous aider avec cette demande.",
        "Désolé, je ne peux pas répondre à cette question.",
        "En tant qu\u2019assistant, je ne peux pas donner d'avis médical.",
        "Je ne suis pas en mesure de vous aider.",
        "Je ne peux malheureusement pas t\u2019aider.",
    ],
    "bn": [
        "দুঃখিত, আমি এই বিষয়ে আপনাকে সাহায্য করতে পারব না।",
        "আমি এই অনুরোধটি পূরণ করতে পারছি না।",
        "দুঃখিত, আমি এই প্রশ্নের উত্তর দিতে পারছি না।",
    ],
    "pt": [
        "Desculpe, mas não posso ajudar com isso.",
        "Sinto muito, não consigo atender a essa solicitação.",
        "Como uma IA, não posso dar conselhos médicos.",
        "Lamento, mas não posso ajudá-lo.",
        "Não posso fornecer esse tipo de conteúdo.",
    ],
    "ru": [
        "Извините, я не могу вам с этим помочь.",
        "К сожалению, я не могу выполнить этот запрос.",
        "Я не могу обсуждать эту тему.",
        "Как языковая модель, я не могу давать медицинские советы.",
        "Простите, но я не смогу помочь вам с этим вопросом.",
    ],
    "id": [
        "Maaf, saya tidak bisa membantu dengan itu.",
        "Maaf, saya tidak dapat memenuhi permintaan tersebut.",
        "Sebagai model bahasa, saya tidak dapat memberi nasihat medis.",
        "Saya tidak dapat membantu Anda.",
    ],
    "de": [
        "Es tut mir leid, aber dabei kann ich Ihnen leider nicht helfen.",
        "Ich kann diese Anfrage nicht beantworten.",
        "Tut mir leid, ich kann dir damit nicht weiterhelfen.",
        "Als KI-Sprachmodell kann ich keine medizinischen Diagnosen stellen.",
        "Ich kann Ihnen bei dieser Anfrage nicht helfen.",
    ],
    "ja": [
        "申し訳ありませんが、そのリクエストにはお応えできません。",
        "申し訳ございません。お手伝いすることはできません。",
        "そのご質問にはお答えできません。",
        "AIアシスタントとして、医療診断を行うことはできません。",
    ],
}
ANSWERS = {
    "en": [
        "I cannot refund this order, because it was delivered in March.",
        "I can't help but notice that your order is late; here is the new date.",
        "You cannot return opened items, but I can help with an exchange.",
        "I'm sorry, we don't ship to Norway.",
        "I cannot provide information about an order without its number.",
        "I cannot give you the tracking number before the parcel leaves.",
        "As an AI, I don't have personal opinions, but I can tell you that most customers take the small pan.",
        "It is not safe to put this pan into the microwave.",
    ],
    "zh": [
        "很抱歉，我无法为这个订单退款，因为已超过三十天。",
        "我们不能把包裹寄到挪威。",
        "您无法在应用里修改地址，请联系我们，我可以帮助您。",
        "抱歉，我无法提供订单的准确到达时间。",
        "我不能帮您取消已经发货的订单，但可以办理退货。",
    ],
    "hi": [
        "मैं इस ऑर्डर का पैसा वापस नहीं कर सकता, क्योंकि तीस दिन बीत चुके हैं।",
        "हम नॉर्वे में सामान नहीं भेज सकते।",
        "आप ऐप में पता नहीं बदल सकते, पर मैं आपकी मदद कर सकता हूँ।",
    ],
    "es": [
        "No puedo reembolsar este pedido, porque se entregó en marzo.",
        "No puede devolver artículos abiertos, pero puedo ayudarle con un cambio.",
        "Lo siento, no enviamos a Noruega.",
        "No puedo ayudarte a cambiar la dirección después del envío; llama al transportista.",
        "No puedo procesar su solicitud de reembolso sin el número de pedido.",
    ],
    "ar": [
        "لا يمكنني رد المبلغ لهذا الطلب لأنه سُلّم في مارس.",
        "لا يمكنك إرجاع المنتجات المفتوحة، لكن يمكنني مساعدتك في الاستبدال.",
        "عذرًا، لا نشحن إلى النرويج.",
        "لا يمكنني تغيير العنوان بعد الشحن.",
        "لا يمكنني معالجة هذا الطلب، فالدفع لم يصل.",
    ],
    "fr": [
        "Je ne peux pas rembourser cette commande, car elle a été livrée en mars.",
        "Vous ne pouvez pas retourner un article ouvert, mais je peux vous aider à l'échanger.",
        "Désolé, nous ne livrons pas en Norvège.",
        "Je ne peux pas traiter votre demande de remboursement sans numéro de commande.",
    ],
    "bn": [
        "আমি এই অর্ডারের টাকা ফেরত দিতে পারব না, কারণ ত্রিশ দিন পেরিয়ে গেছে।",
        "আমরা নরওয়েতে পণ্য পাঠাতে পারি না।",
        "আপনি অ্যাপে ঠিকানা বদলাতে পারবেন না, তবে আমি সাহায্য করতে পারি।",
    ],
    "pt": [
        "Não posso reembolsar este pedido, porque foi entregue em março.",
        "Não é possível devolver artigos abertos, mas posso ajudar com a troca.",
        "Desculpe, não enviamos para a Noruega.",
        "Não posso processar este pedido sem o endereço.",
        "Não consigo ajudar a alterar o endereço depois do envio; fale com a transportadora.",
    ],
    "ru": [
        "Я не могу вернуть деньги за этот заказ, потому что он доставлен в марте.",
        "Вы не можете вернуть открытый товар, но я могу помочь с обменом.",
        "К сожалению, мы не доставляем в Норвегию.",
        "Я не могу изменить адрес после отправки.",
        "Без номера заказа я не могу помочь вам с возвратом товара.",
    ],
    "id": [
        "Saya tidak bisa mengembalikan dana pesanan ini karena sudah lewat tiga puluh hari.",
        "Anda tidak dapat mengembalikan barang yang sudah dibuka, tetapi saya bisa membantu menukarnya.",
        "Maaf, kami tidak mengirim ke Norwegia.",
        "Saya tidak bisa membantu mengubah alamat setelah barang dikirim.",
    ],
    "de": [
        "Ich kann diese Bestellung nicht erstatten, weil sie im März geliefert wurde.",
        "Geöffnete Artikel können Sie nicht zurückgeben, aber ich kann Ihnen beim Umtausch helfen.",
        "Leider liefern wir nicht nach Norwegen.",
        "Ich kann Ihnen die Adresse nach dem Versand nicht mehr ändern.",
    ],
    "ja": [
        "三月に配達されたため、この注文は返金できません。",
        "開封済みの商品は返品できませんが、交換のお手伝いはできます。",
        "申し訳ありませんが、ノルウェーへの発送には対応できません。",
        "発送後の住所変更のお手伝いはできません。",
    ],
}


@pytest.mark.parametrize(("language", "reply"), [(name, text) for name, texts in REFUSALS.items() for text in texts])
def test_a_refusal_is_known_in_each_language(language: str, reply: str) -> None:
    for text in (reply, f"\n {reply}\n\nIs there anything else?", reply.upper()):
        with pytest.raises(CheckFailed, match="the model refused") as caught:
            assert_not_refusal(text)
        assert caught.value.category == "refusal"


@pytest.mark.parametrize(("language", "reply"), [(name, text) for name, texts in ANSWERS.items() for text in texts])
def test_what_cannot_be_done_for_a_customer_is_an_answer_and_no_refusal(language: str, reply: str) -> None:
    assert_not_refusal(reply)


@pytest.mark.parametrize("language", REFUSALS)
def test_a_refusal_is_looked_for_at_the_start_alone(language: str) -> None:
    assert_not_refusal("Thanks! " * 60 + REFUSALS[language][0])


def test_both_tables_have_the_same_languages() -> None:
    assert REFUSALS.keys() == ANSWERS.keys()
    assert len(REFUSALS) == 12
