"""Results of the regression gate, for people and for machines."""
