"""Domain experts: language models that answer the questions routed to them."""
