from subscriptions.models.period import Period
from subscriptions.models.product import Product, SubscriptionProduct
from subscriptions.models.subscription import Subscription

__all__ = ["Period", "Product", "Subscription", "SubscriptionProduct"]
