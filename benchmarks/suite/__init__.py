"""A suite: contestants on several data sets, cell by cell, and the league table that they end in."""
