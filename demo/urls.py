"""The demo shop's addresses, below /shop/."""

from django.urls import path
from django.views.i18n import set_language

from demo import ordering, storefront

urlpatterns = [
    path("", storefront.home, name="storefront"),
    path("aisle/<slug:slug>", storefront.aisle, name="shop_aisle"),
    path("category/<path:name>", storefront.category, name="shop_category"),
    path("search", storefront.search, name="shop_search"),
    path("categories", storefront.shelf_labels, name="shop_labels"),
    path("product/<path:sku>", storefront.product, name="shop_product"),
    path("cart", storefront.show_cart, name="shop_cart"),
    path("cart/change", storefront.change_cart, name="shop_change"),
    path("checkout", ordering.checkout, name="shop_checkout"),
    path("checkout/order", ordering.place_order, name="shop_order"),
    path("thanks", ordering.thanks, name="shop_thanks"),
    path("orders", ordering.orders, name="shop_orders"),
    path("orders/cancel", ordering.cancel_order, name="shop_cancel"),
    path("chat", storefront.chat, name="shop_chat"),
    path("shopper", storefront.switch, name="shop_switch"),
    path("language", set_language, name="shop_language"),
]
