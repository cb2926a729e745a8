"""Weir's Spark job: reads topic `events`, folds windows into PostgreSQL, writes product vectors to Qdrant."""
