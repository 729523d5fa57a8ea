"""Microsoft 365 as this portal needs it: sign-in, proof of admin consent, and a small Graph client.

No models.
"""
