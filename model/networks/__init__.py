"""What computes: from tokens and a state to logits and another state.

Owns the interface, and knows neither of those who keep it. May import `folder`.
Start at `interface.Network`.
"""
