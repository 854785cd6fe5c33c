"""Money: the ledger and its budget tree, periods, caps, prices, forecasts, reconciliation, keys that charge a node."""
