"""Every knob: one root YAML a command, one group a choice; `schema` checks them."""
