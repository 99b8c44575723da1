"""Training and evaluation of the embedded model; nothing of the runtime imports it."""
