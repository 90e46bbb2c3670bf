"""What learns. Plain Python and numpy; knows no Kafka, Redis, clock or settings."""
