"""What the regression gate found, for people and for machines."""
