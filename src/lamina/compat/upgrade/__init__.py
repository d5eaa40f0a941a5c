"""`lamina upgrade`: programs with today's spellings, by the tables for old programs."""
