"""How each provider is spoken to: one file a dialect, `apis` the table of them."""
