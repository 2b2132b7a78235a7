"""What Larkmoor Kitchen promises its customers. Answers may say this and nothing more."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["POLICIES", "passages"]

POLICIES: dict[str, str] = {
    "returns": (
        "Unused items in their box can be returned within 30 days of delivery. The return parcel costs 4.90 EUR, which "
        "we deduct from the refund; it is free when the item is faulty or we sent the wrong one. Opened coffee, tea "
        "and filters cannot be returned unless they are faulty."
    ),
    "last_chance": (
        "Items from the Last Chance corner can be exchanged within 14 days of delivery, but not refunded. The exchange "
        "must be for an item of the same or a higher price."
    ),
    "refund_time": (
        "We refund to the payment method that was used for the order within 5 working days after the parcel reaches "
        "our warehouse in Utrecht. If that method no longer exists, we refund as a gift card."
    ),
    "damage": (
        "Report transport damage within 7 days of delivery with a photo of the item and one of the box. We replace the "
        "item or refund it in full. Items below 25 EUR need not be sent back."
    ),
    "warranty": (
        "Electrical appliances have a 2-year warranty, Orrin cast iron has 10 years. The warranty covers faults of "
        "material and manufacture, not wear, limescale or drops. A receipt or the order number is needed."
    ),
    "shipping_near": (
        "Standard delivery in the Netherlands, Belgium and Germany takes 2 to 3 working days and costs 4.95 EUR; it is "
        "free for orders from 60 EUR."
    ),
    "shipping_eu": (
        "Delivery elsewhere in the EU takes 4 to 6 working days and costs 9.95 EUR; it is free for orders from 120 EUR."
    ),
    "shipping_world": (
        "We deliver to Norway, Switzerland and the United Kingdom for 14.95 EUR in 5 to 8 working days. Import duties "
        "are paid by the customer to the carrier. We do not deliver outside Europe."
    ),
    "express": (
        "Express delivery costs 12.50 EUR, is possible within the Netherlands only, and arrives the next working day "
        "when ordered before 15:00. If express arrives late, we refund the express fee."
    ),
    "lost": (
        "A parcel counts as lost when its tracking has not changed for 7 working days. We then send the order again or "
        "refund it, as the customer prefers."
    ),
    "change": (
        "An order can be cancelled or its address changed in My orders until it is packed, usually 2 hours after "
        "ordering. A packed order cannot be changed; it can be returned instead."
    ),
    "pickup": (
        "Orders can be picked up free of charge at our counter in Utrecht, Monday to Saturday from 10:00 to 18:00. We "
        "keep a parcel for 10 days, then the order is refunded. Bring the order number."
    ),
    "subscription": (
        "The Morrow subscription can be paused, changed or cancelled until 3 days before the next roast day; we roast "
        "every Tuesday. A pause lasts 8 weeks at most. There is no notice period."
    ),
    "gift_subscription": "Gift subscriptions run for 3 or 6 months, are paid once and end by themselves.",
    "gift_card": (
        "Gift cards are valid for 3 years, cannot be exchanged for cash, and can be combined with any other payment "
        "method. What is left stays on the card."
    ),
    "payment": (
        "We accept iDEAL, Bancontact, Visa, Mastercard, PayPal and Klarna. Klarna is offered for orders from 30 to 500 "
        "EUR and must be paid within 14 days. Cards are charged when the order is shipped."
    ),
    "price_drop": (
        "If we lower a price within 7 days of your order, we give the difference as a voucher when asked. We do not "
        "match the prices of other shops."
    ),
    "welcome": (
        "The code WELCOME10 gives 10% off a first order. It is not valid for gift cards, subscriptions and Orrin cast "
        "iron, and cannot be combined with other codes."
    ),
    "club": (
        "Kettle Club members collect 1 point per euro; 100 points are worth a 5 EUR voucher. Points are credited when "
        "the return period is over and expire after 18 months without an order."
    ),
    "invoice": (
        "The invoice is mailed as a PDF when the order is shipped. A VAT number can be added up to 14 days after the "
        "order. Invoices stay in My orders for 7 years."
    ),
    "spare_parts": (
        "Spare parts for grinders and kettles are available for 7 years after the last sale of the model. We do not "
        "repair out of warranty ourselves, but name a repair partner on request."
    ),
    "privacy": (
        "Personal data is deleted within 30 days of a request. Invoices are kept for 7 years because tax law requires "
        "it."
    ),
    "business": (
        "Business customers can pay on account with 30 days to pay from their second order. For 20 pieces or more we "
        "make an offer within 2 working days."
    ),
    "recall": (
        "Skerry mugs of batch 2231 are recalled because the handle can come off. Stop using them; we refund 18 EUR per "
        "mug without a receipt, and the mug need not be sent back."
    ),
    "care": (
        "All Orrin and Brae pans work on induction. Orrin is oven-safe to 260 °C, Skerry stoneware to 220 °C. Skerry "
        "is dishwasher-safe; Brae knives and Orrin cast iron are not."
    ),
    "coffee": (
        "Morrow coffee is best from 7 days to 3 months after the roast date on the bag. Bags hold 250 g or 1 kg."
    ),
}


def passages(topics: Iterable[str]) -> tuple[str, ...]:
    """The policy texts of some topics, in the order asked for.

    Raises:
        KeyError: there is no such topic.
    """
    return tuple(POLICIES[topic] for topic in topics)
