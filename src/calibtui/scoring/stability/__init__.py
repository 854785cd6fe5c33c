"""How far a score can be relied on: two passes beside each other (`agreement`), over a fair sample (`sample`), and one
model's scores put on another's scale (`mapping`)."""
